"""Collector, shipper, pages and ClickHouse as four users of the operating system on one data directory, each as its unit says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import urllib3

from support.command import free_port, plain_environment
from support.dashboards import Browser
from support.system import AGENT
from support.units import CONFIG, Machine
from support.waiting import wait_until

HTTP = urllib3.PoolManager(retries=False, timeout=10.0)


class Clinic:
    """The four processes, ready; ports are those of this run."""

    def __init__(self, home: Path) -> None:
        self.ports = {name: free_port() for name in ("collector", "clickhouse", "dashboards")}
        sections = "".join(f"[{name}]\nport = {port}\n" for name, port in self.ports.items())
        more = "[spool]\nsegment_seconds = 0.3\n[ship]\npoll_seconds = 0.1\n"
        self.machine = Machine(home, sections.replace("[clickhouse]\n", "[clickhouse]\nmemory_mb = 800\n") + more)

    def start(self, before: Sequence[str] = ()) -> None:
        """Start the processes in the order of their units, each by the command `before`."""
        assert self.machine.run("secrets", before=before) == 0, self.machine.log("secrets")
        for name in ("clickhouse", "collect", "dashboards"):
            self.machine.start(name, before=before)
        assert self.machine.run("migrate", before=before) == 0, self.machine.log("migrate") + self.machine.log(
            "clickhouse"
        )
        self.machine.start("ship", before=before)
        for port, path in (("collector", "/health/ready"), ("dashboards", "/sign-in")):
            wait_until(partial(self.answers, port, path), f"{port} to answer", seconds=60)

    def answers(self, name: str, path: str) -> bool:
        """Say whether a process answers with 200."""
        for process, running in self.machine.running.items():
            assert running.poll() is None, f"{process}: {self.machine.log(process)}"
        try:
            return HTTP.request("GET", f"http://127.0.0.1:{self.ports[name]}{path}").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def asked(self, query: str) -> str:
        """Return ClickHouse's answer to the operator, who reads the passwords as root."""
        password = json.loads((self.machine.data / "secrets" / "clickhouse.json").read_text())["pixel_admin"]
        headers = {"X-ClickHouse-User": "pixel_admin", "X-ClickHouse-Key": password}
        url = f"http://127.0.0.1:{self.ports['clickhouse']}/"
        return HTTP.request("POST", url, body=query, headers=headers).data.decode().strip()

    def hit(self, number: int) -> None:
        """Send so many hits."""
        for nonce in range(1, number + 1):
            fields = {"s": "clinic", "u": "http://localhost/", "m": "js", "n": str(nonce)}
            url = f"http://127.0.0.1:{self.ports['collector']}/p.gif"
            assert HTTP.request("GET", url, fields=fields, headers={"User-Agent": AGENT}).status == 200

    def wait_until_stored(self, number: int) -> None:
        """Wait until so many hits are stored."""
        query = "SELECT count() FROM pixel.events"
        wait_until(lambda: self.asked(query) == str(number), f"{number} hits to be stored", seconds=90)

    def signed_in(self) -> Browser:
        """Return a browser of the first administrator, once."""
        browser = Browser(f"http://localhost:{self.ports['dashboards']}")
        token = self.machine.log("dashboards").partition("token=")[2].split()[0]
        word = "four words nobody guesses"
        answer = browser.post("/welcome", {"token": token, "name": "chief", "password": word, "again": word})
        assert answer.status == 303, answer.words
        return browser

    def as_root(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as an administrator does."""
        given = {"PIXEL_DATA": str(self.machine.data), "PIXEL_CONFIG": str(self.machine.root / CONFIG.relative_to("/"))}
        command = [sys.executable, "-m", "pipeline", *arguments]
        return subprocess.run(command, env=plain_environment(**given), capture_output=True, text=True, check=False)

    def tries(self, name: str, command: str) -> bool:
        """Say whether a shell command succeeds as the process of a unit, in all its restrictions."""
        return self.machine.run(name, "sh", "-c", command) == 0
