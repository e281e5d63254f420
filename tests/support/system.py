"""The whole product as a person runs it, `clinic-pixel up` in a process of its own, on free ports."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import urllib3

from pipeline.database.client import connect
from pipeline.settings.model import Settings, load
from support.command import CLI, free_port, plain_environment
from support.waiting import wait_until

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)

QUIET_SITE = "quiet"
"""A second site of the shared system, which only the test of one report visits."""
TWICE_SITE = "twice"
"""A third one, whose hits are all delivered twice."""


class System:
    """Collector, shipper and embedded ClickHouse under the supervisor."""

    def __init__(self, home: Path, **sections: dict[str, Any] | list[dict[str, Any]]) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "pixel.toml"
        defaults: dict[str, dict[str, Any]] = {
            "collector": {"port": free_port(), "trusted_proxies": ["127.0.0.1/32"]},
            "clickhouse": {"port": free_port()},
            "dashboards": {"port": free_port()},
            "spool": {"segment_seconds": 0.3},
            "ship": {"poll_seconds": 0.1, "retry_seconds": 1.0},
        }
        merged: dict[str, Any] = defaults | sections
        for name, values in defaults.items():
            merged[name] = {**values, **merged[name]}
        self.config.write_text(f"data = {json.dumps(str(home / 'var'))}\n" + _toml(merged))
        self.settings: Settings = load(self.config)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home / "up.log"
        self._next_nonce = 1
        self.http = urllib3.PoolManager(retries=False, timeout=30.0)

    @property
    def url(self) -> str:
        """The collector's address."""
        return f"http://127.0.0.1:{self.settings.collector.port}"

    def start(self) -> System:
        """Start everything and wait until hits are accepted and the database is migrated."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*CLI, "up", "--config", str(self.config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=plain_environment(),
                cwd=self.home,
            )
        wait_until(self.answers, f"the system to be ready: {self.log}", seconds=60)
        wait_until(self.migrated, f"the database to be migrated: {self.log}", seconds=60)
        return self

    def answers(self) -> bool:
        """Say whether the collector is ready."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.http.request("GET", f"{self.url}/health/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def migrated(self) -> bool:
        """Say whether `migrate` has finished."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return "migrate" in self.log.read_text()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop everything in order and return the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def pixel(
        self, *, address: str = "198.51.100.7", headers: dict[str, str] | None = None, **query: str
    ) -> urllib3.BaseHTTPResponse:
        """Send one hit."""
        fields = {"s": "clinic", "u": "https://clinic.example/", "m": "js", **query}
        sent = {"User-Agent": AGENT, "X-Forwarded-For": address, **(headers or {})}
        return self.http.request("GET", f"{self.url}/p.gif", fields=fields, headers=sent)

    def rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query as the operator."""
        client = connect(self.settings, "pixel_admin")
        try:
            return [tuple(row) for row in client.query(query, parameters=parameters).result_rows]
        finally:
            client.close()

    def nonces(self, number: int) -> range:
        """Return so many nonces that no other hit of this system has, so that a test knows its own events."""
        first, self._next_nonce = self._next_nonce, self._next_nonce + number
        return range(first, self._next_nonce)

    def stored(self, nonces: range) -> int:
        """Return how many events of these nonces are stored."""
        count: int = self.rows(
            "SELECT count() FROM pixel.events WHERE nonce >= {first:UInt64} AND nonce < {end:UInt64}",
            first=nonces.start,
            end=nonces.stop,
        )[0][0]
        return count

    def wait_for(self, nonces: range) -> None:
        """Wait until an event of each nonce is stored."""
        wait_until(lambda: self.stored(nonces) >= len(nonces), f"{len(nonces)} events to be stored")

    def run(self, *arguments: str, check: bool = True, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of the command line against this system; `typed` is its standard input."""
        done = subprocess.run(
            [*CLI, *arguments, "--config", str(self.config)],
            input=typed,
            capture_output=True,
            text=True,
            env=plain_environment(),
            cwd=self.home,
            timeout=300,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done


def _toml(sections: dict[str, Any]) -> str:
    lines: list[str] = []
    for name, values in sections.items():
        for table in values if isinstance(values, list) else [values]:
            lines.append(f"[[{name}]]" if isinstance(values, list) else f"[{name}]")
            lines += [f"{key} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    return json.dumps(value)
