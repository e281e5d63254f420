"""Two weeks of a small clinic, published without noise, and the problems of their last days.

Every day 30 people read the home page; 20 of them, with Chrome and from MTS, read /doctors/ivanov, and 10, with Safari and from Rostelecom, read
/price. From noon of `BEGIN` nobody reads /doctors/ivanov any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.problems import store
from pipeline.problems.problem import Problem
from pipeline.settings.model import Settings
from support.clinic_day import SITE
from support.days import MIDNIGHT
from support.publishing import DAY, Desk, view
from support.server import Rows
from support.stored_problems import problem

DAYS = 13
NOON = timedelta(hours=12)
BEGIN = MIDNIGHT - 4 * DAY + NOON
REPORTS = (
    "technical/pages",
    "technical/browsers",
    "technical/networks",
    "technical/traffic_by_day",
    "technical/releases",
)
MTS, ROSTELECOM = (
    {"asn": 8359, "as_org": "MTS", "country": "RU"},
    {"asn": 12389, "as_org": "Rostelecom", "country": "BY"},
)
PAGE = "/doctors/ivanov"


def publish_days(rows: Rows) -> None:
    """Store the days and publish them."""
    desk = Desk(rows)
    desk.know("/", PAGE, "/price")
    made: list[dict[str, object]] = []
    for back in range(DAYS):
        day = MIDNIGHT - back * DAY
        release = "1.4" if day >= BEGIN - NOON else "1.3"
        for person in range(30):
            is_chrome = person < 20
            facts: dict[str, Any] = {
                "visitor": 1000 * back + person + 1,
                "browser": "Chrome" if is_chrome else "Safari",
                "browser_major": 142 if is_chrome else 18,
                "release": release,
                **(MTS if is_chrome else ROSTELECOM),
            }
            at = day + timedelta(hours=8, minutes=person)
            made.append(view(facts.pop("visitor"), at, page="/", **facts))
            if not is_chrome or day + NOON < BEGIN or day == BEGIN - NOON:
                page = PAGE if is_chrome else "/price"
                made.append(view(1000 * back + person + 1, at + timedelta(minutes=2), page=page, **facts))
    desk.store(made)
    desk.publish(*REPORTS, until=MIDNIGHT + DAY, noise=0, grains=("day",))
    desk.close()


def found(**changes: Any) -> Problem:
    """Return the silent page as the engine stores it; `changes` are those of the problem and of its facts."""
    from pipeline.problems.problem import Place

    plain: dict[str, Any] = {"place": Place("page", PAGE), "changed": ("release 1.4", "list tor 2026-11"), "site": SITE}
    return problem(BEGIN, **{**plain, **changes})


def store_answered(settings: Settings, *problems: Problem) -> None:
    """Store problems with their sentences and their five answers, as the engine does."""
    with store.connected(settings) as client:
        store.write(client, [store.change(settings.chosen_site(each.site), each) for each in problems])
