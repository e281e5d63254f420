"""The findings of a site now: each watch over each of its slices; pure.

Owns the choice of the hours to learn from, the tests of one slice and the guards. Theory of operation: the hours before the window are the history; every
hour of the window is compared with the usual of that history (`season`), and the evidence is added up (`evidence`). A part of the site is
compared with the whole of the same hour, so a fault of the whole site is no finding of its parts, and a holiday none of a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import log
from typing import Final, NamedTuple

import numpy as np

from pipeline.detection import evidence
from pipeline.detection.evidence import Episode
from pipeline.detection.season import NDArrayBool, Usual, usual_count, usual_share
from pipeline.detection.series import SITE, Hours, Numbers, Slice, Table
from pipeline.detection.statistics import Interval, difference, shortfall
from pipeline.detection.watches import Watch, all_watches

WINDOW: Final = timedelta(days=14)
"""A loss is looked for in so many days; the ones before it are the history."""
SEASON_DAYS: Final = 7
"""The number of a whole site has a season only after a week."""
GATE: Final = 2.0
"""A change is only looked for where so many deviations from day to day do not look like it."""
MANY: Final = 100
"""From so many slices on, each needs more evidence: the limit is corrected for the number of looks (Bonferroni)."""
MOST_SLICES: Final = 400
LEAST_EXPECTED: Final = 12.0
PRIOR_SPREAD: Final[Mapping[str, float]] = {"views": 3.0}
OTHER_SPREAD: Final = 1.3
SITE_WEIGHT: Final = 20.0
"""A slice without history has the share of the whole site, with the weight of so many people."""
KNOWN_PEOPLE: Final = 5
"""A page that so many people saw may be named; of a sensitive group, `SENSITIVE_LEAST` must be concerned (pipeline/publish/cells.py)."""
SENSITIVE_LEAST: Final = 20
WEEKEND_FACTOR: Final = 0.2
"""A loss below this is silence, and no holiday."""


class Finding(NamedTuple):
    """A change of a slice that is certain and goes on.

    `quiet_until` and `since` are the begin and the end of the hour before the first bad one and of it: the fault began between them. `seen` of `expected` people, views
    or events; `lost` is what is missing (drop) or too much (rise), as an interval. `of` is the number the share refers to, 0 for a count. `evidence` is in nats,
    `factor` the change that it speaks for.
    """

    watch: str
    slice: Slice
    number: str
    quiet_until: datetime
    since: datetime
    seen: float
    expected: float
    of: float
    lost: Interval
    evidence: float
    rank: int
    direction: str
    duration: timedelta
    factor: float


class Known(NamedTuple):
    """The facts about a site that sharpen the tests: its holidays, and the hours that are not to be learned from."""

    holidays: frozenset[date] = frozenset()
    not_usual: Mapping[Slice, Sequence[tuple[datetime, datetime]]] = {}


class _Basis(NamedTuple):
    """The numbers of one test by hour; `normal` is the least favourable usual number or share, `of` the whole of a share."""

    seen: Numbers
    of: Numbers | None
    normal: Numbers
    holiday: Numbers
    usual: Usual

    def evidence(self, factor: float) -> Numbers:
        """Return the evidence for the change by hour, in nats; a loss that is no silence must be one for a holiday, too."""
        if self.of is not None:
            return evidence.of_share(self.seen, self.of, self.normal, factor, self.usual.spread)
        normal = self.holiday if WEEKEND_FACTOR < factor < 1 else self.normal
        return evidence.of_count(self.seen, normal, factor, self.usual.spread)


class Look:
    """One look at a site."""

    def __init__(self, table: Table, known: Known | None = None) -> None:
        self.table = table
        self._known = known or Known()
        self.week = table.weekday_hours(self._known.holidays)
        hours = min(WINDOW // timedelta(hours=1), table.size // 2)
        self._begin = table.size - hours
        self.silent = self._all_silent()
        self._history = np.arange(table.size) < self._begin
        self._history &= ~self.silent
        self.history_days = float(self._history.sum()) / 24

    def findings(self, watches: Mapping[str, Watch] | None = None) -> list[Finding]:
        """Return what is certain now, the nearest to the cause first."""
        found = [one for watch in (watches or all_watches()).values() for one in self._of_watch(watch)]
        # A section with one page is named by its page.
        return sorted(found, key=lambda each: (each.rank, -each.evidence, each.slice.dimension != "page"))

    def _of_watch(self, watch: Watch) -> Iterator[Finding]:
        if watch.kind == "count" and self.history_days < SEASON_DAYS:
            return
        slices = self._slices(watch)
        limit = evidence.CERTAIN + max(0.0, log(max(1, len(slices)) / MANY))
        for piece in slices:
            found = [one for number in watch.number if (one := self._test(watch, number, piece, limit)) is not None]
            if found:
                yield max(found, key=lambda each: each.evidence)

    def _slices(self, watch: Watch) -> list[Slice]:
        """Return the slices that are large enough to be looked at, the largest first."""
        sized: list[tuple[float, Slice]] = []
        for dimension in watch.dimensions:
            for piece in self.table.slices.get(dimension, ()):
                if watch.only and piece.name not in watch.only:
                    continue
                if dimension == "page" and "*" in piece.name and watch.direction == "rise" and watch.of == "site":
                    continue  # many addresses under one name: no page that one could mend
                sized.append((self._size(watch, piece), piece))
        sized.sort(reverse=True)
        return [piece for size, piece in sized[:MOST_SLICES] if size >= watch.least]

    def _size(self, watch: Watch, piece: Slice) -> float:
        """Return how many people of a slice could be lost in the window, or how many have the flag that may rise.

        Of a hundred thousand pages, those with errors are looked at, and not those with people.
        """
        if watch.direction == "rise":
            return float(self.table.of(watch.number[0], piece)[self._first(watch) :].sum())
        people = self.table.of("people", piece)[self._history]
        if people.sum() < LEAST_EXPECTED:
            return 0.0
        expected = people.mean() * (self.table.size - self._begin)
        return float(expected) if expected >= LEAST_EXPECTED or watch.kind == "share" else 0.0

    def evidence(self, watch_name: str, number: str, piece: Slice, factor: float) -> Numbers:
        """Return by hour the evidence that a slice is changed by the factor, in nats; zeros for a watch that is not known."""
        watch = all_watches().get(watch_name)
        if watch is None:
            return np.zeros(self.table.size)
        return self._basis(watch, number, piece).evidence(factor)

    def _test(self, watch: Watch, number: str, piece: Slice, limit: float) -> Finding | None:
        basis = self._basis(watch, number, piece)
        best: Episode | None = None
        for factor in self._allowed(watch, basis.usual):
            found = self._going_on(basis.evidence(factor), factor, limit, self._first(watch))
            if found is not None and (best is None or found.evidence > best.evidence):
                best = found
        if best is None:
            return None
        finding = self._finding(watch, number, piece, best, basis)
        return finding if self._is_real(watch, number, piece, finding, basis.usual) else None

    def _basis(self, watch: Watch, number: str, piece: Slice) -> _Basis:
        seen, history = self.table.of(number, piece), self._own_history(piece)
        spread, is_drop = PRIOR_SPREAD.get(number, OTHER_SPREAD), watch.direction == "drop"
        if watch.kind == "count":
            usual = usual_count(seen, history, self.week, prior_spread=spread)
            usual = usual._replace(by_hour=usual.by_hour * self.table.elapsed)
            normal = usual.by_hour * (usual.below if is_drop else usual.above)
            sunday = self._as_on_sunday(usual) * self.table.elapsed * usual.below if is_drop else normal
            return _Basis(seen, None, normal, np.minimum(normal, sunday), usual)
        if watch.kind == "part":
            of, prior, weight = self.table.of(number), 0.0, 0.0
        else:
            of = self.table.of("people") if watch.of == "site" else self.table.of(watch.of, piece)
            prior, weight = self._share_of_site(watch, number, piece)
        if watch.is_always_wrong:
            share = np.full(self.table.size, watch.floor)
            return _Basis(seen, of, share, share, Usual(share, spread, 0.0, 1.0, 1.0))
        usual = usual_share(seen, of, history, self.week, prior=prior, weight=weight, prior_spread=spread)
        share = usual.by_hour * (usual.below if is_drop else usual.above)
        share = share if is_drop else np.maximum(share, watch.floor)
        return _Basis(seen, of, share, share, usual)

    def _as_on_sunday(self, usual: Usual) -> Numbers:
        """Return the usual of the same hour on the weekend: a holiday that no calendar announced is a Sunday."""
        lowest = np.full(24, np.inf)
        weekend = self.week >= 5 * 24
        np.minimum.at(lowest, self.week[weekend] % 24, usual.by_hour[weekend])
        result: Numbers = np.where(np.isinf(lowest), 0.0, lowest)[self.week % 24]
        return result

    def _allowed(self, watch: Watch, usual: Usual) -> list[float]:
        """Return the factors that the wander of the days does not look like."""
        if watch.direction == "rise":
            return [factor for factor in watch.factors if log((factor - 1) / log(factor)) > GATE * usual.wander]
        return [factor for factor in watch.factors if log((factor - 1) / log(factor)) < -GATE * usual.wander]

    def _first(self, watch: Watch) -> int:
        """Return the first hour that is looked at; a fault that needs no history may be as old as the window is long."""
        return max(0, self.table.size - WINDOW // timedelta(hours=1)) if watch.is_always_wrong else self._begin

    def _going_on(self, pieces: Numbers, factor: float, limit: float, begin: int) -> Episode | None:
        pieces = np.where(self.silent, 0.0, pieces)[begin:]
        if not evidence.may_be_certain(pieces, limit):
            return None
        last = evidence.episodes(pieces, factor, limit)[-1]
        if last.end is not None:
            return None
        return last._replace(first=last.first + begin, certain=last.certain + begin)

    def _finding(self, watch: Watch, number: str, piece: Slice, episode: Episode, basis: _Basis) -> Finding:
        usual, of = basis.usual, basis.of
        bad = slice(episode.first, self.table.size)
        seen = float(basis.seen[bad].sum())
        if of is None:
            expected, total = float(usual.by_hour[bad].sum()), 0.0
            lost = shortfall(seen, expected, usual.spread, usual.wander)
        else:
            total = float(of[bad].sum())
            expected = float((of * usual.by_hour)[bad].sum())
            known = max(float(of[self._history].sum()) / usual.spread, 1.0)
            apart = difference(expected / max(total, 1.0) * known, known, seen / usual.spread, total / usual.spread)
            lost = Interval(*(part * total for part in apart))
        if watch.direction == "rise":
            lost = Interval(-lost.high, -lost.middle, -lost.low)
        return Finding(
            watch=watch.name,
            slice=piece,
            number=number,
            # A fault that is as old as the hours that are looked at began at an unknown time before.
            quiet_until=self.table.time(episode.first - (episode.first > self._first(watch))),
            since=self.table.time(episode.first),
            seen=seen,
            expected=expected,
            of=total,
            lost=lost,
            evidence=episode.evidence,
            rank=watch.rank,
            direction=watch.direction,
            duration=self.table.until - self.table.time(episode.first),
            factor=episode.factor,
        )

    def _is_real(self, watch: Watch, number: str, piece: Slice, finding: Finding, usual: Usual) -> bool:
        """Refuse what is certain but no problem: too few people, or a part that shrank only because others grew."""
        sensitive = "/~" in piece.name
        if max(finding.seen, finding.lost.middle) < (SENSITIVE_LEAST if sensitive else 0):
            return False
        if watch.direction == "rise":
            known = float(self.table.of("people", piece)[self._history].sum()) >= KNOWN_PEOPLE
            least = (
                watch.least if known or piece.dimension not in ("page", "source") else max(watch.least, KNOWN_PEOPLE)
            )
            return finding.seen >= least and finding.seen >= watch.floor * finding.of
        if watch.kind != "count" and not self._has_shrunk(number, piece, finding, usual.spread):
            return False
        return finding.lost.middle >= watch.least

    def _has_shrunk(self, number: str, piece: Slice, finding: Finding, spread: float) -> bool:
        """Return whether there are fewer than there were, too: a share also falls when somebody makes up the others."""
        seen = self.table.of(number, piece)
        own = usual_count(seen, self._own_history(piece), self.week, prior_spread=spread)
        normal = own.by_hour * self.table.elapsed * own.below
        pieces = evidence.of_count(seen, normal, finding.factor, own.spread)
        return float(pieces[self.table.place(finding.since) :].sum()) >= evidence.RECOVERED

    def _share_of_site(self, watch: Watch, number: str, piece: Slice) -> tuple[float, float]:
        """Return the share of the whole site in the history, and its weight for a slice with little history."""
        if watch.of == "site" or piece == SITE or piece.dimension in ("role", "page", "section"):
            return 0.0, 0.0
        total = float(self.table.of(watch.of)[self._history].sum())
        return float(self.table.of(number)[self._history].sum()) / max(total, 1.0), SITE_WEIGHT

    def _own_history(self, piece: Slice) -> NDArrayBool:
        """Return the hours to learn from: those of a known problem of this slice, or of the site, are left out."""
        history = self._history.copy()
        for since, until in (*self._known.not_usual.get(piece, ()), *self._known.not_usual.get(SITE, ())):
            history[max(0, self.table.place(since)) : max(0, self.table.place(until) + 1)] = False
        return history if history.any() else self._history

    def _all_silent(self) -> NDArrayBool:
        """Return the hours of a gap: nothing of the site came, although at least a dozen people were usual."""
        people = self.table.of("people")
        weeks: Hours = self.week
        count = np.bincount(weeks, people, minlength=168)
        hours = np.maximum(np.bincount(weeks, people > 0, minlength=168), 1)
        usual = (count / hours)[weeks]
        silent = (people == 0) & (usual >= LEAST_EXPECTED)
        # A gap that lasts until now is a problem, and none to leave out, also where a quiet night is part of it.
        came = np.flatnonzero(people)
        silent[(int(came[-1]) + 1 if came.size else 0) :] = False
        result: NDArrayBool = silent
        return result
