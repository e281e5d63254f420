"""Weeks of a made-up clinic: how many people come on a day, when, and what else happens there.

Owns the season of week and day, the holidays, the growth, the campaigns and the releases; `traffic.visits` has the people. Every day
has, beside its people, robots, the clinic's staff, people who follow one dead link, and every fourth night a scanner. A visit depends
on its day and seed alone, so a change of one visit changes no other. Pure: the same arguments give the same hits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from math import exp
from operator import attrgetter
from random import Random
from typing import Final

from pipeline.durations import HOUR_MS, MINUTE_MS
from pipeline.settings.site import Site
from pipeline.traffic.clinic_day import BROKEN_LINK, CLINIC, ROBOTS, SCANNER_PATHS, span_of
from pipeline.traffic.places import DocumentationPlaces, Places
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import (
    FAMILIES,
    NO_SCRIPT,
    Browser,
    Choice,
    Person,
    Story,
    View,
    Visit,
    browser_on,
    hits_of,
    story,
)

OPT_OUT: Final = 0.05
"""The usual share of people whose browser sends Global Privacy Control."""
GROWTH: Final = 0.04
"""More people after four weeks, as a share."""
VARIATION: Final = 0.06
"""Standard deviation of a day's number of people around its season, as a share."""
HOLIDAY: Final = 0.35
"""People on a holiday, as a share of an ordinary day."""
CAMPAIGN_SHARE: Final = 0.25
"""More people on the three days of a campaign, as a share."""
COME_AGAIN: Final = 0.3
"""Visits of people who come again and again, as a share of all visits."""
REGULARS: Final = 4
"""So many times more people come again and again than visit on one day."""

_MONDAY_TO_SUNDAY = (1.21, 1.19, 1.15, 1.13, 1.08, 0.68, 0.56)
_WORKDAY = (4, 3, 2, 1, 1, 1, 3, 7, 13, 18, 20, 19, 17, 16, 16, 15, 14, 13, 13, 13, 12, 10, 8, 6)
_WEEKEND = (6, 4, 3, 2, 1, 1, 1, 3, 6, 11, 15, 17, 17, 16, 15, 14, 14, 13, 13, 13, 12, 11, 9, 7)
_HOURS = [Choice(tuple(enumerate(weights))) for weights in (_WORKDAY, _WEEKEND)]
_HOLIDAYS = frozenset({*((1, day) for day in range(1, 9)), (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4), (12, 31)})
_FIRST_RELEASE = date(2026, 1, 6)
_RELEASE_DAYS = 14
_RELEASE_MS = 11 * HOUR_MS
_USUAL_PEOPLE = 250
_STAFF_SHARE = 0.04
_LOST_SHARE = 0.015

Change = Callable[[Visit], Visit]


@dataclass(frozen=True)
class Clinic:
    """A made-up clinic: `visitors` people come on an average day in the week of `today`, the end of its history.

    `opt_out` is the share of people whose browser sends a privacy signal.
    """

    site: Site
    today: date
    visitors: int
    seed: int = 1
    opt_out: float = OPT_OUT
    places: Places = field(default_factory=DocumentationPlaces)

    def random(self, name: str) -> Random:
        """Return the randomness of one thing by its name."""
        return Random(f"{self.seed} {name}")  # noqa: S311 - a reproducible clinic, no secret

    @property
    def base(self) -> str:
        """The address of the site without a path."""
        return f"https://{self.site.hosts[0]}"


def is_holiday(day: date) -> bool:
    """Return whether a day is a public holiday of Russia with a fixed date."""
    return (day.month, day.day) in _HOLIDAYS


def has_campaign(clinic: Clinic, day: date) -> bool:
    """Return whether a campaign runs on a day: in about every second week, on three days one after another."""
    monday = day - timedelta(days=day.weekday())
    random = clinic.random(f"campaign {monday}")
    runs, first = random.random() < 0.5, random.randrange(5)
    return runs and first <= day.weekday() < first + 3


def people_on(clinic: Clinic, day: date) -> float:
    """Return how many people are expected on a day, before its own variation and a campaign."""
    grown: float = (1 + GROWTH) ** ((day - clinic.today).days / 28)
    return clinic.visitors * _MONDAY_TO_SUNDAY[day.weekday()] * (HOLIDAY if is_holiday(day) else 1.0) * grown


def release_at(clinic: Clinic, at_ms: int) -> str:
    """Return the site's release at a moment: a new one every second Tuesday at eleven."""
    moment = datetime.fromtimestamp((at_ms - _RELEASE_MS) / 1000, clinic.site.zone)
    return f"1.{(moment.date() - _FIRST_RELEASE).days // _RELEASE_DAYS}"


def visits_of(clinic: Clinic, day: date) -> Iterator[Visit]:
    """Yield all visits that begin on a day, in no order."""
    begin = span_of(day, clinic.site).start
    free = day.weekday() >= 5 or is_holiday(day)
    own = clinic.random(f"day {day}")
    expected = people_on(clinic, day) * exp(own.gauss(0, VARIATION))
    people = _drawn(own, expected)
    drawn = people + (_drawn(own, expected * CAMPAIGN_SHARE) if has_campaign(clinic, day) else 0)
    for number in range(drawn):
        random = clinic.random(f"{day} {number}")
        start = _moment(begin, random, free=free)
        person = _person(clinic, day, number, random)
        views = story(person, Story(start, number >= people, clinic.base), random)
        yield _visit(clinic, day, person, views)
    yield from _staff(clinic, day, begin)
    yield from _lost(clinic, day, begin, _drawn(own, expected * _LOST_SHARE), free=free)
    yield from _robots(clinic, begin, own)
    if day.toordinal() % 4 == 0:
        yield _scanner(clinic, begin + 3 * HOUR_MS, own)


