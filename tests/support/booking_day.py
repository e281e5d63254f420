"""A made-up day of a clinic that takes appointments, as rows of `pixel.events`: seeded; its pages have roles, its site has releases.

Release 1.4 comes at noon. From then on Safari loses the id cookie, runs no script on /booking and cannot send the form, so its
visitors load it again. The ad block `checkup` is shown until two o'clock. Mail scanners open the links that confirm or cancel.
"""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support.clinic_day import row, store
from support.days import MIDNIGHT
from support.publishing import publish_exactly

SITE = "booking"
REPORTS = frozenset(
    f"technical/{name}"
    for name in ("script_share", "cookie_loss", "broken_browsers", "funnel", "dead_ads", "releases", "one_time_links")
)
"""Reports on roles of pages, releases and cookies, of which the day of the other site has little."""
PEOPLE = 600
ROLES = {"/": "landing", "/doctors": "search", "/booking": "form", "/booking/thanks": "done", "/cancel/*": "cancel"}
BROWSERS = (
    ("Chrome", 142, "pc"),
    ("Mobile Safari", 18, "phone"),
    ("Chrome Mobile", 142, "phone"),
    ("Firefox", 145, "pc"),
)
NOON, DEAD = MIDNIGHT + timedelta(hours=12), MIDNIGHT + timedelta(hours=14)
HOME, HOSTING = (
    {"asn": 12389, "as_org": "Rostelecom"},
    {"asn": 64496, "as_org": "Example Hosting", "net_class": "datacenter"},
)

Row = dict[str, object]


def store_and_publish(settings: Settings) -> None:
    """Add the day to the tables of a server that has no publication of this site, and publish it without noise."""
    store(settings, rows())
    publish_exactly(settings.model_copy(update={"sites": (Site(id=SITE, hosts=(f"{SITE}.example",)),)}))


class Person(NamedTuple):
    """One visitor of the day."""

    number: int
    browser: tuple[str, int, str]
    begin: datetime
    says: str
    """`yes`, `no` to the id cookie, or `signal`: the browser asks for privacy."""

    @property
    def is_broken(self) -> bool:
        """Whether the release of noon breaks the site in this browser."""
        return self.browser[0] == "Mobile Safari" and self.begin >= NOON


def rows() -> list[Row]:
    """Return the day."""
    draw = random.Random(20261121)
    made: list[Row] = []
    for number in range(1, PEOPLE + 1):
        begin = MIDNIGHT + timedelta(hours=draw.uniform(7, 22))
        says = draw.choices(("yes", "no", "signal"), (85, 9, 6))[0]
        made += _visit(draw, Person(number, draw.choices(BROWSERS, (40, 25, 25, 10))[0], begin, says))
    made += _patients(draw) + _scanners(draw) + _robots(draw)
    for number, each in enumerate(made):
        each["event_id"] = uuid.UUID(int=draw.getrandbits(128))
        each["nonce"] = number + 1
    return made


def _visit(draw: random.Random, person: Person) -> list[Row]:
    pages = ["/"]
    if draw.random() < 0.7:
        pages.append("/doctors")
    if draw.random() < 0.55:
        pages.append("/services")
    if draw.random() < 0.6:
        pages.append("/booking")
        if person.is_broken:
            pages += ["/booking"] * draw.randint(1, 3)
        if draw.random() < (0.1 if person.is_broken else 0.6):
            pages.append("/booking/thanks")
    made: list[Row] = []
    at, before = person.begin, ""
    for step, page in enumerate(pages):
        without = draw.random() < 0.04 or (person.is_broken and page == "/booking")
        status = 500 if page == "/booking" and person.is_broken and draw.random() < 0.3 else 0
        facts: Row = {"mode": "noscript" if without else "js", "status": status, **_came(before, step)}
        made.append(_event(at, page, _identity(person, step), _browser(person), facts))
        ad = {"/": "checkup", "/services": "teeth"}.get(page, "")
        if ad and draw.random() < 0.5 and not (ad == "checkup" and at >= DEAD):
            made.append(_event(at, page, _identity(person, step), _browser(person), {"kind": "impression", "ad": ad}))
        before = page
        at += timedelta(seconds=draw.randint(10, 30 if person.is_broken else 150))
    return made


def _identity(person: Person, step: int) -> Row:
    """Return whom the collector took the sender for: the cookie is there from the second page on, unless the browser lost it."""
    if person.says != "yes":
        signal = person.says == "signal"
        return (
            {"cookie_state": "signal", "privacy_signal": "gpc"}
            if signal
            else {"cookie_state": "refused", "consent": "refused"}
        )
    tokens: Row = {"ip_token": f"2001:db8:2::{person.number:x}", "ua_token": person.number}
    if step and not person.is_broken:
        return {
            **tokens,
            "visitor": person.number,
            "visitor_kind": "cookie",
            "cookie_state": "returning",
            "cookie_age": "day",
        }
    day = {"visitor": person.number * 104729, "visitor_kind": "day", "cookie_state": "new", "cookie_age": "new"}
    return tokens | day


def _browser(person: Person) -> Row:
    name, major, device = person.browser
    return {"browser": name, "browser_major": major, "device": device, "os_major": person.number % 7}


def _came(before: str, step: int) -> Row:
    return {"referrer_kind": "internal" if step else "search", "referrer_page": before}


def _patients(draw: random.Random) -> list[Row]:
    """Return people who open the link of their message; some look at the site before or after."""
    made = []
    for number in range(1, 61):
        person = Person(5000 + number, draw.choice(BROWSERS), MIDNIGHT + timedelta(hours=draw.uniform(8, 20)), "yes")
        made.append(_event(person.begin, "/cancel/*", _identity(person, number % 2), _browser(person), {}))
        if number % 3 == 0:
            later, facts = person.begin + timedelta(minutes=2), _came("/cancel/*", 1)
            made.append(_event(later, "/services", _identity(person, 1), _browser(person), facts))
    return made


def _scanners(draw: random.Random) -> list[Row]:
    made = []
    for number in range(1, 31):
        at = MIDNIGHT + timedelta(hours=draw.uniform(8, 20))
        who = {"visitor": 9_000_000 + number, "visitor_kind": "day", "cookie_state": "new", "cookie_age": "new"}
        tokens = {"ip_token": f"2001:db8:3::{number:x}", "ua_token": 9_000_000 + number}
        made.append(_event(at, "/cancel/*", who | tokens | HOSTING, {"device": "pc"}, {}))
    return made


def _robots(draw: random.Random) -> list[Row]:
    robot = {"robot": "Barracuda", "browser": "Barracuda", "browser_major": 0, "mode": "img"}
    at = [MIDNIGHT + timedelta(hours=draw.uniform(8, 20)) for _ in range(9)]
    return [
        _event(each, "/cancel/*", {"ip_token": "2001:db8:4::1", "visitor": 7, "visitor_kind": "day"}, robot, {})
        for each in at
    ]


def _event(at: datetime, page: str, who: Row, browser: Row, facts: Row) -> Row:
    release = "1.4" if at >= NOON else "1.3"
    own = {"site": SITE, "page": page, "page_role": ROLES.get(page, ""), "release": release, "country": "RU"}
    return row(at, **COLUMNS | own | HOME | who | browser | facts)


COLUMNS: Row = {
    "os": "", "os_major": 0, "device": "", "ad": "", "privacy_signal": "none", "consent": "unknown", "cookie_age": "none",
}  # fmt: skip
"""Columns that the rows of the other day do not have."""
