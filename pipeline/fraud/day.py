"""The shapes of one scored day: the day itself, what is usual, a sign as it was measured, and a suspect with its facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from ipaddress import IPv6Address
from typing import NamedTuple

from pipeline.scoring.rules import Signal
from pipeline.scoring.score import Foreign, Surroundings


class Normal(NamedTuple):
    """Usual values of a signal: half of all clients have at most `p50`; `is_own` tells that they are the site's own."""

    p50: float
    p99: float
    p999: float
    is_own: bool


class Day(NamedTuple):
    """One UTC day of a site that is scored, up to `until`, by the run that began at `run`."""

    site: str
    day: date
    until: datetime
    run: datetime

    @property
    def since(self) -> datetime:
        """Its begin."""
        return datetime.combine(self.day, time.min, UTC)

    @property
    def words(self) -> dict[str, object]:
        """The parameters that every query of the day has."""
        return {"site": self.site, "since": self.since, "until": self.until, "run": self.run}


class Found(NamedTuple):
    """A sign of a suspect as it was measured, with what is usual; the suspect is named by its number, visitor, token and the day of the token."""

    signal: str
    value: float
    threshold: float
    normal: Normal
    link: str
    evidence: Mapping[str, str]
    suspect: int
    visitor: int
    ip_token: IPv6Address
    epoch: date


class Measured(NamedTuple):
    """A signal over all clients of a day: their number, the percentiles 1, 50, 99 and 99.9 of its value, and the signs beyond the threshold.

    `is_cut` tells that more clients were beyond it than are kept.
    """

    signal: Signal
    clients: int
    usual: Sequence[float]
    found: Sequence[Found]
    is_cut: bool


class Suspect(NamedTuple):
    """A suspect of a day: its signs, and the facts that a reviewer needs."""

    suspect: int
    visitor: int
    ip_token: IPv6Address
    epoch: date
    signs: Sequence[Found]
    first_seen: datetime
    last_seen: datetime
    views: int
    impressions: int
    paid_clicks: Mapping[str, int]
    roles: Sequence[str]
    program: str
    asn: int
    org: str
    country: str
    net_class: str
    networks: Sequence[IPv6Address]
    addresses: Sequence[IPv6Address]
    people_here: int
    people_there: float
    is_person: bool
    foreign: Foreign = "none"
    has_cookie_beside: bool = False
    is_alone: bool = True

    @property
    def around(self) -> Surroundings:
        """The facts besides its signs that the score needs."""
        return Surroundings(
            self.people_here,
            self.people_there,
            self.net_class == "mobile",
            self.foreign,
            self.has_cookie_beside,
            self.is_alone,
        )
