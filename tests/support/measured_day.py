"""Measurements of the made-up day of the clinic as rows of `pixel.technical`: seeded, small, every report of them finds something.

240 page loads that sent vitals, of which the phones are slow on one section; a script error of one release in two browsers, one of a
foreign host, one of two page loads; an image that a foreign host lacks on two pages, a script of the site itself on a sensitive page; a
robot and staff with the same faults.
"""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta

from support.clinic_day import PAGES, SITE
from support.days import MIDNIGHT

LOADS = 240
OWN_HOST = "clinic.example"
"""A host of the site in the settings of the tests."""
CLIENTS = (("Chrome", 142, "pc"), ("Chrome", 142, "phone"), ("Safari", 18, "phone"), ("Firefox", 145, "pc"))

Row = dict[str, object]


def measurement(at: datetime, kind: str, view: int, **facts: object) -> Row:
    """Return one row: a measurement of a page load, changed by `facts`."""
    plain: Row = {
        "received_at": at,
        "event_id": uuid.UUID(int=0),
        "site": SITE,
        "page": "/",
        "browser": "Chrome",
        "os": "Windows",
        "device": "pc",
        "country": "RU",
        "kind": kind,
        "name": "",
        "template": "",
        "source_host": "",
        "source_file": "",
        "source_line": 0,
        "value": 0.0,
        "release": "",
        "browser_major": 142,
        "robot": "",
        "net_class": "other",
        "mode": "js",
        "view": view,
    }
    return plain | facts


def rows() -> list[Row]:
    """Return the measurements of the day."""
    draw = random.Random(20261121)
    made: list[Row] = []
    for view in range(1, LOADS + 1):
        browser, major, device = draw.choices(CLIENTS, (45, 25, 20, 10))[0]
        page = draw.choice((*PAGES, "/doctors/surgery", "/~oncology"))
        release = "2.1" if view > LOADS // 2 else "2.0"
        who: Row = {"browser": browser, "browser_major": major, "device": device, "page": page, "release": release}
        at = MIDNIGHT + timedelta(hours=7, minutes=3 * view)
        made += _load(draw, at, view, who)
    crawler: Row = {"browser": "Chrome", "robot": "Googlebot", "device": "robot", "release": "2.1"}
    for view in range(1000, 1009):
        made += _load(draw, MIDNIGHT + timedelta(hours=2), view, {**crawler, "page": "/doctors"})
    for view in range(2000, 2007):
        made += _load(draw, MIDNIGHT + timedelta(hours=9), view, {"net_class": "own", "page": "/booking"})
    for row in made:
        row["event_id"] = uuid.UUID(int=draw.getrandbits(128))
    return made


def _load(draw: random.Random, at: datetime, view: int, who: Row) -> list[Row]:
    slow = 1.9 if who.get("device") == "phone" and str(who["page"]).startswith("/doctors") else 1.0
    vitals = {
        "LCP": 1000 + slow * draw.expovariate(1 / 900),
        "INP": slow * draw.expovariate(1 / 90),
        "CLS": draw.choice((0.0, 0.02, 0.3)),
        "TTFB": 200 + draw.expovariate(1 / 250),
        "FCP": 900.0,
    }
    made = [measurement(at, "vital", view, name=name, value=value, **who) for name, value in vitals.items()]
    if who.get("release") == "2.1" and draw.random() < 0.3:
        place = {"source_host": OWN_HOST, "source_file": "app.js", "source_line": 12}
        error = {"name": "TypeError", "template": "<text> is not a function"}
        # The page load met it twice.
        made += [measurement(at, "js_error", view, **error, **place, **who) for _ in range(2)]
    if draw.random() < 0.1:
        made.append(measurement(at, "js_error", view, name="Error", template="Script error.", **who))
    if view <= 2:
        rare = {"name": "RangeError", "source_host": "widget.example", "source_file": "w.js", "source_line": 1}
        made.append(measurement(at, "js_error", view, **rare, **who))
    if who["page"] in ("/", "/booking") and draw.random() < 0.4:
        made.append(measurement(at, "resource", view, name="img", source_host="cdn.example", **who))
    if who["page"] == "/~oncology":
        made.append(measurement(at, "resource", view, name="script", source_host=f"static.{OWN_HOST}", **who))
    return made
