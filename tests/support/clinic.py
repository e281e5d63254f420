"""Collector, shipper and ClickHouse as three processes that a test kills, under load, without a supervisor."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pipeline.database.client import connect, ping
from pipeline.delivery.journal_entries import Begun, Closed, Finished, Intent, OpenPlan, parse
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Collector, Ship, Spool
from pipeline.ship.status import read_status
from support.auditor import Stored
from support.command import CLI, environment, free_port
from support.ledger import Ledger
from support.rounds import PATIENCE
from support.system import AGENT
from support.waiting import wait_until

Name = Literal["collect", "ship", "clickhouse"]
PROCESSES: tuple[Name, ...] = ("clickhouse", "collect", "ship")


class Clinic:
    """The three processes, each started, killed and started again by name."""

    def __init__(
        self,
        home: Path,
        clickhouse: ClickHouse | None = None,
        *,
        host: str = "127.0.0.1",
        before: Sequence[str] = (),
        **changed: str,
    ) -> None:
        """Take a directory and, where it has none of its own, the ClickHouse to ask; the collector listens at `host`.

        `before` starts each process; `changed` are variables of the environment, e.g. `PIXEL_SPOOL__MIN_FREE_MB`.
        """
        self._before = before
        self.settings = Settings(
            data=home / "var",
            collector=Collector(host=host, port=free_port(), flood_per_minute=0),
            clickhouse=clickhouse or ClickHouse(port=free_port()),
            spool=Spool(segment_seconds=0.2),
            ship=Ship(poll_seconds=0.02, retry_seconds=0.5),
        )
        self.log = home / "log"
        self._environment = environment(self.settings) | {
            "PIXEL_COLLECTOR__HOST": host,
            "PIXEL_COLLECTOR__ADMIN_NETWORKS": json.dumps([str(ip_network(f"{host}/30", strict=False))]),
            "PIXEL_COLLECTOR__PORT": str(self.settings.collector.port),
            "PIXEL_COLLECTOR__FLOOD_PER_MINUTE": "0",
            "PIXEL_SPOOL__SEGMENT_SECONDS": "0.2",
            "PIXEL_SHIP__POLL_SECONDS": "0.02",
            "PIXEL_SHIP__RETRY_SECONDS": "0.5",
            **changed,
        }
        self._processes: dict[Name, subprocess.Popen[bytes]] = {}

    @classmethod
    @contextmanager
    def running(cls, home: Path, **changed: str) -> Iterator[Self]:
        """Run the three processes over this directory inside the block."""
        clinic = cls(home, None, **changed)
        try:
            for name in PROCESSES:
                clinic.start(name)
            yield clinic
        finally:
            clinic.close()

    def start(self, name: Name) -> None:
        """Start a process and wait until it does its work."""
        self.launch(name)
        wait_until(lambda: self._works(name), f"{name} to work, see {self.log}", seconds=PATIENCE)
        if name == "clickhouse":
            migrate(self.settings)

    def launch(self, name: Name) -> None:
        """Start a process, as a supervisor does it."""
        with self.log.open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*self._before, *CLI, name], env=self._environment, stdout=log, stderr=log
            )

    def ending(self, name: Name) -> int | None:
        """Return the exit code of a process that ended by itself, None while it runs."""
        return self._processes[name].poll()

    def kill(self, name: Name) -> None:
        """End a process as a crash would."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)

    def stop(self, name: Name) -> None:
        """End a process in order."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in (0, -signal.SIGTERM), self.log.read_text()[-2000:]

    def close(self) -> None:
        """End what runs."""
        for name in list(self._processes):
            self.kill(name)

    def inserting(self) -> bool:
        """Say whether an insert is under way: announced in the journal and not confirmed there."""
        try:
            text = (self.settings.journal_dir / "journal").read_bytes()
        except FileNotFoundError:
            return False
        plans: dict[str, OpenPlan] = {}
        for line in map(parse, text.splitlines(keepends=True)):
            match line:
                case Begun():
                    plans[line.plan.id] = OpenPlan(line.plan)
                case Closed():
                    plans.pop(line.plan, None)
                case None:
                    pass
                case Finished():
                    plans[line.plan].finished = True
                case _:
                    plans[line.plan].batches[line.batch] = line
        return any(isinstance(line, Intent) for plan in plans.values() for line in plan.batches.values())

    @contextmanager
    def held_still(self, name: Name) -> Iterator[None]:
        """Let a process do nothing inside the block; no system call of it is under way."""
        process = self._processes[name]
        process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{process.pid}/task")
        wait_until(
            lambda: all(" T " in (thread / "stat").read_text() for thread in threads.iterdir()),
            f"{name} to hold still",
            seconds=PATIENCE,
        )
        yield
        process.send_signal(signal.SIGCONT)

    def most_memory_mb(self, name: Name) -> int:
        """Return the largest resident memory that a running process has had."""
        status = Path(f"/proc/{self._processes[name].pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def ship_waits(self) -> bool:
        """Say whether the shipper met an error and has not delivered anything since."""
        status = read_status(self.settings.data)
        return status is not None and status.tries > 0

    def spool_is_empty(self) -> bool:
        """Say whether every record has left the spool."""
        left = [path for path in self.settings.spool_dir.iterdir() if path.suffix in (".open", ".seg", ".copy")]
        return not left

    def drained(self) -> Stored:
        """Stop the collector, wait until every record has left its spool, stop the shipper; return what is stored."""
        self.stop("collect")
        wait_until(self.spool_is_empty, f"the spool to drain, see {self.log}", seconds=PATIENCE)
        self.stop("ship")
        client = connect(self.settings, "pixel_admin")
        try:
            return Stored.in_clickhouse(client)
        finally:
            client.close()

    def _works(self, name: Name) -> bool:
        process = self._processes[name]
        assert process.poll() is None, f"{name} ended: {self.log.read_text()[-2000:]}"
        match name:
            case "clickhouse":
                return ping(self.settings)
            case "ship":
                status = read_status(self.settings.data)
                return status is not None and status.pid == process.pid
            case "collect":
                return _get(self.settings.collector.host, self.settings.collector.port, "/health/ready") == 200


class Load:
    """Visitors: each hit has a nonce of its own, and the ledger learns which were sent and which acknowledged.

    They come inside the block `with Load(...)`.
    """

    def __init__(self, port: int, ledger: Ledger, *, threads: int = 3, host: str = "127.0.0.1") -> None:
        self._ledger = ledger
        self._port = port
        self._host = host
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(30)

    def _visit(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        while not self._done.is_set():
            nonce = self._ledger.send()
            try:
                connection.request("GET", hit(nonce), headers={"User-Agent": AGENT})
                answer = connection.getresponse()
                answer.read()
                if 200 <= answer.status < 300:
                    self._ledger.acknowledge(nonce)
                else:
                    self._ledger.refuse(nonce)
                    self._done.wait(0.01)
            except (OSError, http.client.HTTPException):
                connection.close()
                self._done.wait(0.05)
        connection.close()


def hit(nonce: int) -> str:
    """Return the address of one hit."""
    return f"/p.gif?s=clinic&u=https%3A%2F%2Fclinic.example%2F&m=js&n={nonce}"


def _get(host: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
