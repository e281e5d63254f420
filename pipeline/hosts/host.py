"""One host of those that write into the same database, and what this one saw of the others at its last look.

Owns the name and the identity of a host, and `run/hosts.json`, which the collector reads: it loads no database client.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Annotated, Final
from uuid import UUID, uuid4

import msgspec

from pipeline.errors import BAD_JSON, Fatal
from pipeline.settings.model import Settings
from pipeline.system.durable_files import create_once, replace

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
SILENT: Final = timedelta(minutes=10)
"""A host reports every minute; one that is silent for longer does not work, or cannot reach ClickHouse."""
FORGOTTEN: Final = timedelta(days=7)
"""A host that is silent for longer was taken away."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `pixel.hosts`; times are UTC.

    `reported_at` and `evaluates_since` are the clock of ClickHouse, the latter `NEVER` for a host that leaves evaluation to another one. `clock_ms` is how
    far the host's clock is ahead, known to half of `round_trip_ms`. `keys` has the fingerprint of each living key, `worked` the last success of the work
    that one host does for all. By its own clock, everything that the host received before `stored_before` is stored.
    """

    instance: UUID
    reported_at: Moment
    host: str
    version: str
    clock_ms: int
    round_trip_ms: int
    mints: bool
    evaluates_since: Moment
    keys: Mapping[str, str]
    worked: Mapping[str, Moment]
    stored_before: Moment

    @property
    def evaluates(self) -> bool:
        """Return whether it would do the work that one host does for all."""
        return self.evaluates_since > NEVER


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """All hosts at one look, and its time by the clock of ClickHouse; `own` is the instance that looked, `twin` the name under which another
    machine reports as this instance, '' if none does."""

    at: Moment
    own: UUID
    hosts: tuple[Host, ...]
    twin: str = ""

    @property
    def reporting(self) -> tuple[Host, ...]:
        """The hosts that work, by name. A report of a time to come is none: ClickHouse had a wrong clock, and keeps that row before the later ones."""
        return tuple(host for host in self.hosts if abs(self.at - host.reported_at) <= SILENT)

    @property
    def evaluator(self) -> Host | None:
        """The host that does the work for all: of several that would do it, the one that has done so for longest."""
        ready = [host for host in self.reporting if host.evaluates]
        return min(ready, key=lambda host: (host.evaluates_since, host.instance), default=None)

    def stored_before(self) -> datetime | None:
        """Return the time before which every other working host has stored what it received; None if there is no other."""
        return min((host.stored_before for host in self.reporting if host.instance != self.own), default=None)

    def told_by(self, own: Host) -> Look:
        """Return the look with the row that a host has just written, whatever ClickHouse shows of it."""
        hosts = (own, *(host for host in self.hosts if host.instance != own.instance))
        return msgspec.structs.replace(
            self, hosts=tuple(sorted(hosts, key=lambda host: (host.host, host.instance.bytes)))
        )


def name_of(settings: Settings) -> str:
    """Return the name of this host, as the column `collector` has it."""
    return settings.collector.name or gethostname()


def instance_of(settings: Settings) -> UUID:
    """Return the identity of this data directory, made at the first call: a host keeps it under another name.

    Raises `OSError` when the file can be neither read nor made, `Fatal` when it is damaged.
    """
    file = settings.run_dir / "instance"
    if not file.exists():
        settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_once(file, f"{uuid4()}\n".encode())
    try:
        return UUID(file.read_text(encoding="ascii").strip())
    except ValueError:
        raise Fatal(f"{file}: expected a UUID: delete the file, and this host reports under a new one") from None


def write_look(run_dir: Path, look: Look) -> None:
    """Replace the file; raises `OSError`."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(_file(run_dir), msgspec.json.encode(look), sync=False)


def read_look(run_dir: Path, now: float) -> Look | None:
    """Return the last look, or None when it is missing, damaged or too old to be true at `now` (Unix seconds)."""
    try:
        with _file(run_dir).open("rb") as stream:
            if abs(now - os.fstat(stream.fileno()).st_mtime) > SILENT.total_seconds():
                return None
            return msgspec.json.decode(stream.read(), type=Look)
    except (OSError, *BAD_JSON):
        return None


def _file(run_dir: Path) -> Path:
    return run_dir / "hosts.json"
