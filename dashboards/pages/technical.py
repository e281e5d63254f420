"""What is broken: the list of problems as sentences, one problem with its answers, and the reports by their questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

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
    lost: int

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


def show_problem(view: View) -> Response:
    """Show one problem."""
    return view.show("problem.html", problem=_find(view))


def change_problem(view: View) -> Response:
    """Mute a problem."""
    _find(view)
    view.refuse(400, "no_such_problem")


def _find(view: View) -> Told:
    found: Sequence[Told] = problems(view)
    return next((each for each in found if each.id == view.path["id"]), None) or view.refuse(404, "no_such_problem")


def _told(row: dict[str, Any], view: View) -> Told:
    sentence = row["sentence_ru"] if view.language == "ru" else row["sentence"]
    until = in_utc(row["until"]) if row["until"] else None
    return Told(
        row["problem"], row["site"], row["kind"], row["state"], sentence, in_utc(row["since"]), until, int(row["lost"])
    )
