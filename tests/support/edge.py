"""A collector to test against: the real application under uvicorn in a thread, and what it put into its spool."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Self

import pytest
import uvicorn
import uvloop

from collector.app import Collector
from collector.connection import Connection
from collector.direct import DirectConnection
from pipeline.event import CountsRecord, Event, Measurement, SpoolRecord
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.spool.records import BadLine, read
from support.command import free_port
from support.waiting import wait_until

CLINIC = Site(
    id="clinic",
    hosts=("localhost", "clinic.example"),
    ad_hosts=("127.0.0.1",),
    sensitive={"services/sensitive": ("/services/hiv",)},
)


WAYS = pytest.mark.parametrize("http", [DirectConnection, Connection], ids=["direct", "reference"])
"""Runs a test once for each way of a hit."""


class Served:
    """Any ASGI application on a loopback port of its own, for as long as the `with` block lasts."""

    def __init__(self, app: object, *, port: int | None = None, http: type[asyncio.Protocol] | str = "auto") -> None:
        self.port = port or free_port()
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]
            port=self.port,
            http=http,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        uvloop.run(self._server.serve())  # the loop of the product, whose closed transports refuse to be written to

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self

    def end_soon(self) -> None:
        """Begin the orderly shutdown."""
        self._server.should_exit = True

    def __exit__(self, *_: object) -> None:
        self.end_soon()
        self._thread.join(10)
        assert not self._thread.is_alive()


class Edge:
    """A running collector with its own data directory; `http` is the way of its hits, the product's or the reference."""

    def __init__(
        self,
        data: Path,
        *,
        sites: tuple[Site, ...] = (CLINIC,),
        http: type[Connection] = DirectConnection,
        **sections: object,
    ) -> None:
        self.settings = Settings(data=data, sites=sites, **sections)  # type: ignore[arg-type]
        self.app = Collector(self.settings)
        self.served = Served(self.app, http=http)

    @property
    def url(self) -> str:
        return self.served.url

    def __enter__(self) -> Self:
        self.served.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.served.__exit__()

    def records(self) -> list[SpoolRecord]:
        found: list[SpoolRecord] = []
        for file in sorted(self.settings.spool_dir.iterdir()):
            if file.suffix in (".open", ".seg"):
                found += [record for record in read(file) if not isinstance(record, BadLine)]
        return found

    def events(self) -> list[Event]:
        return [record for record in self.records() if isinstance(record, Event)]

    def signals(self) -> list[Measurement]:
        return [record for record in self.records() if isinstance(record, Measurement)]

    def refusals(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for record in self.records():
            for count in record.counts if isinstance(record, CountsRecord) else ():
                if count.name == "refused":
                    counts[count.reason] = counts.get(count.reason, 0) + count.value
        return counts
