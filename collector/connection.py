"""One HTTP connection: uvicorn's reading of it, with this product's deadline and its way of refusing.

Owns the time before the application gets a request. Rules:

* Bytes that are not HTTP are refused like any other hit: counted, answered with the GIF, the connection closed. So is a
  target over 64 KB, which the parser does not take.
* They are not logged: a sender of junk fills a counter and not the disk.
* A request must be whole within `REQUEST_SECONDS`, the first one of a connection counted from its opening; uvicorn
  itself would wait for ever. Between two requests its keep-alive time counts.
* The size of a whole request is bounded, because the parser keeps a header until it is complete.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collector.endpoints.pixel import GIF, HEADERS
from collector.process import Process
from pipeline.errors import STATUS, Reason, Refused

REQUEST_SECONDS = 10.0  # 5 for the headers and 5 for a beacon's body, as nginx has it in front
MAX_REQUEST = 2 * 1024 * 1024  # far over every limit that has a reason of its own, so that those can name theirs


class _Application(Protocol):
    """The part of the application that a connection uses."""

    process: Process


_UNREADABLE = b"HTTP/1.1 %d Bad Request\r\n%bconnection: close\r\n\r\n%b" % (
    STATUS[Reason.BAD_HTTP],
    b"".join(b"%b: %b\r\n" % header for header in HEADERS),
    GIF,
)


class Connection(HttpToolsProtocol):
    """The protocol of one connection; the application must be a `Collector`."""

    _deadline: asyncio.TimerHandle | None = None
    _taken = _whole = False
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin, with a deadline for the first request."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read the received bytes; an incomplete request has a deadline."""
        super().data_received(data)
        self._received = 0 if self._whole else self._received + len(data)
        if self._received > MAX_REQUEST and not self.transport.is_closing():
            self.send_400_response("")
        if not self._whole and self._deadline is None and not self.transport.is_closing():
            self._watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._taken = self._whole = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The application gets the request, whatever follows."""
        super().on_headers_complete()
        self._taken = True

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._taken, self._whole, self._received = False, True, 0
        self._unwatch()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP; an error inside a body is counted by the route."""
        if not self._taken:
            cast("_Application", self.app).process.refuse(Refused(Reason.BAD_HTTP))
        self.transport.write(_UNREADABLE)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        # Answered as if it had not asked for another protocol; later bytes are not read, so the connection ends.
        self._whole = False

    def _watch(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
