"""What is broken: the list of problems as sentences, and the reports by their questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response

from dashboards.pages import report
from dashboards.view import View
from pipeline.database.client import in_utc
from pipeline.reports.run import run

DAYS = 28
"""Resolved problems of so many days are listed."""


class Told(NamedTuple):
    """A problem as the view tells it."""

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

    @property
    def headline(self) -> str:
        """The first sentence."""
        return self.sentence.partition(". ")[0].removesuffix(".") + "."

    @property
    def more(self) -> str:
        """What follows the first sentence."""
        return self.sentence.partition(". ")[2]

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state in ("open", "ongoing")


def problems(view: View) -> list[Told]:
    """Return the problems of the person's sites, the most costly first."""
    of = next(each for each in report.reports() if each.view == "technical.problems")
    with view.ask("technical") as client:
        table = run(view.settings, of, view.site.id, view.now - timedelta(days=DAYS), view.now, client=client)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    asked = view.query.get("site", "")
    return [_told(row, view) for row in rows if view.person.may_see(row["site"]) and asked in ("", row["site"])]  # type: ignore[arg-type]


def show(view: View) -> Response:
    """Show the problems and the reports."""
    found = problems(view)
    open_ones = [each for each in found if each.is_active]
    listed = [
        each
        for each in report.reports()
        if each.purpose == "technical" and not each.is_for_tools and each.name != "problems"
    ]
    return view.show(
        "technical.html", open=open_ones, rest=[each for each in found if not each.is_active], listed=listed
    )


def find(view: View) -> Told:
    """Return the problem of the address; raises `PageError` where there is none that the person may see."""
    found = problems(view)
    return next((each for each in found if each.id == view.path["id"]), None) or view.refuse(404, "no_such_problem")


def _told(row: Mapping[str, Any], view: View) -> Told:
    ending = "_ru" if view.language == "ru" else ""
    until = in_utc(row["until"]) if row["until"] else None
    answers = orjson.loads(row[f"answers{ending}"] or "[]")
    return Told(
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
    )
