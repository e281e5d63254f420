"""The worker's state, for people and for other processes: `run/ship.json` under the data directory.

Owns the form of that file. It is replaced as a whole and never synced: it describes a running process and has no use
after a power cut. It holds numbers and names of errors, and no data sent by a visitor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from pipeline.errors import BAD_JSON
from pipeline.system.durable_files import replace

LAG_SECONDS = 60.0
"""A worker writes its state every second; one that is silent for longer does not work."""

State = Literal["starting", "idle", "shipping", "waiting", "halted", "stopped"]


class ShipStatus(msgspec.Struct):
    """The state of the worker; times are Unix milliseconds, 0 for never; numbers count from its start."""

    pid: int
    at_ms: int = 0
    state: State = "starting"
    pending_segments: int = 0
    pending_bytes: int = 0
    oldest_ms: int = 0
    """The last write of the oldest pending segment, 0 for none."""
    shipped_ms: int = 0
    """The time when the last plan was delivered."""
    plans: int = 0
    stored: int = 0
    rejected: int = 0
    quarantined: int = 0
    tries: int = 0
    """Failed tries in a row; 0 after a success."""
    error: str = ""
    """The last error in one line; it stays after it is fixed, see `tries`."""
    error_ms: int = 0
    lost_segments: list[str] = []
    """The segments that vanished from the spool before they were shipped."""
    failed_jobs: Mapping[str, str] = {}
    """The jobs whose last run failed, each with its error."""
    loaded_files: Mapping[str, float] = {}
    """The modification time (Unix seconds) of each look-up file in force, by its path."""
    refused_files: int = 0
    """Changed look-up files that were not taken because they are missing or cannot be used."""


def status_path(data: Path) -> Path:
    """Return the file under the data directory."""
    return data / "run" / "ship.json"


def write_status(path: Path, status: ShipStatus) -> None:
    """Replace the file; raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(path, msgspec.json.encode(status), sync=False)


def read_status(data: Path) -> ShipStatus | None:
    """Return the last status, or None when it is missing or unreadable."""
    try:
        return msgspec.json.decode(status_path(data).read_bytes(), type=ShipStatus)
    except (OSError, *BAD_JSON):
        return None


def delivery_troubles(status: ShipStatus | None, now_ms: int) -> list[str]:
    """Return what keeps accepted events from ClickHouse or an hourly job from its work, one sentence each; empty if all is well."""
    if status is None:
        return ["delivery: no shipper has run here yet"]
    troubles = [f"{name}: {error}" for name, error in sorted(status.failed_jobs.items())]
    if status.state == "stopped" or now_ms - status.at_ms > LAG_SECONDS * 1000:
        return ["delivery: the shipper does not run", *troubles]
    return [f"delivery: {status.error}", *troubles] if status.tries else troubles
