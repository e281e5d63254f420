"""A made-up day of a clinic as rows of `pixel.events`: seeded, small, every report finds something in it.

300 people with cookies, 30 without; one broken link, one sensitive error page, three rare networks, a robot that proves
its name and one that does not, a scraper that reads nine pages in two seconds, a kiosk that reloads one page, staff.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pipeline.database.client import working_as
from pipeline.database.cluster import shards, stored_in
from pipeline.settings.model import Settings
from support.days import MIDNIGHT

SITE = "clinic"
SINCE, UNTIL = MIDNIGHT, MIDNIGHT + timedelta(days=1)

PAGES = ("/", "/doctors", "/services", "/contacts", "/booking")
ERROR_PAGES = (("/old-price", 404), ("/doctors/gone", 404), ("/booking", 500))
NETWORKS = ((12389, "Rostelecom", "RU", "other"), (8359, "MTS", "RU", "mobile"), (25513, "MGTS", "RU", "other"))
BROWSERS = (("Chrome", 142), ("Chrome", 141), ("Safari", 18), ("Yandex Browser", 25), ("Firefox", 145))
# A quiet night and a busy noon: weight of each hour.
HOURS = (1, 0, 0, 0, 0, 1, 4, 8, 16, 20, 22, 20, 16, 18, 20, 18, 14, 12, 10, 8, 6, 4, 3, 2)


def rows() -> list[dict[str, object]]:
    """Return the day."""
    draw = random.Random(20261120)
    made: list[dict[str, object]] = []
    for person in range(1, 331):
        made += _person(draw, person)
    made += _robots(draw) + _scraper() + _kiosk() + _staff(draw)
    for number, row in enumerate(made):
        row["event_id"] = uuid.UUID(int=draw.getrandbits(128))
        row["nonce"] = number + 1
    return made


def row(at: datetime, **facts: object) -> dict[str, object]:
    """Return one row: a page view of nobody in particular, changed by `facts`."""
    plain: dict[str, object] = {
        "received_at": at,
        "event_id": uuid.UUID(int=0),
        "site": SITE,
        "kind": "pageview",
        "mode": "js",
        "policy": "1",
        "epoch": at.date(),
        "visitor": 0,
        "visitor_kind": "none",
        "cookie_state": "none",
        "ua_token": 0,
        "ip_token": "::",
        "ip_version": 4,
        "country": "",
        "asn": 0,
        "as_org": "",
        "net_class": "other",
        "browser": "Chrome",
        "browser_major": 142,
        "robot": "",
        "ua_raw": "",
        "page": "/",
        "page_flags": 0,
        "status": 0,
        "referrer_kind": "none",
        "referrer_page": "",
        "scrubbed": 0,
        "nonce": 0,
    }
    return plain | facts


def store(settings: Settings, made: Iterable[Mapping[str, object]], table: str = "events") -> None:
    """Insert rows of events, or of another table, as the worker's user would; on a cluster one by one on each shard in turn."""
    by_columns: dict[tuple[str, ...], list[list[object]]] = {}
    for each in made:
        by_columns.setdefault(tuple(each), []).append(list(each.values()))
    servers = shards(settings)
    for place, server in enumerate(servers):
        with working_as(server, "pixel_writer") as client:
            for columns, listed in by_columns.items():
                client.insert(
                    stored_in(settings, table),
                    listed[place :: len(servers)],
                    column_names=columns,
                    database="pixel",
                    column_type_names=[TYPES[table].get(name, "String") for name in columns],
                )


# The writer may not read the table's description, so the types travel with the rows.
TYPES = {
    "events": {
        "received_at": "DateTime64(3, 'UTC')",
        "event_id": "UUID",
        "batch_id": "UUID",
        "epoch": "Date",
        "visitor": "UInt64",
        "ua_token": "UInt64",
        "ip_token": "IPv6",
        "net_token": "IPv6",
        "click_token": "UInt64",
        "cookies": "Map(LowCardinality(String), String)",
        "campaign": "Map(LowCardinality(String), String)",
        "ip_version": "UInt8",
        "asn": "UInt32",
        "browser_major": "UInt16",
        "os_major": "UInt16",
        "page_flags": "UInt16",
        "status": "UInt16",
        "scrubbed": "UInt16",
        "nonce": "UInt64",
        "paid": "Bool",
        "ivt_reasons": "Array(String)",
    },
    "technical": {
        "received_at": "DateTime64(3, 'UTC')",
        "event_id": "UUID",
        "source_line": "UInt32",
        "value": "Float64",
        "browser_major": "UInt16",
        "view": "UInt64",
    },
}


