"""The life of the problems of a site: which faults open, go on, come back or end; pure.

Owns the rules of a life. A fault that is found again is the same problem where the watch and the slice are the same, or where the slice is one of those that the
problem named before. A problem that is no longer found is resolved once the hours since its last bad one speak against it, so no number of quiet
looks is chosen, and none ends because the estimate of the usual has moved a little. A problem that comes back within a week is reopened under its old id. A problem that a person closed as fixed waits for the verdict of the hours since then:
`held` means that so many people came that the old fault would be certain, and it is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from pipeline.detection.causes import Fault
from pipeline.detection.evidence import CERTAIN, RECOVERED
from pipeline.detection.look import Look
from pipeline.detection.series import HOUR, Numbers, Slice
from pipeline.problems.problem import Facts, Place, Problem, State, Verdict, identity

Ended = Callable[[Problem], datetime | None]
ONGOING_AFTER: Final = timedelta(hours=1)
REOPEN_WITHIN: Final = timedelta(days=7)
PATIENCE: Final = timedelta(days=14)
"""After so long a fix whose hours were too quiet is `unknown`."""


def lived(
    site: str, before: Sequence[Problem], faults: Sequence[Fault], now: datetime, days: float, *, ended: Ended
) -> list[Problem]:
    """Return the problems of a site after a look at `now`: the changed and the unchanged ones.

    `before` are its problems until now, the newest state of each; `ended` tells the end of a fault that is no longer found.
    """
    left = list(before)
    after: list[Problem] = []
    for fault in faults:
        known = _known(left, fault, now)
        if known is not None:
            left.remove(known)
        after.append(_found(site, known, fault, now, days))
    after += [_ended(problem, now, ended(problem)) if problem.is_active else problem for problem in left]
    return after


def _known(problems: Sequence[Problem], fault: Fault, now: datetime) -> Problem | None:
    places = {_place(fault.main.slice), *(_place(each.slice) for each in fault.also)}
    same_watch = [each for each in problems if each.watch == fault.main.watch and _may_come_back(each, fault, now)]
    exact = [each for each in same_watch if each.place == _place(fault.main.slice)]
    near = [each for each in same_watch if each.is_active and ({each.place, *each.facts.also} & places)]
    others = [
        each
        for each in problems
        if each.is_active and each.watch in {one.watch for one in fault.also} and each.place in places
    ]
    candidates = exact or near or others
    return max(candidates, key=lambda each: (each.is_active, each.changed_at), default=None)


def _may_come_back(problem: Problem, fault: Fault, now: datetime) -> bool:
    is_recent = now - problem.changed_at <= REOPEN_WITHIN
    return problem.is_active or problem.state == "closed" or is_recent or _is_before_fix(fault, problem)


def _is_before_fix(fault: Fault, problem: Problem) -> bool:
    """Return whether a fault is the one that a person fixed: the hours before the fix still speak for it."""
    fixed_at = problem.changed_at if problem.state == "closed" else problem.until
    return has_fix(problem) and fixed_at is not None and fault.main.since <= fixed_at


def muted(problem: Problem, until: datetime, reason: str, now: datetime, by: str = "") -> Problem:
    """Return the problem with silence about it until a time, as a person asked for a reason; a time that is over ends the silence."""
    facts = msgspec.structs.replace(problem.facts, mute_reason=reason, by=by)
    return msgspec.structs.replace(problem, muted_until=until, changed_at=now, facts=facts)


def closed(problem: Problem, fixed_by: str, now: datetime, by: str = "") -> Problem:
    """Return the problem closed as fixed by a mark; whether the fix held is said when the numbers could show the fault again."""
    facts = msgspec.structs.replace(problem.facts, verdict="waiting", by=by)
    return msgspec.structs.replace(problem, state="closed", fixed_by=fixed_by, changed_at=now, facts=facts)


def has_fix(problem: Problem) -> bool:
    """Return whether a person closed the problem and no hour since then speaks against the fix."""
    return problem.state == "closed" or (problem.state == "resolved" and problem.facts.verdict in ("held", "unknown"))


def _found(site: str, known: Problem | None, fault: Fault, now: datetime, days: float) -> Problem:
    main = fault.main
    facts = Facts(
        number=main.number,
        seen=main.seen,
        expected=main.expected,
        of=main.of,
        also=tuple(dict.fromkeys(_place(each.slice) for each in fault.also if each.slice != main.slice)),
        works_for=tuple(_place(each) for each in fault.works_for),
        cause=fault.cause,
        days=days,
        symptoms=tuple(dict.fromkeys(each.watch for each in fault.also if each.watch != main.watch)),
    )
    place = _place(main.slice)
    fresh = Problem(
        id=identity(site, main.watch, place, main.since),
        site=site,
        watch=main.watch,
        state="open",
        place=place,
        quiet_until=main.quiet_until,
        since=main.since,
        until=None,
        opened_at=now,
        changed_at=now,
        muted_until=None,
        fixed_by="",
        lost_low=main.lost.low,
        lost=main.lost.middle,
        lost_high=main.lost.high,
        confidence=main.evidence,
        facts=facts,
    )
    if known is None:
        return fresh
    if _is_before_fix(fault, known):
        return known
    verdict: Verdict
    if has_fix(known):
        verdict, again = "not_held", 1
    elif known.state == "resolved":
        verdict, again = known.facts.verdict, 1
    else:
        verdict, again = known.facts.verdict, 0
    kept = msgspec.structs.replace(
        facts,
        mute_reason=known.facts.mute_reason,
        verdict=verdict,
        reopened=known.facts.reopened + again,
        by=known.facts.by,
    )
    if again:
        return msgspec.structs.replace(
            fresh, id=known.id, muted_until=known.muted_until, fixed_by=known.fixed_by, facts=kept
        )
    return msgspec.structs.replace(
        fresh,
        id=known.id,
        state="ongoing" if now - known.opened_at >= ONGOING_AFTER else "open",
        # The begin was estimated with the first certainty; later estimates see fewer of the hours before it.
        quiet_until=known.quiet_until,
        since=known.since,
        opened_at=known.opened_at,
        muted_until=known.muted_until,
        fixed_by=known.fixed_by,
        facts=kept,
    )


def _ended(problem: Problem, now: datetime, ended: datetime | None) -> Problem:
    if ended is None:
        return problem
    return msgspec.structs.replace(problem, state="resolved", until=max(problem.since, ended), changed_at=now)


def _place(piece: Slice) -> Place:
    return Place(piece.dimension, piece.name)


def end_of(look: Look, problem: Problem) -> datetime | None:
    """Return the first good hour of a fault that is no longer found; None while the hours since the last bad one are too few to say."""
    since = max(0, look.table.place(problem.since))
    total = np.cumsum(_pieces(look, problem)[since:])
    if not total.size or total.max() < RECOVERED:
        return look.table.time(look.table.size - 1)  # nothing speaks for it any longer
    last = int(total.argmax())
    return look.table.time(since + last + 1) if total[last] - total[-1] >= RECOVERED else None


def after_fix(look: Look, problem: Problem, now: datetime) -> Problem:
    """Return a closed problem with the verdict about its fix at `now`; it is resolved once the verdict is `held` or `unknown`."""
    verdict = verdict_of(look, problem, now)
    if verdict == problem.facts.verdict:
        return problem
    state: State = "resolved" if verdict in ("held", "unknown") else "ongoing" if verdict == "not_held" else "closed"
    return msgspec.structs.replace(
        problem,
        state=state,
        until=problem.changed_at if state == "resolved" else None,
        changed_at=now,
        facts=msgspec.structs.replace(problem.facts, verdict=verdict),
    )


def after_held(look: Look, problem: Problem, now: datetime) -> Problem:
    """Return a problem whose fix held or is unknown; it is opened again once the hours since the fix speak for the fault."""
    since = max(0, look.table.place(problem.until or problem.changed_at) + 1)
    total = np.concatenate(([0.0], np.cumsum(_pieces(look, problem)[since:])))
    if total[-1] - total.min() < CERTAIN:
        return problem
    first = look.table.time(since + int(total.argmin()))
    facts = msgspec.structs.replace(problem.facts, verdict="not_held", reopened=problem.facts.reopened + 1)
    return msgspec.structs.replace(
        problem,
        state="open",
        quiet_until=first - HOUR,
        since=first,
        until=None,
        opened_at=now,
        changed_at=now,
        facts=facts,
    )


def verdict_of(look: Look, problem: Problem, now: datetime) -> Verdict:
    """Return whether the hours since the problem was closed speak against the fault, for it, or are too few."""
    pieces = _pieces(look, problem)
    since = max(0, look.table.place(problem.changed_at) + 1)
    total = float(pieces[since:].sum())
    if total >= CERTAIN:
        return "not_held"
    if total <= -RECOVERED:
        return "held"
    return "unknown" if now - problem.changed_at >= PATIENCE else "waiting"


def _pieces(look: Look, problem: Problem) -> Numbers:
    piece = Slice(problem.place.dimension, problem.place.name)
    return look.evidence(problem.watch, problem.facts.number, piece, factor_of(problem))


def factor_of(problem: Problem) -> float:
    """Return the change that the problem showed, as a factor of the usual number: at most 0.8 for a loss, at least 1.5 for a rise."""
    factor = problem.facts.seen / max(problem.facts.expected, 1e-9)
    return min(0.8, max(0.05, factor)) if factor < 1 else min(10.0, max(1.5, factor))
