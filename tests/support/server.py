"""A ClickHouse to test against: the embedded server in a process of its own, on a free port."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import methodcaller
from pathlib import Path
from uuid import uuid4

from clickhouse_connect.driver import Client

from pipeline.database.client import connect, of_each_shard
from pipeline.database.cluster import SHARDED, stored_in
from pipeline.database.embedded import wait_until_ready
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.settings.site import Site
from support.command import CLI, environment, free_port

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CLEARED = (
    "events",
    "technical",
    "counters",
    "hourly",
    "publications",
    "cells",
    "subject_blocks",
    "held",
    "fraud_signals",
    "fraud_hits",
    "fraud_cases",
    "fraud_runs",
    "fraud_normals",
    "verdicts",
    "audit",
    "rejects",
    "marks",
    "series",
    "problems",
    "hosts",
)


class Server:
    """An embedded ClickHouse that a test may stop, kill and start again."""

    def __init__(self, data: Path, *, port: int | None = None, tcp_port: int = 0) -> None:
        self.settings = Settings(data=data, clickhouse=ClickHouse(port=port or free_port(), tcp_port=tcp_port))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        self.process = subprocess.Popen([*CLI, "clickhouse"], env=environment(self.settings))
        wait_until_ready(self.settings, self.alive, seconds=300)
        return self

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> int:
        """Send a signal, wait for the end and return the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=300)

    def stop(self) -> None:
        """End the process if it runs."""
        if self.alive():
            self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process as a crash would."""
        self.signal(signal.SIGKILL)


class Rows:
    """Direct access for a test: fill and clear tables as nobody may in production."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.writer: Client = connect(settings, "pixel_writer")
        self.admin: Client = connect(settings, "pixel_admin")
        self._migrator: Client = connect(settings, "pixel_migrator")

    def clear(self, *tables: str) -> None:
        """Empty these tables, or every table that holds rows."""
        for table in tables or CLEARED:
            text = f"TRUNCATE TABLE pixel.{stored_in(self.settings, table)}"
            if table in SHARDED:
                of_each_shard(self.settings, "pixel_migrator", methodcaller("command", text), self._migrator)
            else:
                self._migrator.command(text)

    @contextmanager
    def views_of(self, sites: tuple[Site, ...]) -> Iterator[Settings]:
        """Lend the settings of these sites, with their views; afterwards the server has its own views again."""
        settings = self.settings.model_copy(update={"sites": sites})
        migrate(settings)
        try:
            yield settings
        finally:
            migrate(self.settings)

    def age(self, condition: str) -> None:
        """Delete these events, as the end of their term does."""
        self._migrator.command(
            f"ALTER TABLE pixel.events DELETE WHERE {condition}",
            settings={"mutations_sync": 2},
        )

    def block(
        self,
        *,
        visitor: int = 0,
        address: str = "::",
        state: str = "blocked",
        seconds_later: int = 0,
        since: datetime = EPOCH,
        until: datetime = EPOCH,
    ) -> None:
        """Write a state of a block of a visitor or of an address token of today; of several states the latest is in force."""
        kind = "visitor" if visitor else "ip_token"
        self.writer.command(
            "INSERT INTO pixel.subject_blocks (case_id, kind, epoch, visitor, ip_token, since, until, state, changed_at)"
            f" SELECT 'case', '{kind}', today(), {visitor}, '{address}', fromUnixTimestamp({since.timestamp():.0f}),"
            f" fromUnixTimestamp({until.timestamp():.0f}), '{state}', now64(3) + {seconds_later}"
        )

    def count(self, at: datetime, name: str, value: int, *, site: str = "", reason: str = "") -> None:
        """Store one count of a minute."""
        self.writer.insert(
            stored_in(self.settings, "counters"),
            [[at, "a", name, reason, site, value, uuid4()]],
            column_names=["minute", "collector", "name", "reason", "site", "value", "batch_id"],
            column_type_names=["DateTime('UTC')", *["String"] * 4, "UInt64", "UUID"],
            database="pixel",
        )

    def forget_migrations(self) -> None:
        """Make `migrate` believe that nothing was applied yet."""
        self._migrator.command("TRUNCATE TABLE pixel.migrations")

    def close(self) -> None:
        """Close the connections."""
        for client in (self.writer, self.admin, self._migrator):
            client.close()
