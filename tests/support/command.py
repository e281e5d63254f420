"""The command line as a person meets it: a process of its own, without the settings of the machine's owner."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from pipeline.settings.model import Settings

CLI = (sys.executable, "-m", "pipeline")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(address: str, port: int) -> bool:
    """Say whether a program listens on a port of a loopback address."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def plain_environment(**given: str) -> dict[str, str]:
    """Return the environment for a child process: no setting but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}
    return kept | given


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a child process these settings of the data directory and ClickHouse."""
    given = {
        "PIXEL_DATA": str(settings.data),
        "PIXEL_CLICKHOUSE__PORT": str(settings.clickhouse.port),
        "PIXEL_CLICKHOUSE__TCP_PORT": str(settings.clickhouse.tcp_port),
        "PIXEL_CLICKHOUSE__MEMORY_MB": str(settings.clickhouse.memory_mb),
    }
    if settings.clickhouse.url:
        given["PIXEL_CLICKHOUSE__URL"] = settings.clickhouse.url
    if settings.clickhouse.cluster:
        given["PIXEL_CLICKHOUSE__CLUSTER"] = settings.clickhouse.cluster
        given["PIXEL_CLICKHOUSE__SHARDS"] = json.dumps(settings.clickhouse.shards)
    return plain_environment(**given)


def command(data: Path, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run `clinic-pixel` over the directory `data`, after the Python statements `before`."""
    return subprocess.run(
        [sys.executable, "-c", f"{before}\nfrom pipeline.cli import main; main()", *arguments],
        env=plain_environment(PIXEL_DATA=str(data), COLUMNS="200"),
        cwd=data.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
