"""One report: its question, the form, the answer, the chart, the table; the same rows as CSV and JSON, and the query.

What cannot be asked is said on the page itself, above the form that has it. Owns which reports are related.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from typing import Final, NamedTuple

import orjson
from starlette.responses import Response

from dashboards.access.roles import sections_of
from dashboards.asked.wanted import Wanted, Wrong, days_of, filters_of, own_parameters, usual_period, wanted_of
from dashboards.pages.answered import Shown, answered, rows_of
from dashboards.view import PERIODS, View
from dashboards.words.catalogue import column_title
from pipeline.reports import answers, views
from pipeline.reports.catalogue import all_reports, parameters, zone_of
from pipeline.reports.header import Report
from pipeline.reports.statements import question, readable

RELATED: Final = 4
FIRST_TO_LOOK: Final = ("traffic_by_day", "pages", "browsers", "networks")
"""The reports that are related to those without a column in common."""


class Choice(NamedTuple):
    """One of several: its text, where it leads or the value that it sends, and whether it is chosen."""

    text: str
    href: str
    is_chosen: bool


class Filter(NamedTuple):
    """A field of the form for the text that a column shall hold."""

    name: str
    title: str
    value: str


_FORMULA = re.compile(r"(^|[;\t\r\n])([=+\-@\t\r])")
"""What a spreadsheet runs at the begin of a cell; where its language is Russian, a cell begins after a semicolon, too."""


@cache
def reports() -> tuple[Report, ...]:
    """Return every report file."""
    return tuple(all_reports())


def find(view: View, name: str) -> Report:
    """Return the report of a section; raises `PageError` where it has none of this name."""
    found = next((each for each in reports() if each.purpose == view.section and each.name == name), None)
    return found or view.refuse(404, "no_such_report")


def show(view: View) -> Response:
    """Show a report, or which reports there are where the address names none."""
    if all(each.name != view.path["name"] for each in _of_section(view)):
        return _show_missing(view)
    report = find(view, view.path["name"])
    try:
        wanted = wanted_of(view, report)
    except Wrong as wrong:
        return _page(view, report, None, None, status=400, wrong=view.words.say(wrong.key, **wrong.values))
    return _page(view, report, wanted, answered(view, wanted, zone_of(report, view.site)))


def download(view: View) -> Response:
    """Answer with all rows of a report as CSV or JSON, or with its query as SQL."""
    report = find(view, view.path["name"])
    form = view.path["form"]
    if form not in ("csv", "json", "sql"):
        view.refuse(404, "no_such_report")
    try:
        wanted = wanted_of(view, report)
    except Wrong as wrong:
        view.refuse(400, "bad_period", error=view.words.say(wrong.key, **wrong.values))
    if form == "sql":
        return file_of(query_of(view, wanted), "text/plain; charset=utf-8")
    table = rows_of(view, wanted)
    if form == "json":
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        return file_of(orjson.dumps(rows, default=str), "application/json")
    return file_of(csv_of(table.columns, table.rows), "text/csv")


def query_of(view: View, wanted: Wanted) -> str:
    """Return the query on the report's view with the values of the address, ready to be run as the role of the section."""
    values = parameters(wanted.report, view.site.id, wanted.period, wanted.more)
    held = {f"with_{column}": text for column, text in wanted.holding.items()}
    return readable(question(wanted.report, wanted.holding), values | held) + "\n"


def file_of(content: str | bytes, kind: str) -> Response:
    """Return a download."""
    return Response(
        content, media_type=kind, headers={"cache-control": "no-store", "x-content-type-options": "nosniff"}
    )


