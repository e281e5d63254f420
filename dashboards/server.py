"""Runs the dashboards under uvicorn: one process, its socket, and the link for the first administrator.

Owns the time and size that a connection may take before a page is asked. uvicorn itself would wait for ever for a request, and keep a head
of any size in memory; few such connections would keep everybody out.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.responses import Response
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from dashboards.access.links import Links
from dashboards.access.store import access_file
from dashboards.app import application
from dashboards.pages.sign_in import WELCOME
from dashboards.render import refusal
from dashboards.words.catalogue import preferred
from pipeline.errors import Fatal
from pipeline.settings.model import Settings

REQUEST_SECONDS: Final = 20.0
"""A request must be complete by then; a page waits ten of them for a form."""
READ_SECONDS: Final = 60.0
"""A browser that does not read its answer is left by then."""
LARGEST_HEAD: Final = 32 * 1024
LARGEST_REQUEST: Final = 1024 * 1024
"""What is sent beyond an answer that was given already is read up to here, so that a browser sees the answer."""
CONNECTIONS: Final = 200


class Connection(HttpToolsProtocol):
    """One connection, with a deadline for each request and a bound for its size."""

    _deadline: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _begun: RequestResponseCycle | None = None
    _has_head, _received = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._begin_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the timers."""
        self._end_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read bytes, unless there are too many."""
        if self.transport.is_closing():
            return
        self._begin_deadline()
        self._received += len(data)
        if self._received > LARGEST_REQUEST:
            self.transport.abort()
            return
        super().data_received(data)
        if not self._has_head and self._received > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(431 if self.headers else 414, "too_long")

    def on_message_begin(self) -> None:
        """A request begins, perhaps right behind another one."""
        self._begin_deadline()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A page is asked."""
        self._has_head = True
        super().on_headers_complete()
        if self.parser.should_upgrade():  # answered as if it had not asked for another protocol
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """A request is complete: the next one begins."""
        self._has_head, self._received = False, 0
        self._end_deadline()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The browser does not read its answer."""
        super().pause_writing()
        self._reading = self._reading or self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The browser has read most of its answer."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP; after an answer was begun there is only the end."""
        if self._begun is not None and self._begun.response_started and not self._begun.response_complete:
            self.transport.abort()
        else:
            self._refuse(400, "not_http")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._begun = cycle
        full = self._page(503, "full") if app is service_unavailable else None
        super()._start_asgi_task(cycle, full or app)  # type: ignore[arg-type]  # a page is an application as well

    def _unsupported_upgrade_warning(self) -> None:
        pass

    def _page(self, status: int, text: str) -> Response:
        accepted = next((value for name, value in self.headers or () if name == b"accept-language"), b"")
        return refusal(preferred(accepted.decode("latin-1")), status, text)

    def _refuse(self, status: int, text: str) -> None:
        answer = self._page(status, text)
        headers = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.transport.write(b"%b%bconnection: close\r\n\r\n%b" % (STATUS_LINE[status], headers, bytes(answer.body)))
        self.transport.close()

    def _begin_deadline(self) -> None:
        self._deadline = self._deadline or self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def configuration(settings: Settings) -> uvicorn.Config:
    """Return how uvicorn runs the pages."""
    return uvicorn.Config(
        application(settings),
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,  # addresses of people, and what they looked for
        log_level=logging.ERROR,
        timeout_graceful_shutdown=5,
        limit_concurrency=CONNECTIONS,
    )


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Print the address and serve until a signal; raises `Fatal` with one line if the pages cannot start."""
    own = settings.dashboards
    listener = _listen(own.host, own.port)
    say(f"dashboards on {own.browser_url}/")
    if first := Links(access_file(settings)).make_first():
        say(f"first administrator, once and within a day: {own.browser_url}{WELCOME}?token={first}")
    uvicorn.Server(configuration(settings)).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Fatal(
                f"dashboards.port: {host}:{port} is in use; stop the other program or choose another port"
            ) from None
        raise Fatal(f"dashboards.host: cannot listen on {host}:{port}: {error.strerror}") from None
