"""The servers under load: the collector alone, the whole product, ClickHouse alone, an ASGI app on the same uvicorn settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.processes import SERVER_CORE, Program, children, free_port, running
from pipeline.database.client import ping
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.settings.site import Site

CLI = [sys.executable, "-m", "pipeline"]
PARTS = ("collect", "ship", "clickhouse")


@contextmanager
def collector(data: Path, durability: str = "fsync", command: Sequence[str] = (*CLI, "collect")) -> Iterator[Program]:
    """Run one collector process as shipped, on the servers' core."""
    port = free_port()
    given = {
        "PIXEL_DATA": str(data),
        "PIXEL_COLLECTOR__PORT": str(port),
        "PIXEL_COLLECTOR__DURABILITY": durability,
        "PIXEL_COLLECTOR__TRUSTED_PROXIES": '["127.0.0.1/32"]',
    }
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/health/live"
    with running(command, url=ready, core=SERVER_CORE, environment=given) as program:
        yield program._replace(url=url)


@contextmanager
def asgi(app: str, environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Run an ASGI app with the collector's settings of uvicorn, on the servers' core."""
    port = free_port()
    plain = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), *plain]
    with running(command, url=f"http://127.0.0.1:{port}", core=SERVER_CORE, environment=environment) as program:
        yield program


@contextmanager
def clickhouse(data: Path, sites: Sequence[str] = ("clinic",)) -> Iterator[tuple[Program, Settings]]:
    """Run the embedded ClickHouse for these sites, not migrated yet."""
    of_sites = tuple(Site(id=name, hosts=(f"{name}.example",)) for name in sites)
    settings = Settings(data=data, sites=of_sites, clickhouse=ClickHouse(port=free_port()))
    given = {"PIXEL_DATA": str(data), "PIXEL_CLICKHOUSE__PORT": str(settings.clickhouse.port)}
    with running([*CLI, "clickhouse"], environment=given, ready=lambda: ping(settings)) as program:
        yield program, settings


def parts_of(up: Program) -> dict[str, Program]:
    """Return the processes of a running `up` by their command, and the supervisor itself."""
    found = {"up": up}
    for pid in children(up.pid):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        found |= {part: Program(pid) for part in PARTS if part in words}
    return found
