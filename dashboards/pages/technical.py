"""What is broken: the list of problems as sentences, and the reports by their questions.

Owns the filters of the list, how severe a problem is called, and what is new to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import orjson
from starlette.responses import Response

from dashboards.access.people import People
from dashboards.access.store import AccessAway, access_file
from dashboards.pages import report
from dashboards.problems.fault import ACTIVE, headline, rows
from dashboards.problems.lines import Place, lines
from dashboards.view import View
from dashboards.words.catalogue import value_title
from pipeline.database.client import in_utc
from pipeline.detection.watches import all_watches

DAYS = 28
"""Resolved problems of so many days are listed."""
STATES: Final = ("active", "muted", "resolved", "closed")
SEVERE, NOTICEABLE = 100, 20
"""So many visitors lost make a problem severe, or noticeable."""
MOST_LINES: Final = 20
Severity = Literal["severe", "noticeable", "slight", "over"]


class Listed(NamedTuple):
    """A problem as the list tells it."""

    id: str
    site: str
    kind: str
    state: str
    sentence: str
    since: datetime
    until: datetime | None
    page: str
    browser: str
    network: str
    country: str
    changed: str
    answers: Sequence[tuple[str, str]]
    works_for: str
    lost_low: int
    lost: int
    lost_high: int

    @property
    def headline(self) -> str:
        """The first sentence."""
        return headline(self.sentence)

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state in ACTIVE

    @property
    def group(self) -> str:
        """Its state as the filter names it."""
        return "active" if self.is_active else self.state

    @property
    def severity(self) -> Severity:
        """How much it costs while it goes on."""
        if not self.is_active:
            return "over"
        return "severe" if self.lost >= SEVERE else "noticeable" if self.lost >= NOTICEABLE else "slight"

    @property
    def affected(self) -> str:
        """The page, browser, network or country that is concerned, '' for the whole site."""
        return self.page or self.browser or self.network or self.country


def every(view: View) -> list[Listed]:
    """Return the problems of all of the person's sites, the most costly first."""
    return [_listed(row, view) for row in rows(view, timedelta(days=DAYS))]


def of_site(view: View, told: Sequence[Listed]) -> list[Listed]:
    """Return the problems of the site of the address, all where it names none."""
    asked = view.query.get("site", "")
    return [each for each in told if asked in ("", each.site)]


def problems(view: View) -> list[Listed]:
    """Return the problems of the site of the address, else of the person's sites, the most costly first."""
    return of_site(view, every(view))


def fresh(view: View, told: Sequence[Listed]) -> frozenset[str]:
    """Note that the person looks at all of their problems, and return those that go on and were not there at the last visit."""
    people = People(access_file(view.settings))
    try:
        look = people.look(view.person.name, "problems", [each.id for each in told], view.now.timestamp())
    except AccessAway:  # the list can be read; only what is new is unknown
        return frozenset()
    return frozenset(each.id for each in told if each.is_active) - look.known


def show(view: View) -> Response:
    """Show the problems of the filters and the reports."""
    state, kind = _one_of(view, "state", (*STATES, "all")), _one_of(view, "kind", tuple(all_watches()))
    told = every(view)
    found = of_site(view, told)
    chosen = [each for each in found if kind in ("", each.kind)]
    first = [each for each in chosen if state == "all" or each.group == (state or "active")]
    listed = [
        each
        for each in report.reports()
        if each.purpose == "technical" and not each.is_for_tools and each.name != "problems"
    ]
    return view.show(
        "technical.html",
        first=first,
        rest=[] if state else [each for each in chosen if not each.is_active],
        fresh=fresh(view, told),
        lines=lines(view, [_place(each) for each in first[:MOST_LINES]], DAYS),
        states=(*STATES, "all"),
        kinds={
            name: value_title("kind", name, view.language)
            for name in sorted({each.kind for each in found} | {kind} - {""})
        },
        is_filtered=bool(state or kind),
        zone_of=lambda site: next((each.zone for each in view.sites if each.id == site), view.site.zone),
        listed=listed,
    )


def _one_of(view: View, name: str, known: Sequence[str]) -> str:
    given = view.query.get(name, "")
    return given if given in ("", *known) else view.refuse(400, "bad_problem_filter")


def _place(told: Listed) -> Place:
    """Return the report that has the numbers of a problem's place, and the key there; no report where none has them."""
    if told.page.startswith("/"):
        return Place(told.id, told.site, told.since, "pages", told.page)
    if told.browser:
        return Place(told.id, told.site, told.since, "browsers", told.browser)
    if told.network:
        return Place(told.id, told.site, told.since, "networks", told.network)
    return Place(told.id, told.site, told.since, "" if told.affected else "traffic_by_day", "")


def _listed(row: Mapping[str, Any], view: View) -> Listed:
    ending = "_ru" if view.language == "ru" else ""
    until = in_utc(row["until"]) if row["until"] else None
    answers = orjson.loads(row[f"answers{ending}"] or "[]")
    return Listed(
        id=row["problem"],
        site=row["site"],
        kind=row["kind"],
        state=row["state"],
        sentence=row[f"sentence{ending}"],
        since=in_utc(row["since"]),
        until=until,
        page=row["page"],
        browser=row["browser"],
        network=row["network"],
        country=row["country"],
        changed=row["changed"],
        answers=answers,
        works_for=row["works_for"],
        lost_low=row["lost_low"],
        lost=row["lost"],
        lost_high=row["lost_high"],
    )