def csv_of(columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return rows as CSV; no text of a cell is run as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return text.getvalue()


def _safe(value: object) -> object:
    """Return a value that no spreadsheet runs as a formula."""
    if isinstance(value, datetime):
        return value.isoformat()
    return _FORMULA.sub(r"\1'\2", value) if isinstance(value, str) else value


def _page(
    view: View, report: Report, wanted: Wanted | None, shown: Shown | None, *, wrong: str = "", status: int = 200
) -> Response:
    return view.show(
        "report.html",
        status=status,
        report=report,
        texts=report.words(view.language),
        limits=answers.limits(report, view.language),
        zone=zone_of(report, view.site),
        wrong=wrong,
        shown=shown,
        wanted=wanted,
        query=query_of(view, wanted) if wanted else "",
        definition=views.query(report, view.settings) if wanted else "",
        periods=_periods(view, report),
        filters=[Filter(name, column_title(name[5:], view.language), view.query.get(name, "")) for name in filters_of(report)],
        kept={name: view.query[name] for name in _kept(view, report) if view.query.get(name)},
        related=_related(view, report),
        same=_same(view, wanted) if wanted else "",
        files=_files(view, report),
        clear=_clear(view),
        steps=_steps(view, report, shown.empty) if shown else (),
        days=days_of(view, wanted.period) if wanted else "",
        is_of_site="site" in report.parameters,
        has_period="since" in report.parameters,
    )  # fmt: skip


def _show_missing(view: View) -> Response:
    names = {each.name: each for each in _of_section(view)}
    near = get_close_matches(view.path["name"][:60], names, n=3)
    return view.show("report_missing.html", status=404, near=[names[name] for name in near], section=_section(view))


def _of_section(view: View) -> list[Report]:
    return [each for each in reports() if each.purpose == view.section]


def _section(view: View) -> str:
    """Return the address under which the reports of the section are."""
    return "/privacy/reports" if view.section == "privacy" else f"/{view.section}"


def _kept(view: View, report: Report) -> Sequence[str]:
    """Return what the form keeps without showing it: the age, as long as no days are given, and the report's own parameters."""
    has_days = view.query.get("from") or view.query.get("to")
    return [*(() if has_days else ("since", "until")), "sort", *own_parameters(report)]


def _periods(view: View, report: Report) -> list[Choice]:
    has_days = bool(view.query.get("from") or view.query.get("to") or view.query.get("until"))
    usual = usual_period(report)
    now = view.query.get("since", usual)
    # A report that is usually asked for some hours has no more than a day.
    ages = (usual, PERIODS[0]) if usual[-1] == "h" else dict.fromkeys((*PERIODS, usual))
    return [
        Choice(
            view.words.say({"h": "hours", "d": "days"}[age[-1]], n=int(age[:-1])),
            view.link(**{"since": age, "until": "", "from": "", "to": "", "first": ""}),
            age == now and not has_days,
        )
        for age in ages
    ]


def _files(view: View, report: Report) -> list[Choice]:
    path = f"/reports/{view.section}/{report.name}"
    return [
        Choice(form.upper(), view.link(f"{path}.{form}", sort="", first=""), is_chosen=False)
        for form in ("csv", "json", "sql")
    ]


def _clear(view: View) -> str:
    """Return the address without filters, days and order."""
    return view.link(**(dict.fromkeys(view.query, "") | {name: view.query.get(name, "") for name in ("site", "since")}))


def _steps(view: View, report: Report, empty: str) -> list[Choice]:
    """Return where to go from a page without numbers."""
    say, found = view.words.say, []
    if empty == "report_no_match":
        return [Choice(say("report_clear"), _clear(view), is_chosen=False)]
    if empty in ("", "report_not_configured", "report_for_tools"):
        return []
    longest = {"since": PERIODS[-1], "until": "", "from": "", "to": "", "first": ""}
    if view.query.get("since") != PERIODS[-1] and report.name != "now":
        found.append(Choice(say("report_longer"), view.link(**longest), is_chosen=False))
    menu = sections_of(view.person.role)
    if "health" in menu:
        found.append(Choice(say("report_to_health"), "/health", is_chosen=False))
    if "embed" in menu:
        found.append(
            Choice(say("report_to_tag"), view.link("/embed/check", **dict.fromkeys(view.query, "")), is_chosen=False)
        )
    return found


def _same(view: View, wanted: Wanted) -> str:
    """Return the address of this view with its times written out, which shows the same tomorrow."""
    if "since" not in wanted.report.parameters:
        return view.link()
    since, until = (each.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ") for each in wanted.period)
    return view.link(**{"from": "", "to": "", "since": since, "until": until, "site": view.site.id})


def _related(view: View, report: Report) -> list[Choice]:
    """Return the reports to look at next: those of the section with most columns of names in common."""
    own = set(report.named("key"))
    others = [
        each for each in _of_section(view) if each != report and not each.is_for_tools and each.name != "problems"
    ]
    order = sorted(
        others, key=lambda each: (-len(own & set(each.named("key"))), each.name not in FIRST_TO_LOOK, each.name)
    )
    kept = {name: view.query[name] for name in ("site", "since", "until", "from", "to") if view.query.get(name)}
    dropped = dict.fromkeys(view.query, "") | kept
    return [
        Choice(each.words(view.language).question, view.link(f"{_section(view)}/{each.name}", **dropped), is_chosen=False)
        for each in order[:RELATED]
    ]  # fmt: skip
