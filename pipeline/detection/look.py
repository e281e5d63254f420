"""One look at a site: its hours to learn from, and what is usual for each of its slices; pure.

Owns the choice of the history and of the window, and the basis of a test: the numbers of a slice beside the least favourable usual ones.
Theory of operation: the hours before the window are the history; a part of the site is compared with the whole of the same hour, so a
fault of the whole site is no change of its parts, and a holiday none of a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from pipeline.detection import evidence
from pipeline.detection.season import NDArrayBool, Usual, usual_count, usual_share
from pipeline.detection.series import SITE, Hours, Numbers, Slice, Table
from pipeline.detection.watches import Watch, all_watches

WINDOW: Final = timedelta(days=14)
"""A loss is looked for in so many days; the ones before it are the history."""
LEAST_EXPECTED: Final = 12.0
PRIOR_SPREAD: Final[Mapping[str, float]] = {"views": 3.0}
OTHER_SPREAD: Final = 1.3
SITE_WEIGHT: Final = 20.0
"""A slice without history has the share of the whole site, with the weight of so many people."""
WEEKEND_FACTOR: Final = 0.2
"""A loss below this is silence, and no holiday."""
QUIETER: Final = 0.6
"""A holiday is as quiet as a Sunday, or quieter by this factor."""
ALMOST_NOBODY: Final = 0.05
"""So many of the usual people come in the early hours of the quietest holiday."""
MORNING: Final = 10
ORDINARY: Final = 0.75
"""A day that had so much of its usual people until ten o'clock is no holiday."""


class Known(NamedTuple):
    """The facts about a site that sharpen the tests: its holidays, and the hours that are not to be learned from."""

    holidays: frozenset[date] = frozenset()
    not_usual: Mapping[Slice, Sequence[tuple[datetime, datetime]]] = {}


class Basis(NamedTuple):
    """The numbers of one test by hour; `normal` is the least favourable usual number or share, `of` the whole of a share."""

    seen: Numbers
    of: Numbers | None
    normal: Numbers
    holiday: Numbers
    is_early: NDArrayBool
    usual: Usual

    def evidence(self, factor: float) -> Numbers:
        """Return the evidence for the change by hour, in nats; a loss that is no silence must be one for a holiday, too."""
        if self.of is not None:
            return evidence.of_share(self.seen, self.of, self.normal, factor, self.usual.spread)
        if factor >= 1:
            return self.recovery(factor)
        if factor < WEEKEND_FACTOR:
            normal = np.where(self.is_early, ALMOST_NOBODY * self.normal, self.normal)
            return evidence.of_count(self.seen, normal, factor, self.usual.spread)
        pieces = evidence.of_count(self.seen, self.holiday, factor, self.usual.spread)
        # The early hours of a holiday may be emptier still: they speak for no loss.
        return np.where(self.is_early, np.minimum(pieces, 0.0), pieces)

    def recovery(self, factor: float) -> Numbers:
        """Return the evidence that the change goes on: a loss does not end because it is like a holiday."""
        if self.of is not None:
            return self.evidence(factor)
        return evidence.of_count(self.seen, self.normal, factor, self.usual.spread)


