"""The choice of the problems that are told now; pure.

Owns the budget of a week, the digest and the rules of silence. A problem is told when it has been active for two evaluations in a row,
and a second time when it ends; it is silent while somebody muted it or its site has less than a day of history. At most
`alerts.per_week` problems of a site are told at once within any 7 days, the most costly first. The weekly digest has all others that were
never told, also those that ended meanwhile. A reopened problem is a new one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from pipeline.problems.problem import Facts, Place, Problem
from pipeline.settings.alerts import WEEKDAYS, Alerts

Kind = Literal["opened", "resolved", "digest"]
Life = tuple[str, int]
"""The id of a problem, and how often it was reopened."""

WEEK: Final = timedelta(days=7)
OLD_NEWS: Final = timedelta(days=14)
"""An end that is longer ago is told to nobody."""
LEAST_HISTORY_DAYS: Final = 1.0
BETWEEN_HOSTS: Final = "hosts"
"""The watch of a fault between the hosts of the software itself."""
MOST_LINES: Final = 30
"""Problems that one digest names; the others are counted, and compete for the next digest."""
_ID_CHARACTERS: Final = 16


class Told(msgspec.Struct, frozen=True):
    """A problem with its texts in the language of the alerts."""

    problem: Problem
    title: str
    sentence: str

    @property
    def life(self) -> Life:
        """The life of the problem that is told."""
        return self.problem.id, self.problem.facts.reopened


def without_numbers(identity: str, site: str, watch: str, place: Place, now: datetime) -> Problem:
    """Return an open problem that began now, for what is told as a problem is and was not measured."""
    return Problem(
        id=identity,
        site=site,
        watch=watch,
        state="open",
        place=place,
        quiet_until=now,
        since=now,
        until=None,
        opened_at=now,
        changed_at=now,
        muted_until=None,
        fixed_by="",
        lost_low=0.0,
        lost=0.0,
        lost_high=0.0,
        confidence=0.0,
        facts=Facts(number="views", seen=0.0, expected=0.0, of=0.0, days=LEAST_HISTORY_DAYS),
    )


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One alert that was decided on; an end that a digest tells has two, `digest` and `resolved`."""

    problem: str
    reopened: int
    kind: Kind
    site: str
    at: datetime

    @property
    def life(self) -> Life:
        """The life of the problem that was told."""
        return self.problem, self.reopened


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The result of earlier evaluations: all alerts, the active problems of the last evaluation, and its time (None before the first)."""

    sent: tuple[Sent, ...] = ()
    active: tuple[Life, ...] = ()
    looked: datetime | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One alert: of one problem, or the digest of many and the number of `more` that it does not name; the same alert has the same id."""

    id: str
    kind: Kind
    site: str
    at: datetime
    told: tuple[Told, ...]
    more: int = 0


def choose(
    told: Sequence[Told], memory: Memory, alerts: Alerts, zones: Mapping[str, ZoneInfo], now: datetime
) -> list[Message]:
    """Return the alerts of this moment; `zones` has the time zone of each configured site, and other sites are silent."""
    messages: list[Message] = []
    for site, zone in zones.items():
        of_site = [
            one
            for one in sorted(told, key=_order)
            if one.problem.site == site
            and not one.problem.is_muted(now)
            and one.problem.facts.days >= LEAST_HISTORY_DAYS
        ]
        opened = list(_opened(of_site, memory, _room(memory, site, alerts.per_week, now)))
        messages += [_message("opened", site, (one,), now) for one in opened]
        messages += [_message("resolved", site, (one,), now) for one in _resolved(of_site, memory, now)]
        if _digest_is_due(memory, alerts, zone, now):
            spoken = {one.life for one in opened}
            lines = tuple(one for one in _unspoken(of_site, memory, now) if one.life not in spoken)
            more = max(0, len(lines) - MOST_LINES)
            messages += [_message("digest", site, lines[:MOST_LINES], now, more)] if lines else []
    return messages


