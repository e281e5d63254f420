"""One HTTP connection: uvicorn's parser with a deadline for a request and with counted refusals.

Owns the time before the application gets a request. Rules:

* Bytes that are not HTTP are refused like any other hit: counted, answered with the GIF, the connection closed. So is a
  target over 64 KB, which the parser does not accept.
* Such a refusal writes no log line: a flood of them raises a counter and does not fill the disk.
* A request must be complete within `REQUEST_SECONDS`, the first one of a connection counted from its opening; uvicorn
  itself would wait for ever. Between two requests uvicorn's keep-alive time counts.
* The size of a whole request is bounded, because the parser keeps a header in memory until it is complete.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collector.endpoints.pixel import GIF, HEADERS
from collector.process import Process
from pipeline.errors import Reason, Refused

REQUEST_SECONDS = 10.0  # 5 for the headers and 5 for a beacon's body, as nginx has it in front
MAX_REQUEST = 2 * 1024 * 1024  # far over every limit that has its own reason, so that those reasons are counted


class _Application(Protocol):
    """The part of the application that a connection uses; uvicorn passes the application."""

    process: Process


_UNREADABLE = b"HTTP/1.1 %d Bad Request\r\n%bconnection: close\r\n\r\n%b" % (
    Reason.BAD_HTTP.status,
    b"".join(b"%b: %b\r\n" % header for header in HEADERS),
    GIF,
)


class Connection(HttpToolsProtocol):
    """The protocol of one connection; the application must be a `Collector`."""

    _deadline: asyncio.TimerHandle | None = None
    _dispatched = _complete = False
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self._cancel_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data; an incomplete request has a deadline."""
        super().data_received(data)
        self._received = 0 if self._complete else self._received + len(data)
        if self._received > MAX_REQUEST and not self.transport.is_closing():
            self.send_400_response("")
        if not self._complete and self._deadline is None and not self.transport.is_closing():
            self._start_deadline()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._dispatched = self._complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The application gets the request, before its body is complete."""
        super().on_headers_complete()
        self._dispatched = True

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._dispatched, self._complete, self._received = False, True, 0
        self._cancel_deadline()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP; after the headers are complete the application counts the refusal."""
        if not self._dispatched:
            cast("_Application", self.app).process.refuse(Refused(Reason.BAD_HTTP))
        self.transport.write(_UNREADABLE)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        # The request is answered as if it had not asked for another protocol; the bytes after it are not read, so the
        # connection gets a deadline.
        self._complete = False

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