class Look:
    """One look at a site."""

    def __init__(self, table: Table, known: Known | None = None) -> None:
        self.table = table
        self._known = known or Known()
        self.week = table.weekday_hours(self._known.holidays)
        hours = min(WINDOW // timedelta(hours=1), table.size // 2)
        self.begin = table.size - hours
        self.silent = self._all_silent()
        self.history = np.arange(table.size) < self.begin
        self.history &= ~self.silent
        self.history_days = float(self.history.sum()) / 24

    def evidence(self, watch_name: str, number: str, piece: Slice, factor: float) -> Numbers:
        """Return by hour the evidence that a slice is changed by the factor, in nats; zeros for a watch that is not known."""
        watch = all_watches().get(watch_name)
        if watch is None:
            return np.zeros(self.table.size)
        return self.basis(watch, number, piece).evidence(factor)

    def basis(self, watch: Watch, number: str, piece: Slice) -> Basis:
        """Return the numbers of a test of a slice."""
        seen, history = self.table.of(number, piece), self.own_history(piece)
        spread, is_drop = PRIOR_SPREAD.get(number, OTHER_SPREAD), watch.direction == "drop"
        is_early = self.week % 24 < MORNING
        if watch.kind == "count":
            usual = usual_count(seen, history, self.week, prior_spread=spread)
            usual = usual._replace(by_hour=usual.by_hour * self.table.elapsed)
            normal = usual.by_hour * (usual.below if is_drop else usual.above)
            quiet = np.minimum(normal, self._as_on_sunday(usual) * self.table.elapsed * QUIETER)
            holiday = np.where(self._may_be_holiday(seen, usual.by_hour), quiet, normal) if is_drop else normal
            return Basis(seen, None, normal, holiday, is_early, usual)
        if watch.kind == "part":
            of, prior, weight = self.table.of(number), 0.0, 0.0
        else:
            of = self.table.of("people") if watch.of == "site" else self.table.of(watch.of, piece)
            prior, weight = self._share_of_site(watch, number, piece)
        if watch.is_always_wrong:
            share = np.full(self.table.size, watch.floor)
            return Basis(seen, of, share, share, is_early, Usual(share, spread, 0.0, 1.0, 1.0))
        usual = usual_share(seen, of, history, self.week, prior=prior, weight=weight, prior_spread=spread)
        share = usual.by_hour * (usual.below if is_drop else usual.above)
        share = share if is_drop else np.maximum(share, watch.floor)
        return Basis(seen, of, share, share, is_early, usual)

    def _as_on_sunday(self, usual: Usual) -> Numbers:
        """Return the usual of the same hour on the weekend: a holiday that no calendar announced is a Sunday."""
        lowest = np.full(24, np.inf)
        weekend = self.week >= 5 * 24
        np.minimum.at(lowest, self.week[weekend] % 24, usual.by_hour[weekend])
        result: Numbers = np.where(np.isinf(lowest), 0.0, lowest)[self.week % 24]
        return result

    def _may_be_holiday(self, seen: Numbers, expected: Numbers) -> NDArrayBool:
        """Return the hours of days that no ordinary morning has shown to be working days."""
        hour = self.week % 24
        day = np.cumsum(hour == 0)
        came, usual = (np.bincount(day, np.where(hour < MORNING, numbers, 0.0)) for numbers in (seen, expected))
        is_ordinary = (usual >= LEAST_EXPECTED) & (came >= ORDINARY * usual)
        result: NDArrayBool = (hour < MORNING) | ~is_ordinary[day]
        return result

    def first(self, watch: Watch) -> int:
        """Return the first hour that is looked at; a fault that needs no history may be as old as the window is long."""
        return max(0, self.table.size - WINDOW // timedelta(hours=1)) if watch.is_always_wrong else self.begin

    def _share_of_site(self, watch: Watch, number: str, piece: Slice) -> tuple[float, float]:
        """Return the share of the whole site in the history, and its weight for a slice with little history."""
        if watch.of == "site" or piece == SITE or piece.dimension in ("role", "page", "section"):
            return 0.0, 0.0
        total = float(self.table.of(watch.of)[self.history].sum())
        return float(self.table.of(number)[self.history].sum()) / max(total, 1.0), SITE_WEIGHT

    def own_history(self, piece: Slice) -> NDArrayBool:
        """Return the hours to learn from: those of a known problem of this slice, or of the site, are left out."""
        history = self.history.copy()
        for since, until in (*self._known.not_usual.get(piece, ()), *self._known.not_usual.get(SITE, ())):
            history[max(0, self.table.place(since)) : max(0, self.table.place(until) + 1)] = False
        return history if history.any() else self.history

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
