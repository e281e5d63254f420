"""One evaluation of a site: from its table of numbers to its problems; pure.

Owns the order of the work, which the engine, the tests and `problems backtest` share, and the cause that only the sites together show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np

from pipeline.detection.causes import SILENT, faults
from pipeline.detection.detect import findings
from pipeline.detection.look import Known, Look
from pipeline.detection.series import HOUR, SITE, Slice, Table
from pipeline.problems.life import after_fix, after_held, end_of, has_fix, lived
from pipeline.problems.problem import Problem
from pipeline.settings.site import Site

LEAST_HISTORY: Final = 0.5
"""Days of numbers without which nothing is said."""
TOGETHER: Final = 2 * HOUR
"""Sites of which the silence is estimated to begin within so much may have fallen silent at once."""


class Mark(NamedTuple):
    """Something that changed: its time and its words, such as `release 1.4`."""

    at: datetime
    text: str


def evaluate(
    table: Table,
    site: str,
    before: Sequence[Problem],
    *,
    marks: Sequence[Mark] = (),
    holidays: frozenset[date] = frozenset(),
) -> list[Problem]:
    """Return the problems of a site at the end of the table; unchanged ones are the same objects as in `before`.

    `marks` are the changes of the site and of the software, in order of time.
    """
    now = table.until
    look = Look(table, Known(holidays, _not_usual(before, now)))
    if look.history_days < LEAST_HISTORY:
        return list(before)
    apart = {(each.watch, Slice(each.place.dimension, each.place.name)) for each in before if each.is_active}
    found = faults(look, findings(look), apart)
    after = lived(site, before, found, now, look.history_days, ended=partial(end_of, look))
    after = [_after_fix(look, problem, now) for problem in after]
    return [_with_marks(problem, marks) if problem.is_active else problem for problem in after]


def _after_fix(look: Look, problem: Problem, now: datetime) -> Problem:
    if problem.state == "closed":
        return after_fix(look, problem, now)
    return after_held(look, problem, now) if has_fix(problem) else problem


def _not_usual(problems: Sequence[Problem], now: datetime) -> Mapping[Slice, Sequence[tuple[datetime, datetime]]]:
    """Return the hours of each slice in which it had a problem: they say nothing about the usual."""
    found: dict[Slice, list[tuple[datetime, datetime]]] = {}
    for problem in problems:
        for place in {problem.place, *problem.facts.also}:
            piece = Slice(place.dimension, place.name)
            if piece != SITE or problem.place.dimension == "site":
                found.setdefault(piece, []).append((problem.since, problem.until or now))
    return found


def _with_marks(problem: Problem, marks: Sequence[Mark]) -> Problem:
    """Return the problem with all marks between its last good hour and the end of its first bad one; none is picked."""
    inside = tuple(mark.text for mark in marks if problem.quiet_until <= mark.at < problem.since + HOUR)
    return msgspec.structs.replace(problem, facts=msgspec.structs.replace(problem.facts, changed=inside))


def last_heard(table: Table) -> datetime | None:
    """Return the begin of the last hour in which a site had visitors, None without any."""
    came = np.flatnonzero(table.of("people"))
    return table.time(int(came[-1])) if came.size else None


def with_gap(found: Mapping[str, Sequence[Problem]], heard: Mapping[str, datetime | None]) -> dict[str, list[Problem]]:
    """Return the problems by site; the silence of all sites at once has the cause `collector_gap`.

    `heard` is the last hour with visitors of each site. Two sites must have fallen silent together, and none may have been heard since: a
    site too small for a problem of its own counts by this. One silent site alone may as well have lost its tag or its server.
    """
    silent = {site: problem for site, problems in found.items() for problem in problems if _is_silence(problem)}
    latest = max((problem.since for problem in silent.values()), default=None)
    after = {site: list(problems) for site, problems in found.items()}
    if latest is None or any(at is not None and at > latest for at in heard.values()):
        return after
    together = {site: problem for site, problem in silent.items() if problem.since >= latest - TOGETHER}
    if len(together) < 2:
        return after
    for site, problem in together.items():
        facts = msgspec.structs.replace(problem.facts, cause="collector_gap")
        after[site][after[site].index(problem)] = msgspec.structs.replace(problem, facts=facts)
    return after


def _is_silence(problem: Problem) -> bool:
    facts = problem.facts
    return problem.is_active and problem.watch == "all_traffic" and facts.seen <= SILENT * facts.expected


class Backtest:
    """The evaluation of each hour from one moment to another one, as if it were then: the problems that would have been named.

    `table` reaches from the history before `since` up to `until`. Nothing is stored and nobody is told.
    """

    def __init__(self, table: Table, site: Site, since: datetime, until: datetime) -> None:
        self._site = site
        self._since = since
        self._until = until
        self._table = table
        self.problems: list[Problem] = []

    def step(self, moment: datetime) -> None:
        """Evaluate as if it were this moment."""
        self.problems = evaluate(
            self._table.before(moment), self._site.id, self.problems, holidays=frozenset(self._site.holidays)
        )

    def moments(self) -> list[datetime]:
        """Return the ends of the hours of the period."""
        first = max(self._since, self._table.start + 2 * HOUR).replace(minute=0, second=0, microsecond=0)
        return [first + place * HOUR for place in range(max(0, (self._until - first) // HOUR + 1))]