def _person(draw: random.Random, person: int) -> list[dict[str, object]]:
    asn, name, country, net_class = draw.choices(NETWORKS, (50, 35, 15))[0]
    if person % 97 == 0:
        asn, name, country = 64500 + person, f"Example {person}", "KZ"
    browser, major = draw.choices(BROWSERS, (45, 20, 20, 10, 5))[0]
    who = {
        "visitor": person * 7919,
        "visitor_kind": "cookie" if person <= 300 else "day",
        "cookie_state": "returning" if person <= 300 else "refused",
        "ip_token": f"2001:db8::{person:x}",
        "ua_token": person,
        "ip_version": 6 if person % 5 == 0 else 4,
        "country": country,
        "asn": asn,
        "as_org": name,
        "net_class": net_class,
        "browser": browser,
        "browser_major": major,
        "mode": draw.choices(("js", "noscript"), (9, 1))[0],
    }
    at = MIDNIGHT + timedelta(hours=draw.choices(range(24), HOURS)[0], seconds=draw.randrange(3000))
    made = []
    before = ""
    for step in range(draw.randint(1, 5)):
        page, status = draw.choice(PAGES), 0
        if draw.random() < 0.15:
            page, status = draw.choices(ERROR_PAGES, (60, 30, 10))[0]
        came = {"referrer_kind": "internal" if step else "search", "referrer_page": before}
        seen = {"page": page, "status": status, **came}
        # A cookie is only known from the second hit on; until then the day's token is the visitor.
        first = (
            {"visitor": person * 104729, "visitor_kind": "day", "cookie_state": "new"}
            if person % 3 and not step
            else {}
        )
        made.append(row(at, **(who | first), **seen))
        before = page
        at += timedelta(seconds=draw.randint(15, 200))
    if person % 11 == 0:
        # A sensitive page is stored without visitor and tokens.
        nobody = {"visitor": 0, "visitor_kind": "none", "cookie_state": "none", "ip_token": "::", "ua_token": 0}
        made.append(row(at, **(who | nobody), page="/~oncology", status=404, scrubbed=256))
    if person % 4 == 0:
        made.append(row(at, **who, kind="impression"))
    return made


def _robots(draw: random.Random) -> list[dict[str, object]]:
    made = []
    for number in range(180):
        name, net_class = (("Googlebot", "crawler"), ("Googlebot", "other"), ("GPTBot", "other"))[number % 3]
        facts = {"robot": name, "net_class": net_class, "browser": name, "browser_major": 2, "ua_raw": name}
        place = {"country": "US" if number % 3 != 1 else "NL", "asn": 15169 + number % 3, "as_org": "Example US"}
        who = {"visitor": 5_000_000 + number % 3, "visitor_kind": "day", "ip_token": "2001:db8:1::1", "mode": "img"}
        status = 404 if draw.random() < 0.2 else 0
        page = "/old-price" if status else f"/doctors/{number}"
        made.append(row(MIDNIGHT + timedelta(minutes=8 * number), **facts, **place, **who, page=page, status=status))
    return made


def _scraper() -> list[dict[str, object]]:
    start = MIDNIGHT + timedelta(hours=3, minutes=17)
    who = {
        "visitor": 6_000_000,
        "visitor_kind": "day",
        "asn": 64496,
        "as_org": "Example Hosting",
        "net_class": "datacenter",
    }
    return [
        row(
            start + timedelta(milliseconds=250 * number),
            **who,
            country="NL",
            browser_major=120,
            page=f"/doctors/{number}",
        )
        for number in range(9)
    ]


def _kiosk() -> list[dict[str, object]]:
    start = MIDNIGHT + timedelta(hours=12)
    who = {"visitor": 6_000_001, "visitor_kind": "cookie", "asn": 12389, "as_org": "Rostelecom", "country": "RU"}
    return [row(start + timedelta(milliseconds=900 * number), **who, page="/") for number in range(30)]


def _staff(draw: random.Random) -> list[dict[str, object]]:
    start = MIDNIGHT + timedelta(hours=9)
    who = {
        "visitor": 6_000_002,
        "visitor_kind": "cookie",
        "asn": 12389,
        "as_org": "Rostelecom",
        "country": "RU",
        "net_class": "own",
    }
    return [
        row(start + timedelta(milliseconds=draw.randrange(9_000)), **who, page=draw.choice(PAGES)) for _ in range(25)
    ]
