"""The whole product, started as `up`, for measurements that need all its processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from bench.processes import Program, free_port, plain_environment, running, wait_until
from bench.servers import CLI, PARTS, parts_of
from pipeline.database.client import connect
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse

HIT = "/p.gif?s=clinic&m=img&u=https%3A%2F%2Fclinic.example%2F&n=1"


@dataclass(frozen=True, slots=True)
class Product:
    """A running `up`."""

    program: Program
    settings: Settings
    environment: dict[str, str]

    def parts(self) -> dict[str, Program]:
        """Return its processes, once all of them run."""
        wait_until(lambda: len(parts_of(self.program)) == len(PARTS) + 1, lambda: True, "the processes of `up`")
        return parts_of(self.program)

    def command(self, *arguments: str) -> dict[str, Any]:
        """Run a command of the product and return the facts that it prints; the exit code may tell of lost events."""
        done = subprocess.run(
            [*CLI, *arguments, "--format", "json"],
            env=plain_environment() | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    def ask(self, query: str) -> Any:
        """Return the first value of a query."""
        with connect(self.settings, "pixel_admin") as client:
            return client.query(query).result_rows[0][0]

    def stored(self) -> int:
        count: int = self.ask("SELECT count() FROM pixel.events")
        return count

    def wait_until_shipped(self) -> None:
        """Return once the spool is empty."""
        spool = self.settings.spool_dir
        wait_until(
            lambda: not any(path.stat().st_size for path in (*spool.glob("*.seg"), *spool.glob("*.open"))),
            lambda: True,
            "an empty spool",
            seconds=300,
        )


@contextmanager
def product(data: Path, sites: str = "") -> Iterator[Product]:
    """Run `up`; it begins when a hit was accepted. `sites` is JSON, as in PIXEL_SITES."""
    ports = free_port(), free_port()
    environment = {
        "PIXEL_DATA": str(data),
        "PIXEL_COLLECTOR__PORT": str(ports[0]),
        "PIXEL_COLLECTOR__TRUSTED_PROXIES": '["127.0.0.1/32"]',
        "PIXEL_CLICKHOUSE__PORT": str(ports[1]),
    } | ({"PIXEL_SITES": sites} if sites else {})
    url = f"http://127.0.0.1:{ports[0]}"
    with running([*CLI, "up"], environment=environment, ready=lambda: _is_accepted(url)) as program:
        settings = Settings(data=data, clickhouse=ClickHouse(port=ports[1]))
        yield Product(program._replace(url=url), settings, environment)


def _is_accepted(url: str) -> bool:
    try:
        return urllib3.request("GET", url + HIT, retries=False, timeout=1).status == 200
    except urllib3.exceptions.HTTPError:
        return False
