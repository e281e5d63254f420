"""A collector's connection without a socket: bytes in, bytes out, and what became of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from collector.app import Collector
from collector.connection import Connection
from pipeline.errors import Reason
from pipeline.event import Event, Measurement
from pipeline.settings.model import Settings
from pipeline.spool.append import Told

TURNS = 50
"""Turns of the loop, each of which lets every task do its next step: enough for all that waits for nothing but that."""
PEER = "198.51.100.7"


class Transport(asyncio.Transport):
    """Keeps what is written; like uvloop's it raises when it is written to after its end."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 4711), "sockname": ("127.0.0.1", 80)})
        self.written = b""
        self.closed = self.aborted = False
        self.reads = True

    def write(self, data: Any) -> None:
        """Keep bytes."""
        if self.closed:
            raise RuntimeError("unable to perform operation; the handler is closed")
        self.written += data

    def close(self) -> None:
        """Close it."""
        self.closed = True

    def abort(self) -> None:
        """Close it, whether or not all was sent."""
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        """Tell whether it is closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Note it: a test feeds when it wants."""
        self.reads = False

    def resume_reading(self) -> None:
        """Note it."""
        self.reads = True


class Wire:
    """One collector process in the running loop, whose hits go by one of the two ways."""

    def __init__(self, settings: Settings, http: type[Connection]) -> None:
        self.app = Collector(settings)
        self.process = self.app.process
        self.process.tables.random = bytes  # event ids and cookies without chance, so that two processes give the same
        self._http = http
        self._config = uvicorn.Config(self.app, http=http, log_level="critical", ws="none")
        self._config.load()
        self._config.loaded_app = self.app  # without uvicorn's own middleware, as in the product
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
        self.events: list[Event | Measurement] = []
        self._offered = 0
        self._offer = self.process.spool.offer
        self.process.spool.offer = self._watched  # type: ignore[method-assign]

    def _watched(self, events: Iterable[Event | Measurement], told: Told) -> None:
        def passed_on(reason: Reason | None) -> None:
            self._offered -= 1
            told(reason)

        events = list(events)
        self._offer(events, passed_on)
        self._offered += 1
        self.events += events

    def connect(self, peer: str = PEER) -> tuple[Connection, Transport]:
        """Return a new connection and its transport."""
        connection, transport = self._http(self._config, self.state, {}), Transport(peer)
        connection.connection_made(transport)
        return connection, transport

    async def exchange(self, pieces: Iterable[bytes], peer: str = PEER) -> tuple[list[bytes], bool]:
        """Send pieces over a new connection, each after the answers to the one before; return the answers, and whether it closed."""
        connection, transport = self.connect(peer)
        for piece in pieces:
            if transport.closed:
                break
            connection.data_received(piece)
            await self.settle(connection)
        closed = transport.closed
        transport.closed = True
        connection.connection_lost(None)
        await self.settle(connection)
        return answers(transport.written), closed

    async def settle(self, connection: Connection) -> None:
        """Wait until every complete request of a connection is answered and its events are on disk."""
        turns = 0
        async with asyncio.timeout(20):
            while self._offered or self.state.tasks or _is_busy(connection):
                await asyncio.sleep(0)
                # A body that does not arrive leaves its request open, as it should.
                turns = turns + 1 if _waits_for_body(connection) and not self._offered else 0
                if turns > TURNS:
                    break

    def counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the start."""
        return dict(self.process.counters.totals())


def _is_busy(connection: Connection) -> bool:
    if connection.transport.is_closing():
        return False
    return bool(connection._unread) or not (_has_none(connection) or connection.cycle.response_complete)


def _waits_for_body(connection: Connection) -> bool:
    return not (connection._complete or _has_none(connection)) and connection.cycle.more_body


def _has_none(connection: Connection) -> bool:
    cycle: object = connection.cycle  # None before the first request, although uvicorn does not declare it so
    return cycle is None


def answers(written: bytes) -> list[bytes]:
    """Return the answers of a connection, one by one."""
    return [piece for piece in re.split(rb"(?=HTTP/1\.1 \d)", written) if piece]