def hits_in_order(clinic: Clinic, first_day: date, days: int, change: Change | None = None) -> Iterator[PlannedHit]:
    """Yield the hits of the visits of these days in order of time, each visit changed by `change`."""
    waiting: list[PlannedHit] = []
    planned = partial(hits_of, site=clinic.site.id, host=clinic.site.hosts[0])
    for day in (first_day + timedelta(days=number) for number in range(days)):
        for visit in visits_of(clinic, day):
            waiting += planned(change(visit) if change else visit)
        waiting.sort(key=attrgetter("at_ms"))
        end_ms = span_of(day, clinic.site).stop
        passed = next((place for place, hit in enumerate(waiting) if hit.at_ms >= end_ms), len(waiting))
        yield from waiting[:passed]
        del waiting[:passed]
    yield from waiting


def planned_history(
    site: Site,
    first_day: date,
    days: int,
    *,
    visitors: int,
    seed: int = 1,
    opt_out: float = OPT_OUT,
    places: Places | None = None,
) -> Iterator[PlannedHit]:
    """Yield the hits of a clean history in order of time, `days` days of the site's zone; the last views may reach into the next day."""
    return hits_in_order(clinic_until(site, first_day, days, visitors, seed, opt_out, places), first_day, days)


def clinic_until(
    site: Site, first_day: date, days: int, visitors: int, seed: int, opt_out: float, places: Places | None
) -> Clinic:
    """Return the clinic of a history of these days."""
    last = first_day + timedelta(days=days - 1)
    return Clinic(site, last, visitors, seed, opt_out, places or DocumentationPlaces())


def _drawn(random: Random, expected: float) -> int:
    """Return a number that varies as independent people do (Poisson; the normal approximation is close enough here)."""
    return max(0, round(random.gauss(expected, expected**0.5)))


def _moment(begin: int, random: Random, *, free: bool) -> int:
    return begin + _HOURS[free].draw(random) * HOUR_MS + random.randrange(HOUR_MS)


def _person(clinic: Clinic, day: date, number: int, random: Random) -> Person:
    """Return the person of a visit: somebody new, or somebody of the regulars, who keep their device and network."""
    regular = random.randrange(REGULARS * clinic.visitors + 1)
    name = f"{day} {number}"
    if random.random() < COME_AGAIN:
        name, number = f"regular {regular}", regular
        random = clinic.random(name)
    carrier, late, signals, script = (random.random() for _ in range(4))
    family = FAMILIES.draw(random)
    address = clinic.places.carrier() if carrier < 0.2 else clinic.places.person(random, number % 2**16)
    headers: Mapping[str, str] = {"Sec-GPC": "1"} if signals < clinic.opt_out else {}
    return Person(name, family, late, address, headers, script >= NO_SCRIPT)


def _visit(clinic: Clinic, day: date, person: Person, views: tuple[View, ...]) -> Visit:
    release = release_at(clinic, views[0].at_ms)
    browser = browser_on(person.family, day, person.late)
    return Visit(
        person.name, browser, person.address, person.headers, tuple(view._replace(release=release) for view in views)
    )


def _staff(clinic: Clinic, day: date, begin: int) -> Iterator[Visit]:
    for number in range(max(2, round(people_on(clinic, day) * _STAFF_SHARE))):
        random = clinic.random(f"{day} staff {number}")
        start = begin + random.randrange(9 * HOUR_MS, 18 * HOUR_MS)
        one = Person(f"staff {number % 4}", "Chrome Windows", 0.6, CLINIC, {}, has_script=True)
        yield _visit(clinic, day, one, story(one, Story(start, False, clinic.base), random))


def _lost(clinic: Clinic, day: date, begin: int, count: int, *, free: bool) -> Iterator[Visit]:
    """Yield people who follow the one dead link that the clinic always has."""
    for number in range(count):
        random = clinic.random(f"{day} lost {number}")
        person = _person(clinic, day, 2**15 + number, random)
        start = _moment(begin, random, free=free)
        script = "js" if person.has_script else "noscript"
        page = View(start, "/services/", mode=script)
        gone = View(
            start + random.randrange(4_000, MINUTE_MS), BROKEN_LINK, f"{clinic.base}/services/", 404, mode=script
        )
        yield _visit(clinic, day, person, (page, gone))


def _robots(clinic: Clinic, begin: int, random: Random) -> Iterator[Visit]:
    scale = (clinic.visitors / _USUAL_PEOPLE) ** 0.5
    pages = ("/", "/services/", "/doctors/", "/price/", "/services/uzi/", "/services/mrt/", "/doctors/lor/", "/news/")
    for place, (agent, count) in enumerate(ROBOTS.items()):
        browser = Browser("", 0, "", agent, {})
        address = clinic.places.robot(agent, place)
        for _ in range(_drawn(random, count * scale)):
            view = View(begin + random.randrange(24 * HOUR_MS), random.choice(pages), mode="noscript")
            yield Visit(
                "", browser, address, {}, (view._replace(release=release_at(clinic, view.at_ms)),), is_person=False
            )


def _scanner(clinic: Clinic, begin: int, random: Random) -> Visit:
    browser = browser_on("Chrome Windows", clinic.today)
    moment, views = begin + random.randrange(HOUR_MS), []
    for path in SCANNER_PATHS * 2:
        moment += random.randrange(150, 900)
        views.append(View(moment, path, status=404))
    return Visit("", browser._replace(headers={}), clinic.places.scanner(), {}, tuple(views), is_person=False)
