"""The proof of this machine's time. Jobs destroy keys, drop days and make numbers final by it, and nobody can undo that.

Owns `run/clock.json`, the last proven time beside the seconds since the machine was started, which no setting of the clock changes.
Theory of operation:

* The time goes on as these seconds do, or it has jumped. A jump of more than `STEP` is not believed, forward or back; the jobs
  that destroy or publish by the time stop and say so. As soon as the clock is where it should be, they go on.
* A new time is believed once it has gone on evenly for seven times as long as it jumped, at most `LONGEST`: a machine whose time was
  set right heals by itself, and a wrong time that was noticed within that span has destroyed nothing. The span counts while the machine
  runs, over its starts: one that is switched off each night heals, too.
* After a start of the machine nobody knows how long it was off: a time up to `OFF` later counts as no jump.
* Two others may confirm a time at once: the clock of a ClickHouse on another machine, and a person (`keys trust-clock`).

Limit: the TTLs of the tables go by the clock of ClickHouse itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import connect, explain
from pipeline.database.cluster import shards
from pipeline.errors import BAD_JSON, Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.settings.values import is_this_machine
from pipeline.system.durable_files import replace

FILE: Final = "clock.json"
STEP: Final = timedelta(minutes=5)
"""A time service may set the clock by so much without a question."""
OFF: Final = timedelta(days=4)
"""A long weekend."""
LONGEST: Final = timedelta(days=7)
TIMES: Final = 7
APART: Final = timedelta(hours=1)
"""More between this clock and that of ClickHouse, and no day is dropped by either."""
_SAVE_SECONDS: Final = 60.0
_LAST_SECOND: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Clock(NamedTuple):
    """One reading: Unix time, seconds since the start of the machine, and which start that was."""

    wall: float
    up: float
    boot: str

    @classmethod
    def now(cls) -> Clock:
        """Read the clocks of this machine."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return cls(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot)


class Proven(msgspec.Struct, frozen=True):
    """The content of the file: the last proven reading, and since when (in its seconds) the clock has been `jumped` seconds away, 0 if it is not."""

    wall: float
    up: float
    boot: str
    jumped: float = 0.0
    jumped_wall: float = 0.0
    jumped_up: float = 0.0
    off: float = 0.0
    """Seconds that the machine may have been off before this start, as long as no time of this start is proven."""
    stood: float = 0.0
    """Seconds for which the new time had gone on evenly at the last look, over starts of the machine."""

    @property
    def believed_at(self) -> datetime:
        """When the new time is believed by itself, if it goes on evenly."""
        return datetime.fromtimestamp(min(self.jumped_wall + wait_of(self.jumped), _LAST_SECOND), UTC)


class WildClock(Fatal):
    """The time has jumped and is not believed yet."""


def judged(before: Proven | None, clock: Clock) -> Proven:
    """Return the memory after a reading; without a jump in it, the time is proven. Pure."""
    here = Proven(*clock)
    if before is None:
        return here
    if before.jumped and before.boot == clock.boot:
        stood = clock.up - before.jumped_up
        steady = abs(clock.wall - before.jumped_wall - stood) <= STEP.total_seconds()
        if steady and stood >= wait_of(before.jumped):
            return here
    jump = _jump(before, clock)
    if not jump:
        return here
    if before.jumped and before.boot == clock.boot and abs(jump - before.jumped) <= STEP.total_seconds():
        return msgspec.structs.replace(before, stood=max(0.0, clock.up - before.jumped_up))
    moved = Proven(before.wall, before.up, before.boot, jump, clock.wall, clock.up, before.off)
    return moved if before.boot == clock.boot else _after_a_start(moved, before, clock)


def _jump(before: Proven, clock: Clock) -> float:
    """Return the seconds by which the clock is away from where it should be, 0 for a small step."""
    passed = clock.up - before.up if clock.boot == before.boot else clock.up
    away = clock.wall - before.wall - passed
    step = STEP.total_seconds()
    most_later = max(step, before.off) if clock.boot == before.boot else OFF.total_seconds()
    return 0.0 if -step <= away <= most_later else away


