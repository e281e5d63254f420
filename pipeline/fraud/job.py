"""The job of `ship` that scores the days of all sites, and the one scoring that `fraud score` asks for.

Owns the choice of the days, the order of the steps of one day, and the rest between two scorings. A day is scored again when its stored rows or
the rules changed; readers see a run when all of it is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Final

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, explain
from pipeline.errors import Fatal, Retryable, type_and_place
from pipeline.fraud import normals, store
from pipeline.fraud.copied import TOO_MUCH, copied, end_copies
from pipeline.fraud.day import Day
from pipeline.fraud.kept import keep
from pipeline.fraud.measure import cut_words, measure, suspects_of
from pipeline.marks.versions import versions_now
from pipeline.publish.job import Others, Passed, nobody_else
from pipeline.publish.ledger import stored_days
from pipeline.scoring.rules import Signal, all_signals, rules_version
from pipeline.scoring.trial import live_signals
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.system import locks

SCORE_SECONDS: Final = 60
REST: Final = 10
"""A scoring rests so many times as long as it took, at most a tenth of one core, but not longer than `LONGEST_REST`."""
LONGEST_REST: Final = 600.0
SHORTEST_REST: Final = 180.0
DAYS: Final = 28
"""Days back to which a changed day is scored again."""
MOST_FAILED: Final = 3
"""So many days that cannot be scored end a scoring: the fault is not that of a day."""
LOCK: Final = "fraud.lock"
_LISTS: Final = frozenset({"database", "list", "parser"})

log = logging.getLogger(__name__)

Progress = Callable[[str, date], None]


def score_days(
    settings: Settings,
    now: datetime,
    progress: Progress = lambda _site, _day: None,
    *,
    days: int = DAYS,
    most: int = 0,
    only: str = "",
    today_last: bool = False,
) -> int:
    """Score the changed days of all sites, or of `only` one, the newest first, and return their number; `most` bounds it, 0 does not.

    A day that cannot be scored does not hold up the others: what one client sends may not end the search for all.
    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses or a day failed, `locks.Held` while another process scores.
    """
    with _alone(settings), store.connected(settings) as client:
        first = now.date() - timedelta(days=days - 1)
        done, lists = store.scored_days(client, first), lists_version(settings)
        stored = {_day(partition): rows for partition, rows in stored_days(client, "events", settings).items()}
        due = [
            (day, site)
            for day in sorted((day for day in stored if first <= day <= now.date()), reverse=True)
            for site in settings.sites
            if only in ("", site.id)
            if done.get((site.id, day)) != store.Scoring(stored[day], rules_version(), is_over=day < now.date())
        ]
        if today_last:
            due.sort(key=lambda each: each[0] == now.date())
        number, failed = 0, list[str]()
        for day, site in due:
            if (most and number >= most) or len(failed) >= MOST_FAILED:
                break
            progress(site.id, day)
            with _apart(settings, f"{site.id}, {day}", failed):
                score_day(client, site, day, now, stored[day], lists)
                number += 1
        if failed:
            raise Fatal(f"not scored: {'; '.join(failed)}")
        return number


def score_day(client: Client, site: Site, of: date, now: datetime, stored: int, lists: str = "") -> None:
    """Score one UTC day of a site, as far as it has come."""
    began = monotonic()
    is_over = of < now.date()
    end = datetime.combine(of + timedelta(days=1), datetime.min.time(), UTC)
    day = Day(site.id, of, min(end, now.replace(microsecond=0) + timedelta(seconds=1)), _milliseconds(now))
    signals = measurable(site)
    usual = normals.normals_of(client, site.id, of, signals)
    live = live_signals(signals, normals.counts_of(client, signals), now.date())
    with copied(client, day) as crowded:
        measured = measure(client, day, signals, usual)
        suspects = suspects_of(client, day, measured, live)
    cut = cut_words(signals, measured, crowded)
    if is_over and measured:
        normals.write(client, day, measured, suspects)
    kept = keep(day, suspects, store.members_before(client, day), live)
    store.write_cases(client, day, kept)
    took = round((monotonic() - began) * 1000)
    store.write_run(client, day, stored=stored, suspects=len(kept), milliseconds=took, cut=cut, lists=lists)
    if cut:
        log.warning("site %s, %s: not all of the day was looked at: %s", site.id, of, ", ".join(cut))


def lists_version(settings: Settings) -> str:
    """Return the versions of the lists and databases that say what a network or a robot is, in one line."""
    found, _ = versions_now(settings)
    named = (f"{thing.name} {version}" for thing, version in sorted(found.items()) if thing.kind in _LISTS)
    return ", ".join(named)


def measurable(site: Site) -> list[Signal]:
    """Return the signals that can be measured at a site: those whose page roles are in its settings."""
    known = {each.role for each in site.roles}
    return [signal for signal in all_signals().values() if not signal.roles or known & set(signal.roles)]


class Scoring:
    """The job: scores what changed, the newest day first, one day at a time.

    Every second time today waits for the other days: where events never stop it changes always, and none of the others would have its turn.
    """

    def __init__(self, others: Others = nobody_else) -> None:
        self._others = others
        self._passed: Passed | None = None
        self._today_last = False
        self._rests_until = 0.0
        self._is_emptied = False

    def __call__(self, settings: Settings) -> None:
        """Score a changed day of each site; raises what `score_days` raises."""
        if not settings.fraud.enabled:
            self._empty(settings)
            return
        self._passed = self._passed or Passed(settings.spool_dir, self._others)
        began, until = monotonic(), self._passed.look(datetime.now(UTC))
        if until is None or began < self._rests_until:
            return
        try:
            score_days(settings, until, most=len(settings.sites), today_last=self._today_last)
        except locks.Held:
            return  # `fraud score` does the same work right now
        finally:
            # A scoring that failed rests, too: it may have worked for as long as it may.
            self._rests_until = monotonic() + min(LONGEST_REST, max(SHORTEST_REST, (monotonic() - began) * REST))
            self._today_last = not self._today_last

    def _empty(self, settings: Settings) -> None:
        """End the copy of a scoring that broke off before the review was switched off: no scoring would."""
        if not self._is_emptied:
            with store.connected(settings) as client:
                end_copies(client)
            self._is_emptied = True


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _day(partition: str) -> date:
    return datetime.strptime(partition, "%Y%m%d").replace(tzinfo=UTC).date()


@contextmanager
def _apart(settings: Settings, where: str, failed: list[str]) -> Iterator[None]:
    """Note a fault in one day of a site: one of the software in what a visitor sent, or a query that needs too much."""
    try:
        yield
    except ClickHouseError as error:
        trouble = explain(error, settings, "pixel_writer")
        if isinstance(trouble, Retryable) and code(error) not in TOO_MUCH:
            raise
        failed.append(f"{where}: {trouble}")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        failed.append(f"{where}: unforeseen {type_and_place(error)}")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.locked(settings.run_dir / LOCK, wait=False):
        yield
