"""The usual hit, answered from the callbacks of the parser: without ASGI scope, task and coroutine.

Owns the choice between the two ways. Theory of operation:

* `GET /p.gif?...` in HTTP/1.1, on a connection that stays open, without a body, an `Expect` or an upgrade, and with no
  answer outstanding, goes the direct way. Every other request goes the way of `collector.connection`, which is the
  reference: a request gives the same events, counts and answer by both.
* The hit takes the place of uvicorn's `cycle`. So uvicorn's own rules hold for it: a pipelined request waits until it is
  answered, a shutdown waits for it and closes the connection, and a lost connection is marked in it.
* The group of the spool answers its hits in one loop. A connection that is gone is skipped: writing to it would raise, and
  the others of the group would get no answer.
* A client that does not read its answers gets the next one by the reference way, which waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from operator import itemgetter
from typing import ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from collector.connection import Connection
from collector.endpoints.pixel import GIF, head, take_pixel
from collector.http.request import MAX_TARGET
from pipeline.errors import Reason

TARGET: Final = b"/p.gif?"
REFERENCE_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
"""A request with one of these may have a body, or asks for more than an answer."""

_name = itemgetter(0)


class _Unused:
    """The event of a body, which no hit has."""

    def set(self) -> None:
        """Do nothing."""


class _Hit:
    """A hit from its last byte to its answer, with the attributes that uvicorn uses of a cycle."""

    __slots__ = ("disconnected", "keep_alive", "more_body", "response_complete")
    message_event: ClassVar = _Unused()

    def __init__(self) -> None:
        self.keep_alive = True
        self.more_body = self.disconnected = self.response_complete = False


def answer(
    refused: Reason | None, set_cookie: str, common: Iterable[tuple[bytes, bytes]], *, keep_alive: bool
) -> bytes:
    """Return the answer of a hit as uvicorn would write it; `common` are the headers of every answer, such as the date."""
    cookie = b"set-cookie: %b\r\n" % set_cookie.encode() if set_cookie and refused is None else b""
    end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
    return b"".join((_head(refused, tuple(common)), cookie, end, GIF))


@lru_cache(maxsize=64)  # a new date each second, one entry for each reason
def _head(refused: Reason | None, common: tuple[tuple[bytes, bytes], ...]) -> bytes:
    status, headers = head(refused, "")
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % pair for pair in (*common, *headers))


class DirectConnection(Connection):
    """A connection whose usual hits go the direct way."""

    _hit: _Hit | None = None

    def on_message_begin(self) -> None:
        """A request begins; its scope is made when it goes the reference way."""
        self._dispatched = self._complete = False
        self.url, self.headers = b"", []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Choose the way."""
        if self._goes_direct():
            self._hit = _Hit()
            self.cycle = cast("RequestResponseCycle", self._hit)
            self._open.busy(self.transport)
            return
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete: take the hit."""
        super().on_message_complete()
        hit, self._hit = self._hit, None
        if hit is not None:
            self._take(hit)

    def _goes_direct(self) -> bool:
        parser = self.parser
        return (
            self.url.startswith(TARGET)
            and len(self.url) <= MAX_TARGET
            and b"#" not in self.url
            and parser.get_method() == b"GET"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and REFERENCE_HEADERS.isdisjoint(map(_name, self.headers))
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]  # None at first
            and not self.flow.write_paused
        )

    def _take(self, hit: _Hit) -> None:
        process = self._process
        scope = {
            "method": "GET",
            "http_version": "1.1",
            "scheme": self.scheme,
            "path": "/p.gif",
            "raw_path": b"/p.gif",
            "query_string": self.url[len(TARGET) :],
            "headers": self.headers,
            "client": self.client,
        }
        try:
            now_ms = process.moment()
            events, set_cookie = take_pixel(process, scope, now_ms=now_ms)
        except Exception as error:  # noqa: BLE001 - the edge never answers 500: see `Process.refuse`
            self._answer(hit, "", process.refuse(error).reason)
        else:
            process.offer(events, partial(self._answer, hit, set_cookie), now_ms=now_ms)

    def _answer(self, hit: _Hit, set_cookie: str, refused: Reason | None) -> None:
        if self.transport.is_closing():
            return
        common = self.server_state.default_headers
        self.transport.write(answer(refused, set_cookie, common, keep_alive=hit.keep_alive))
        hit.response_complete = True
        if not hit.keep_alive:
            self.transport.close()
        self.on_response_complete()
