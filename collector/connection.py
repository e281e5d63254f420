"""One HTTP connection: uvicorn's parser with a deadline for a request and with counted refusals.

Owns the time before the application gets a request. Rules:

* Bytes that are not HTTP are refused like any other hit: counted, answered with the GIF, the connection closed. So is a
  target over 64 KB, which the parser does not accept.
* Such a refusal writes no log line: a flood of them raises a counter and does not fill the disk.
* A request must be complete within `REQUEST_SECONDS`, the first one of a connection counted from its opening; uvicorn
  itself would wait for ever. Between two requests the keep-alive time of `open_connections` counts, not uvicorn's, which
  starts a timer for each request.
* The size of a whole request is bounded, because the parser keeps a header in memory until it is complete.
* A client that does not read its answers has the keep-alive time for it.
* A client that sends many requests without waiting for answers has at most some hundred of them read; the rest is read as
  its answers go out, so that one connection takes neither the memory nor the time of the others.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from collector.endpoints.pixel import GIF, HEADERS
from collector.open_connections import OpenConnections
from collector.process import Process
from pipeline.errors import Reason, Refused

REQUEST_SECONDS = 10.0  # 5 for the headers and 5 for a beacon's body, as nginx has it in front
SLICE = 4096  # bytes of a connection that the parser gets before the other connections have their turn
MAX_WAITING = 16  # pipelined requests from which on a connection is not read
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
    _dispatched = _complete = _is_reading_soon = False
    _received = 0
    _unread = b""
    _begun: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._process = cast("_Application", self.app).process
        self._start_deadline()
        self._open.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline; no request is answered any more."""
        self._cancel_deadline()
        self._open.ended(self.transport)
        self._unread = b""
        if self._begun is not None:
            self._begun.disconnected = True  # uvicorn marks the last request, which may still wait behind this one
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read the received bytes while few requests wait; keep the rest and stop reading the socket."""
        self._unread += data
        self._read_on()

    def on_response_complete(self) -> None:
        """Begin the next request; read on when few wait. uvicorn would read after each answer, however many wait."""
        if self.transport.is_closing():
            self._open.idle(self.transport)
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._unread:
            self.flow.pause_reading()
            if len(self.pipeline) < MAX_WAITING // 2:
                self._read_soon()
        elif len(self.pipeline) < MAX_WAITING:
            self.flow.resume_reading()
        if self.cycle.response_complete:
            self._open.idle(self.transport)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        super().pause_writing()
        self._open.idle(self.transport)

    def resume_writing(self) -> None:
        """The client has read most of its answers."""
        super().resume_writing()
        if not (self.cycle.response_complete or self.transport.is_closing()):
            self._open.busy(self.transport)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._begun = cycle
        super()._start_asgi_task(cycle, app)

    def _read_soon(self) -> None:
        if not self._is_reading_soon:
            self._is_reading_soon = True
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        self._is_reading_soon = False
        if self._unread and len(self.pipeline) < MAX_WAITING and not self.transport.is_closing():
            piece, self._unread = self._unread[:SLICE], self._unread[SLICE:]
            self._parse(piece)
        if self.transport.is_closing():
            self._unread = b""
        elif self._unread:
            self.flow.pause_reading()
            if len(self.pipeline) < MAX_WAITING:
                self._read_soon()
        elif len(self.pipeline) < MAX_WAITING:
            self.flow.resume_reading()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        self._received = 0 if self._complete else self._received + len(data)
        if self._received > MAX_REQUEST and not self.transport.is_closing():
            self.send_400_response("")
        if not self._complete and self._deadline is None and not self.transport.is_closing():
            self._start_deadline()
            if self.cycle.response_complete:
                self._open.idle(self.transport)  # the keep-alive time, which is longer than the deadline, begins again

    def on_message_begin(self) -> None:
        """A request begins."""
        self._dispatched = self._complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The application gets the request, before its body is complete."""
        super().on_headers_complete()
        if not self.flow.write_paused:
            self._open.busy(self.transport)
        self._dispatched = True

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._dispatched, self._complete, self._received = False, True, 0
        self._cancel_deadline()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP; after the headers are complete the application counts the refusal."""
        if not self._dispatched:
            self._process.refuse(Refused(Reason.BAD_HTTP))
        self.transport.write(_UNREADABLE)
        self._open.idle(self.transport)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        # The request is answered as if it had not asked for another protocol; the bytes after it are not read, so the
        # connection gets a deadline.
        self._complete = False

    @property
    def _open(self) -> OpenConnections:
        return self._process.connections

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
