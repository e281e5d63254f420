"""Three questions, answered in words: is anything broken, is anyone cheating, is data flowing."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from starlette.responses import Response

from dashboards.access.roles import may_open
from dashboards.charts.line import Line, Point, line
from dashboards.pages import fraud, report, technical
from dashboards.view import View
from pipeline.reports.run import run
from pipeline.review import cases as review

DAYS = 7


class Flow(NamedTuple):
    """Whether hits arrive: those of the last minutes, the seconds since the newest, and the days before."""

    accepted: int
    refused: int
    lag: int | None
    line: Line


class Cheating(NamedTuple):
    """Suspected cases that wait for a decision, their paid clicks, and their harm in money where clicks have costs."""

    is_on: bool
    is_scored: bool
    cases: int
    clicks: int
    harm: str


def show(view: View) -> Response:
    """Show the overview: the cards that the role opens."""
    role = view.person.role
    is_technical = may_open(role, "technical")
    return view.show(
        "overview.html",
        problems=[each for each in technical.problems(view) if each.is_active] if is_technical else None,
        cheating=cheating(view) if may_open(role, "fraud") else None,
        flow=flow(view) if is_technical else None,
    )


def cheating(view: View) -> Cheating:
    """Return what waits for a reviewer on the site."""
    if not view.settings.fraud.enabled:
        return Cheating(is_on=False, is_scored=False, cases=0, clicks=0, harm="")
    found, is_scored = fraud.asked(view, lambda client: (fraud.cases_of(view, client), review.is_scored(client)))
    suspected, _ = fraud.waiting([case for case in found if case.site == view.site.id])
    money = [fraud.harm_of(view, amount, unit) for unit, amount in suspected.harm.items() if unit != "clicks"]
    return Cheating(
        is_on=True, is_scored=is_scored, cases=suspected.cases, clicks=suspected.clicks, harm=", ".join(money)
    )


def flow(view: View) -> Flow:
    """Return whether hits of the site arrive."""
    now = _table(view, "now", timedelta(minutes=15))
    rows = [row for row in now if row["site"] == view.site.id]
    health = _table(view, "collector_health", timedelta(days=DAYS))
    points = [Point(row["hour"], float(row["accepted"])) for row in health]  # type: ignore[arg-type]
    lag = rows[-1]["lag"] if rows else None
    return Flow(
        sum(int(row["accepted"] or 0) for row in rows),  # type: ignore[call-overload]
        sum(int(row["refused"] or 0) for row in rows),  # type: ignore[call-overload]
        int(lag) if isinstance(lag, int) else None,
        line(points, width=240, height=40, left=0),
    )


def _table(view: View, name: str, age: timedelta) -> list[dict[str, object]]:
    of = next(each for each in report.reports() if each.view == f"technical.{name}")
    with view.ask("technical") as client:
        table = run(view.settings, of, view.site.id, view.now - age, view.now, client=client)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