def remembered(memory: Memory, told: Sequence[Told], messages: Sequence[Message], now: datetime) -> Memory:
    """Return the memory after an evaluation; it forgets alerts of 90 days ago whose problem is gone."""
    known = {one.problem.id for one in told}
    kept = [sent for sent in memory.sent if sent.problem in known or now - sent.at < timedelta(days=90)]
    new = [sent for message in messages for sent in _sent(message)]
    active = tuple(sorted(one.life for one in told if one.problem.is_active))
    return Memory(sent=(*kept, *new), active=active, looked=now)


def digest_moment(alerts: Alerts, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the latest moment of a digest that is not after `now`, in UTC."""
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=(local.weekday() - WEEKDAYS.index(alerts.digest_day)) % 7)
    moment = datetime.combine(day, time(alerts.digest_hour), zone).astimezone(UTC)
    if moment <= now:
        return moment
    return datetime.combine(day - WEEK, time(alerts.digest_hour), zone).astimezone(UTC)


def _order(told: Told) -> tuple[bool, bool, float, datetime, str]:
    problem, lost = told.problem, told.problem.lost
    of_site = problem.watch != BETWEEN_HOSTS
    return not problem.is_active, of_site, 0.0 if math.isnan(lost) else -lost, problem.opened_at, problem.id


def _lives(memory: Memory, *kinds: Kind) -> set[Life]:
    return {sent.life for sent in memory.sent if sent.kind in kinds}


def _room(memory: Memory, site: str, per_week: int, now: datetime) -> int:
    # An alert of a later time was sent while the clock was wrong: it must not use up the budget of many weeks.
    lately = [one for one in memory.sent if one.kind == "opened" and one.site == site and now - WEEK < one.at <= now]
    return max(0, per_week - len(lately))


def _opened(of_site: Sequence[Told], memory: Memory, room: int) -> Iterator[Told]:
    spoken, before = _lives(memory, "opened", "digest"), set(memory.active)
    new = [one for one in of_site if one.problem.is_active and one.life in before and one.life not in spoken]
    yield from new[:room]


def _resolved(of_site: Sequence[Told], memory: Memory, now: datetime) -> Iterator[Told]:
    opened, ended = _lives(memory, "opened"), _lives(memory, "resolved")
    for one in of_site:
        if not one.problem.is_active and one.life in opened - ended and now - one.problem.changed_at < OLD_NEWS:
            yield one


def _digest_is_due(memory: Memory, alerts: Alerts, zone: ZoneInfo, now: datetime) -> bool:
    return memory.looked is not None and memory.looked < digest_moment(alerts, zone, now)


def _unspoken(of_site: Sequence[Told], memory: Memory, now: datetime) -> Iterator[Told]:
    opened, listed, ended = _lives(memory, "opened"), _lives(memory, "digest"), _lives(memory, "resolved")
    before = set(memory.active)
    for one in of_site:
        if one.life in opened:
            continue
        if one.problem.is_active:
            is_new = one.life in before and one.life not in listed
        else:
            is_new = one.life not in ended and now - one.problem.changed_at < OLD_NEWS
        if is_new:
            yield one


def _message(kind: Kind, site: str, told: tuple[Told, ...], now: datetime, more: int = 0) -> Message:
    lives = " ".join(f"{name}/{reopened}" for name, reopened in (one.life for one in told))
    digest = hashlib.sha256(f"{kind} {site} {lives}".encode()).hexdigest()
    return Message(id=digest[:_ID_CHARACTERS], kind=kind, site=site, at=now, told=told, more=more)


def _sent(message: Message) -> Iterator[Sent]:
    for one in message.told:
        yield Sent(*one.life, message.kind, message.site, message.at)
        if message.kind == "digest" and not one.problem.is_active:
            yield Sent(*one.life, "resolved", message.site, message.at)
