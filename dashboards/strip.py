"""The strip on every page: whether hits are accepted, how many a minute, what waits, how old the lists are, and what to do where one is not well.

Owns these figures, and when they are worth a warning. They are read at most every ten seconds, for all pages together, and a part that fails is shown as unknown.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from maxminddb import InvalidDatabaseError

from dashboards.kept import Kept
from pipeline.database.client import working_as
from pipeline.errors import PixelError
from pipeline.networks.fetched import build_date, country_file, origin_of
from pipeline.reports.catalogue import all_reports
from pipeline.reports.header import Report
from pipeline.reports.run import run
from pipeline.settings.model import Settings
from pipeline.ship.status import read_status
from pipeline.spool.records import count_events
from pipeline.spool.segments import Segment, listing
from pipeline.system.answers import is_ready
from pipeline.system.durable_files import MB
from pipeline.system.private_files import may_reach

SECONDS: Final = 10.0
LISTS_SECONDS: Final = 600.0
LATE: Final = 60
"""Seconds that a full segment may wait before the strip warns."""
MINUTES: Final = 5
ASK_SECONDS: Final = 3
"""The strip waits no longer for the database: every page has it."""
OLD_LISTS: Final = 90
"""Days after which a list of networks names many of them wrongly."""
MOST_COUNTED: Final = 16 * MB
"""Bytes of the spool that are counted into events; a larger backlog is told in files."""
NOT_COUNTED: Final = 2
"""The newest minutes are incomplete: a hit is counted when it is stored."""


class Pulse(NamedTuple):
    """The figures; `per_minute` by site, None where the database does not answer, `away_since` the moment when that was first seen.

    `waiting` are files of the spool with `events` (None for too many to count); `lag` in seconds, `lists` in days.
    """

    accepts: bool
    per_minute: Mapping[str, float] | None
    waiting: int
    lag: int
    lists: int | None
    events: int | None = 0
    away_since: datetime | None = None

    def hits(self, sites: Iterable[str]) -> float | None:
        """Return the hits a minute of these sites, from ten on as whole numbers."""
        if self.per_minute is None:
            return None
        hits = sum(self.per_minute.get(site, 0.0) for site in sites)
        return round(hits) if hits >= 10 else hits

    @property
    def is_late(self) -> bool:
        """Whether events wait for longer than they should."""
        return self.lag > LATE

    @property
    def has_old_lists(self) -> bool:
        """Whether the lists are missing or too old."""
        return self.lists is None or self.lists > OLD_LISTS


class _Backlog(NamedTuple):
    files: int
    lag: int
    events: int | None


_PULSES: Final = Kept[Pulse](SECONDS)
_LISTS: Final = Kept[date | None](LISTS_SECONDS)
_AWAY: Final[dict[Path, datetime]] = {}
"""When the database of a data directory was first seen not to answer."""


def pulse(settings: Settings) -> Pulse:
    """Return the figures of at most ten seconds ago."""
    return _PULSES.get(settings.data, lambda: _pulse(settings)).value


def _pulse(settings: Settings) -> Pulse:
    backlog = _backlog(settings)
    per_minute = _per_minute(settings)
    if per_minute is None:
        _AWAY.setdefault(settings.data, datetime.now(UTC))
    else:
        _AWAY.pop(settings.data, None)
    built = _LISTS.get(settings.data, lambda: _lists_day(settings)).value
    return Pulse(
        is_ready(f"{settings.collector.url}/health/ready"),
        per_minute,
        backlog.files,
        backlog.lag,
        (datetime.now(UTC).date() - built).days if built else None,
        backlog.events,
        _AWAY.get(settings.data),
    )


def _backlog(settings: Settings) -> _Backlog:
    if not may_reach(settings.spool_dir):  # pages under a user of their own: `ship` counts for them
        status = read_status(settings.data)
        if status is None or not status.pending_segments:
            return _Backlog(0, 0, 0)
        return _Backlog(status.pending_segments, _seconds_since(status.oldest_ms), None)
    # The segment that is being written is no backlog.
    waiting = [segment for segment in listing(settings.spool_dir) if segment.state == "seg"]
    oldest = min((segment.modified_ms for segment in waiting), default=0)
    return _Backlog(len(waiting), _seconds_since(oldest), _events(waiting))


def _seconds_since(moment_ms: int) -> int:
    return max(0, round(time.time() - moment_ms / 1000)) if moment_ms else 0


def _events(waiting: Sequence[Segment]) -> int | None:
    if sum(segment.size for segment in waiting) > MOST_COUNTED:
        return None
    found = 0
    for segment in waiting:
        with suppress(OSError):  # it was delivered meanwhile
            found += count_events(segment.path)
    return found


def _per_minute(settings: Settings) -> Mapping[str, float] | None:
    now = datetime.now(UTC)
    end = now.replace(second=0, microsecond=0) - timedelta(minutes=NOT_COUNTED)
    try:
        with working_as(settings, "ops", timeout=ASK_SECONDS) as client:
            table = run(settings, _now(), "", end - timedelta(minutes=MINUTES), now, client=client)
    except PixelError:
        return None
    found: dict[str, float] = {}
    minute, site, accepted = (table.columns.index(name) for name in ("minute", "site", "accepted"))
    for each in table.rows:
        at = each[minute]
        if isinstance(at, datetime) and end - timedelta(minutes=MINUTES) <= at < end:
            found[str(each[site])] = found.get(str(each[site]), 0.0) + int(str(each[accepted] or 0)) / MINUTES
    return found


@cache
def _now() -> Report:
    return next(each for each in all_reports() if each.view == "technical.now")


def _lists_day(settings: Settings) -> date | None:
    file = country_file(settings)
    try:
        origin = origin_of(settings, file)
        return origin.date if origin else build_date(file)
    except (OSError, ValueError, InvalidDatabaseError):  # no file, or none of this kind
        return None
