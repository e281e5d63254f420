"""A problem: the findings of one fault, with a life; pure.

Owns the type `Problem`, its identity and the facts that are stored with it as JSON.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Literal

import msgspec

State = Literal["open", "ongoing", "resolved", "closed"]
Verdict = Literal["", "waiting", "held", "not_held", "unknown"]
ACTIVE: Final = ("open", "ongoing")
_ID_CHARACTERS: Final = 8


class Place(msgspec.Struct, frozen=True):
    """A slice of the site's traffic: its dimension (`page`, `browser`, `network`, ...) and its name; ('site', '') is the whole site."""

    dimension: str
    name: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers behind a problem.

    `number` is the counted thing (`people`, `views`, or a flag of sql/problems/series.sql); `seen` of `expected` of them since the begin, `of` the number that a share refers
    to (0 for a count). `also` are other slices with the same fault, `works_for` similar slices without it. `cause` is a word of words.toml
    that tells the kind of fault apart ('' for none); `changed` are the marks between the last good and the first bad hour, in order of time.
    `days` is the length of the history in days. `verdict` is the answer to "did the fix hold?". `by` is who muted or closed it last, '' for the
    engine and for a command on the machine.
    """

    number: str
    seen: float
    expected: float
    of: float
    also: tuple[Place, ...] = ()
    works_for: tuple[Place, ...] = ()
    cause: str = ""
    changed: tuple[str, ...] = ()
    days: float = 0.0
    mute_reason: str = ""
    verdict: Verdict = ""
    reopened: int = 0
    symptoms: tuple[str, ...] = ()
    by: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem as it is now; times are UTC.

    The fault began between `quiet_until` (the last hour without it, its begin) and the end of the hour `since`. `until` is the first good hour of a
    resolved problem. `lost` with its interval is the number of people (or views, or bookings) that are missing, or that met the fault.
    `confidence` is the evidence in nats: 11.5 is one error in a hundred thousand looks.
    """

    id: str
    site: str
    watch: str
    state: State
    place: Place
    quiet_until: datetime
    since: datetime
    until: datetime | None
    opened_at: datetime
    changed_at: datetime
    muted_until: datetime | None
    fixed_by: str
    lost_low: float
    lost: float
    lost_high: float
    confidence: float
    facts: Facts

    @property
    def is_active(self) -> bool:
        """Whether the fault goes on."""
        return self.state in ACTIVE

    def is_muted(self, now: datetime) -> bool:
        """Return whether somebody asked for silence about it until a later time."""
        return self.muted_until is not None and now < self.muted_until


def identity(site: str, watch: str, place: Place, since: datetime) -> str:
    """Return the id of a problem: the same for the same fault and begin, 8 hexadecimal digits."""
    text = f"{site} {watch} {place.dimension} {place.name} {since:%Y-%m-%d %H}"
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_CHARACTERS]
