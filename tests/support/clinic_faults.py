"""A made-up day of a branch of the clinic on which the site has one fault of each kind, as rows of `pixel.events`.

It is a site of its own, so that the numbers of the ordinary day (`support.clinic_day`) stay as they are. Every group of people has a
fault of its own, so the number of its people is the number that a report without noise must show.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

from support import clinic_day
from support.clinic_day import NETWORKS
from support.days import MIDNIGHT

SITE = "branch"
HOST = "branch.example"
REPORTS = frozenset(
    f"technical/{name}"
    for name in (
        "addresses",
        "dead_links",
        "duplicates",
        "loops",
        "referrers",
        "reload_storms",
        "server_errors",
        "silent_pages",
    )
)
"""The reports of which the ordinary day has too little to tell."""
SECOND = timedelta(seconds=1)

Row = dict[str, object]


class Person:
    """One visitor, who makes page views one after another; `net` chooses the network."""

    def __init__(self, number: int, at: datetime, *, net: int = 0, has_cookie: bool = True, **facts: object) -> None:
        asn, name, country, net_class = NETWORKS[net % len(NETWORKS)]
        self.now = at
        self._facts: Row = {
            "site": SITE,
            "visitor": number * 7919,
            "visitor_kind": "cookie" if has_cookie else "day",
            "cookie_state": "returning" if has_cookie else "refused",
            "ip_token": f"2001:db8:2::{number:x}",
            "net_token": f"2001:db8:2:{net:x}::",
            "ua_token": number,
            "asn": asn,
            "as_org": name,
            "country": country,
            "net_class": net_class,
            "page_host": HOST,
            "page_scheme": "https",
            "referrer_host": "",
            "paid": False,
        } | facts

    def view(self, page: str, after: timedelta = 40 * SECOND, **facts: object) -> Row:
        """Return a page view so long after the last one."""
        self.now += after
        return clinic_day.row(self.now, **(self._facts | {"page": page} | facts))

    def follow(self, source: str, page: str, after: timedelta = 40 * SECOND, **facts: object) -> Row:
        """Return a page view that names another page of the site as its referrer."""
        return self.view(page, after, **(internal(source) | facts))


def internal(source: str) -> Row:
    return {"referrer_kind": "internal", "referrer_host": HOST, "referrer_page": source}


def rows() -> list[Row]:
    """Return the day."""
    numbers = count(1)

    def people(number: int, *, hour: int, **facts: object) -> list[Person]:
        start = MIDNIGHT + timedelta(hours=hour)
        return [
            Person(next(numbers), start + place * 90 * SECOND, **({"net": place} | facts))  # type: ignore[arg-type]
            for place in range(number)
        ]

    made = [
        *_visits(people(30, hour=8)),
        *_arrivals(people(14, hour=9)),
        *_storm(people(9, hour=10)),
        *_loop(people(5, hour=11), people(4, hour=11, has_cookie=False)),
        *(one.follow("/find", "/find", SECOND) for one in people(6, hour=12) for _ in range(6)),
        *_silent(people(12, hour=13)),
        *(one.view("/contacts", after) for one in people(10, hour=14) for after in (SECOND, SECOND / 4)),
        *_spellings(people(10, hour=15), people(8, hour=15), people(6, hour=15)),
        *_dead(people(8, hour=16), people(7, hour=16), people(9, hour=17), people(6, hour=17, net=1)),
        *(row for one in people(8, hour=18) for row in (one.view("/"), one.follow("/", "/booking", status=503))),
        *_probe(people(1, hour=19)[0]),
    ]
    for number, row in enumerate(made):
        row["event_id"] = uuid.UUID(int=number + 1)
        row["nonce"] = number + 1
    return made


def _visits(people: list[Person]) -> Iterator[Row]:
    for place, one in enumerate(people):
        host, kind = (("yandex.ru", "search"), ("www.google.com", "search"), ("maps.example", "other"))[place % 3]
        yield one.view("/", referrer_kind=kind, referrer_host=host, paid=place % 6 == 0)
        yield one.follow("/", "/doctors")
        yield one.follow("/doctors", "/price")


def _arrivals(people: list[Person]) -> Iterator[Row]:
    for place, one in enumerate(people):
        # A host that two people came from may be their own, and is not named.
        host = {0: "family.example", 1: "family.example"}.get(place, "")
        yield one.view("/", referrer_kind="other" if host else "none", referrer_host=host)


def _storm(people: list[Person]) -> Iterator[Row]:
    for one in people:
        yield from (one.view("/queue", 4 * SECOND, status=500 if number > 3 else 0) for number in range(8))


def _loop(with_cookie: list[Person], without: list[Person]) -> Iterator[Row]:
    for one in (*with_cookie, *without):
        yield one.view("/login")
        for _ in range(3):
            yield one.follow("/login", "/account", SECOND)
            yield one.follow("/account", "/login", SECOND)


def _silent(people: list[Person]) -> Iterator[Row]:
    for one in people:
        yield one.follow("/news", "/doctors")


def _spellings(plain: list[Person], with_www: list[Person], translated: list[Person]) -> Iterator[Row]:
    for one in plain:
        yield one.view("/price", page_scheme="http", page_flags=4)
    for one in with_www:
        yield one.view("/price", page_flags=16 + 1)
    for one in translated:
        yield one.view("", page_host="branch-example.translate.example", page_flags=512)


def _dead(own: list[Person], other: list[Person], printed: list[Person], typed: list[Person]) -> Iterator[Row]:
    for one in own:
        yield one.view("/services")
        yield one.follow("/services", "/old-price", status=404)
    for one in other:
        yield one.view("/promo", status=404, referrer_kind="other", referrer_host="guide.example")
    for one in printed:
        yield one.view("/leaflet", status=404)
    for one in typed:  # all of one network: somebody who tries, and not a leaflet
        yield one.view("/typed", status=404)


def _probe(one: Person) -> Iterator[Row]:
    for page in ("/leaflet", *(f"/backup-{number}" for number in range(14))):
        yield one.view(page, SECOND, status=404)
