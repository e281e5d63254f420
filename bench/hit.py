"""The collector's way of a hit in one process, without sockets, threads and disk: from bytes to a spool line and the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from collector.app import Collector
from collector.direct import DirectConnection
from pipeline.event import Event, Measurement
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector as CollectorSection
from pipeline.spool.append import Told
from pipeline.spool.records import frame


class _Transport(asyncio.Transport):
    """A connection whose answers are only counted."""

    answers = 0
    refused = 0

    def write(self, data: Any) -> None:
        self.answers += 1
        self.refused += not data.startswith(b"HTTP/1.1 200")

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def in_process(data: Path) -> Iterator[Callable[[bytes], None]]:
    """Lend a function that takes one request as the collector does, up to the spool, which says at once that it is on disk."""
    settings = Settings(data=data, collector=CollectorSection.model_validate({"trusted_proxies": ["127.0.0.1/32"]}))
    app = Collector(settings)

    def offer(events: Sequence[Event | Measurement], told: Told) -> None:
        for event in events:
            frame(event)
        told(None)

    app.process.spool.offer = offer  # type: ignore[method-assign]
    loop = asyncio.new_event_loop()
    config = uvicorn.Config(app, lifespan="off", ws="none", proxy_headers=False, server_header=False, log_level="error")
    config.load()
    config.loaded_app = app
    transport = _Transport({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 80)})
    connection = DirectConnection(config, ServerState(), {}, loop)
    connection.connection_made(transport)
    try:
        yield connection.data_received
        if transport.refused or not transport.answers:
            raise SystemExit(f"bench: {transport.refused} of {transport.answers} hits were refused in one process")
    finally:
        connection.connection_lost(None)
        loop.close()
