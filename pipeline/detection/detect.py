"""The findings of a site now: each watch over each of its slices; pure.

Owns the tests of one slice and the guards. Theory of operation: every hour of the window is compared with the usual of the history (`look`,
`season`), and the evidence is added up (`evidence`); a change is a finding once the evidence is certain and the change goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from math import log
from typing import Final, NamedTuple

import numpy as np

from pipeline.detection import evidence
from pipeline.detection.evidence import Episode
from pipeline.detection.look import LEAST_EXPECTED, Basis, Look
from pipeline.detection.season import Usual, usual_count
from pipeline.detection.series import Slice
from pipeline.detection.statistics import Interval, difference, shortfall
from pipeline.detection.watches import Watch, all_watches

SEASON_DAYS: Final = 7
"""The number of a whole site has a season only after a week."""
GATE: Final = 2.0
"""A change is only looked for where so many deviations from day to day do not look like it."""
MANY: Final = 100
"""From so many slices on, each needs more evidence: the limit is corrected for the number of looks (Bonferroni)."""
MOST_SLICES: Final = 400
LEAST_OTHERS: Final = 0.05
KNOWN_PEOPLE: Final = 5
"""A page that so many people saw may be named; of a sensitive group, `SENSITIVE_LEAST` must be concerned (pipeline/publish/cells.py)."""
SENSITIVE_LEAST: Final = 20
SAME_PEOPLE: Final = 0.5
"""A loss of people is one where page views lost at least this part of it."""


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
    factor: float


def findings(look: Look, watches: Mapping[str, Watch] | None = None) -> list[Finding]:
    """Return what is certain now, the nearest to the cause first."""
    found = [one for watch in (watches or all_watches()).values() for one in _of_watch(look, watch)]
    # A section with one page is named by its page.
    return sorted(found, key=lambda each: (each.rank, -each.evidence, each.slice.dimension != "page"))


def _of_watch(look: Look, watch: Watch) -> Iterator[Finding]:
    if watch.kind == "count" and look.history_days < SEASON_DAYS:
        return
    slices = _slices(look, watch)
    limit = evidence.CERTAIN + max(0.0, log(max(1, len(slices)) / MANY))
    for piece in slices:
        found = [one for number in watch.number if (one := _test(look, watch, number, piece, limit)) is not None]
        if found:
            yield max(found, key=lambda each: each.evidence)


def _slices(look: Look, watch: Watch) -> list[Slice]:
    """Return the slices that are large enough to be looked at, the largest first."""
    sized: list[tuple[float, Slice]] = []
    for dimension in watch.dimensions:
        for piece in look.table.slices.get(dimension, ()):
            if watch.only and piece.name not in watch.only:
                continue
            if dimension == "page" and "*" in piece.name and watch.direction == "rise" and watch.of == "site":
                continue  # many addresses under one name: no page that one could mend
            sized.append((_size(look, watch, piece), piece))
    sized.sort(reverse=True)
    return [piece for size, piece in sized[:MOST_SLICES] if size >= watch.least]


def _size(look: Look, watch: Watch, piece: Slice) -> float:
    """Return how many people of a slice could be lost in the window, or how many have the flag that may rise.

    Of a hundred thousand pages, those with errors are looked at, and not those with people.
    """
    if watch.direction == "rise":
        return float(look.table.of(watch.number[0], piece)[look.first(watch) :].sum())
    people = look.table.of("people", piece)[look.history]
    if people.sum() < LEAST_EXPECTED:
        return 0.0
    expected = people.mean() * (look.table.size - look.begin)
    return float(expected) if expected >= LEAST_EXPECTED or watch.kind == "share" else 0.0


def _test(look: Look, watch: Watch, number: str, piece: Slice, limit: float) -> Finding | None:
    basis = look.basis(watch, number, piece)
    best: Episode | None = None
    for factor in _allowed(watch, basis.usual):
        found = _going_on(look, basis, factor, limit, look.first(watch))
        if found is not None and (best is None or found.evidence > best.evidence):
            best = found
    if best is None:
        return None
    finding = _finding(look, watch, number, piece, best, basis)
    return finding if _is_real(look, watch, number, piece, finding, basis.usual) else None


def _allowed(watch: Watch, usual: Usual) -> list[float]:
    """Return the factors that the wander of the days does not look like."""
    if watch.direction == "rise":
        return [factor for factor in watch.factors if log((factor - 1) / log(factor)) > GATE * usual.wander]
    return [factor for factor in watch.factors if log((factor - 1) / log(factor)) < -GATE * usual.wander]


def _going_on(look: Look, basis: Basis, factor: float, limit: float, begin: int) -> Episode | None:
    pieces = np.where(look.silent, 0.0, basis.evidence(factor))[begin:]
    if not evidence.may_be_certain(pieces, limit):
        return None
    recovery = np.where(look.silent, 0.0, basis.recovery(factor))[begin:]
    last = evidence.episodes(pieces, factor, limit, recovery)[-1]
    if last.end is not None:
        return None
    return last._replace(first=last.first + begin, certain=last.certain + begin)


def _finding(look: Look, watch: Watch, number: str, piece: Slice, episode: Episode, basis: Basis) -> Finding:
    usual, of = basis.usual, basis.of
    bad = slice(episode.first, look.table.size)
    seen = float(basis.seen[bad].sum())
    if of is None:
        expected, total = float(usual.by_hour[bad].sum()), 0.0
        lost = shortfall(seen, expected, usual.spread, usual.wander)
    else:
        total = float(of[bad].sum())
        expected = float((of * usual.by_hour)[bad].sum())
        known = max(float(of[look.history].sum()) / usual.spread, 1.0)
        apart = difference(expected / max(total, 1.0) * known, known, seen / usual.spread, total / usual.spread)
        lost = Interval(*(part * total for part in apart))
        if watch.kind == "part":
            # The people of a large part are missing in the whole, too: the others tell how many would be here.
            others = (of - basis.seen) * usual.by_hour / np.maximum(1 - usual.by_hour, LEAST_OTHERS)
            expected = float(others[bad].sum())
            lost = Interval(*(bound * (expected - seen) / max(lost.middle, 1e-9) for bound in lost))
    if watch.direction == "rise":
        lost = Interval(-lost.high, -lost.middle, -lost.low)
    return Finding(
        watch=watch.name,
        slice=piece,
        number=number,
        # A fault that is as old as the hours that are looked at began at an unknown time before.
        quiet_until=look.table.time(episode.first - (episode.first > look.first(watch))),
        since=look.table.time(episode.first),
        seen=seen,
        expected=expected,
        of=total,
        lost=lost,
        evidence=episode.evidence,
        rank=watch.rank,
        direction=watch.direction,
        factor=episode.factor,
    )


def _is_real(look: Look, watch: Watch, number: str, piece: Slice, finding: Finding, usual: Usual) -> bool:
    """Refuse what is certain but no problem: too few people, or a part that shrank only because others grew."""
    sensitive = "/~" in piece.name
    if max(finding.seen, finding.lost.middle) < (SENSITIVE_LEAST if sensitive else 0):
        return False
    if watch.direction == "rise":
        known = float(look.table.of("people", piece)[look.history].sum()) >= KNOWN_PEOPLE
        least = watch.least if known or piece.dimension not in ("page", "source") else max(watch.least, KNOWN_PEOPLE)
        return finding.seen >= least and finding.seen >= watch.floor * finding.of
    if (
        watch.kind == "count"
        and number == "people"
        and not _views_went_too(finding, look.basis(watch, "views", piece), look)
    ):
        return False
    if watch.kind != "count" and not _has_shrunk(look, number, piece, finding, usual.spread):
        return False
    return finding.lost.middle >= watch.least


def _views_went_too(finding: Finding, views: Basis, look: Look) -> bool:
    """Return whether page views are missing as people are: people who refuse cookies are counted together, and none of them is lost."""
    bad = slice(look.table.place(finding.since), look.table.size)
    missing = 1 - float(views.seen[bad].sum()) / max(float(views.usual.by_hour[bad].sum()), 1.0)
    return missing >= SAME_PEOPLE * (1 - finding.seen / max(finding.expected, 1.0))


def _has_shrunk(look: Look, number: str, piece: Slice, finding: Finding, spread: float) -> bool:
    """Return whether there are fewer than there were, too: a share also falls when somebody makes up the others."""
    seen = look.table.of(number, piece)
    own = usual_count(seen, look.own_history(piece), look.week, prior_spread=spread)
    normal = own.by_hour * look.table.elapsed * own.below
    pieces = evidence.of_count(seen, normal, finding.factor, own.spread)
    return float(pieces[look.table.place(finding.since) :].sum()) >= evidence.RECOVERED
