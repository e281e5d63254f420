"""A ClickHouse to test against: the embedded server in a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.database.embedded import wait_until_ready
from pipeline.settings import ClickHouse, Settings

COMMAND = (sys.executable, "-c", "from pipeline.cli import main; main()")
CLEARED = (
    "events",
    "technical",
    "counters",
    "hourly",
    "subject_blocks",
    "held",
    "fraud_signals",
    "verdicts",
    "audit",
    "rejects",
)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a child process these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}
    given = {
        "PIXEL_DATA": str(settings.data),
        "PIXEL_CLICKHOUSE__PORT": str(settings.clickhouse.port),
        "PIXEL_CLICKHOUSE__TCP_PORT": str(settings.clickhouse.tcp_port),
        "PIXEL_CLICKHOUSE__MEMORY_MB": str(settings.clickhouse.memory_mb),
    }
    if settings.clickhouse.url:
        given["PIXEL_CLICKHOUSE__URL"] = settings.clickhouse.url
    return kept | given


class Server:
    """An embedded ClickHouse that a test may stop, kill and start again."""

    def __init__(self, data: Path, *, port: int | None = None, tcp_port: int = 0) -> None:
        self.settings = Settings(data=data, clickhouse=ClickHouse(port=port or free_port(), tcp_port=tcp_port))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        self.process = subprocess.Popen([*COMMAND, "clickhouse"], env=environment(self.settings))
        wait_until_ready(self.settings, self.alive)
        return self

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> int:
        """Send a signal, wait for the end and return the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

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

    def clear(self) -> None:
        """Empty every table that holds rows."""
        for table in CLEARED:
            self._migrator.command(f"TRUNCATE TABLE pixel.{table}")

    def wear(self, condition: str) -> None:
        """Take visitor and address token of these events away, as age does."""
        self._migrator.command(
            f"ALTER TABLE pixel.events UPDATE visitor = 0, ip_token = '::' WHERE {condition}",
            settings={"mutations_sync": 2},
        )

    def forget_migrations(self) -> None:
        """Make `migrate` believe that nothing was applied yet."""
        self._migrator.command("TRUNCATE TABLE pixel.migrations")

    def close(self) -> None:
        """Close the connections."""
        for client in (self.writer, self.admin, self._migrator):
            client.close()
