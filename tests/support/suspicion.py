"""Made rows of one day for the fraud review: clients with page views at given seconds, and what a scoring says about them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address
from itertools import count

from clickhouse_connect.driver import Client

from pipeline.fraud.copied import copied
from pipeline.fraud.day import Day, Normal, Suspect
from pipeline.fraud.measure import measure, suspects_of
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, SITE, row, store
from support.server import Rows

UNEVEN = (0, 0.2, 1.9, 2, 2.2, 4.6, 4.7, 7.1, 7.3, 8.9, 9, 9.1)
"""The seconds of a burst without a rhythm, which would be another sign."""
_numbers = count(1)


@dataclass
class MadeClient:
    """A client of the day with its own address, browser and cookie; `facts` are columns that all of its rows have."""

    facts: Mapping[str, object] = field(default_factory=dict)
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def suspect(self) -> int:
        """Its visitor."""
        return int(str(self._columns["visitor"]))

    @property
    def _columns(self) -> dict[str, object]:
        return {
            "visitor": 1_000_000 + self.number,
            "visitor_kind": "cookie",
            "cookie_state": "returning",
            "cookie_age": "new",
            "ua_token": 1,
            "ip_token": str(IPv6Address(2**120 + self.number)),
            "net_token": str(IPv6Address(2**121 + self.number)),
            "browser": "Chrome",
            "browser_major": 143,
            "country": "RU",
            "asn": 12389,
            "as_org": "Rostelecom",
            **self.facts,
        }

    def views(
        self, seconds: Iterable[float], pages: Sequence[str] = ("/",), **facts: object
    ) -> list[dict[str, object]]:
        """Return page views at these seconds after 10 o'clock, of these pages in turn."""
        return [
            row(
                SINCE + timedelta(hours=10, seconds=second),
                **{**self._columns, "event_id": uuid.uuid4(), "page": pages[place % len(pages)], **facts},
            )
            for place, second in enumerate(seconds)
        ]


def fired(rows: Rows, settings: Settings, made: Iterable[dict[str, object]], signal: str) -> dict[int, float]:
    """Return the value of a signal by suspect, of the clients that set it off on a day with these rows."""
    store(settings, list(made))
    return {suspect.suspect: sign.value for suspect in found(rows.writer, signal) for sign in suspect.signs}


def found(client: Client, *signals: str, site: str = SITE, since: datetime = SINCE) -> list[Suspect]:
    """Return the suspects of the day by these signals alone, with the shipped usual values."""
    chosen = [all_signals()[name] for name in signals]
    day = Day(site, since.date(), since + timedelta(days=1), since + timedelta(days=2))
    usual = {each.name: Normal(each.usual[0], each.usual[1], each.usual[1], is_own=False) for each in chosen}
    with copied(client, day):
        return suspects_of(client, day, measure(client, day, chosen, usual))