def _after_a_start(moved: Proven, before: Proven, clock: Clock) -> Proven:
    # The proven time is given in the seconds of this start, so that the next reading can be compared with it.
    off = OFF.total_seconds()
    unseen = clock.wall - clock.up - before.jumped_wall - before.stood
    stood = before.stood if before.jumped and -STEP.total_seconds() <= unseen <= off else 0.0
    return Proven(
        clock.wall - moved.jumped, clock.up, clock.boot, moved.jumped, clock.wall - stood, clock.up - stood, off, stood
    )


def wait_of(jumped: float) -> float:
    """Return for how many seconds a new time must go on evenly before it is believed."""
    return min(LONGEST.total_seconds(), TIMES * abs(jumped))


def prove(
    settings: Settings, clock: Clock | None = None, other: Callable[[Settings], float | None] | None = None
) -> None:
    """Return if the time may be acted on, and remember it; raises `WildClock` that says what to do, `OSError` where the disk refuses."""
    clock = clock or Clock.now()
    before = read(settings)
    now = judged(before, clock)
    if now.jumped:
        second = (other or clock_of_database)(settings)
        if second is not None and abs(second - clock.wall) <= STEP.total_seconds():
            now = Proven(*clock)
    is_news = before is None or now.jumped != before.jumped or _progress(before, now) >= _SAVE_SECONDS
    if is_news and read(settings) == before:  # else a person, or another job, has judged meanwhile
        _write(settings, now)
    if now.jumped:
        raise WildClock(told(now))


def _progress(before: Proven, now: Proven) -> float:
    return max(abs(now.wall - before.wall), abs(now.stood - before.stood))


def told(state: Proven) -> str:
    """Return what happened to the clock and what to do, in one line."""
    ahead = "ahead" if state.jumped > 0 else "back"
    return (
        f"the clock jumped {ahead} by {timedelta(seconds=abs(round(state.jumped)))}: nothing is destroyed, dropped or published by it;"
        f" set it right. If it is right: `clinic-pixel keys trust-clock`, or it is believed by itself on {state.believed_at:%Y-%m-%d %H:%M} UTC"
    )


def trust(settings: Settings, clock: Clock | None = None) -> None:
    """Take the time as it is, because a person says that it is right; raises `OSError` where the disk refuses."""
    _write(settings, Proven(*(clock or Clock.now())))


def read(settings: Settings) -> Proven | None:
    """Return the memory, None where there is none or it is damaged; raises `OSError` where it cannot be read."""
    try:
        return msgspec.json.decode((settings.run_dir / FILE).read_bytes(), type=Proven)
    except (FileNotFoundError, *BAD_JSON):
        return None


def _write(settings: Settings, state: Proven) -> None:
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(settings.run_dir / FILE, msgspec.json.encode(state))


def clock_of_database(settings: Settings) -> float | None:
    """Return the Unix time of a ClickHouse on another machine; None where it is on this one or does not answer."""
    url = settings.clickhouse.url
    if url is None or is_this_machine(urlsplit(url).hostname or ""):
        return None
    try:
        return _database_time(settings)
    except (Retryable, Fatal):
        return None


def compare_with_database(settings: Settings) -> None:
    """Return if each server of ClickHouse has the same time as this machine: it drops its days by its own clock.

    Raises `WildClock` where one has another, `Retryable` or `Fatal` where it does not answer.
    """
    for server in shards(settings):
        apart = _database_time(server) - time.time()
        if abs(apart) > APART.total_seconds():
            where = f" at {server.clickhouse.url}" if settings.clickhouse.shards else ""
            raise WildClock(
                f"the clock of ClickHouse{where} is {timedelta(seconds=abs(round(apart)))} {'ahead of' if apart > 0 else 'behind'}"
                " this machine's: no day is dropped; set both right"
            )


def _database_time(settings: Settings) -> float:
    client = connect(settings, "pixel_eraser")
    try:
        return float(client.query("SELECT toUnixTimestamp(now())").result_rows[0][0])
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_eraser") from None
    finally:
        client.close()
