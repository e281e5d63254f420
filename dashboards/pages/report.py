"""One report: its question, the answer, the chart, the table; the same rows as CSV and JSON, and the query."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from functools import cache

import orjson
from starlette.responses import Response

from dashboards.pages.answered import answered, period_of
from dashboards.view import PERIODS, View
from pipeline.reports import run, views
from pipeline.reports.catalogue import all_reports, parameters
from pipeline.reports.header import Report

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
    """Show a report."""
    report = find(view, view.path["name"])
    period = period_of(view, report)
    shown = answered(view, report, period)
    query = views.query(report, view.settings, parameters(report, view.site.id, period))
    return view.show("report.html", shown=shown, texts=report.words(view.language), query=query, periods=PERIODS)


def download(view: View) -> Response:
    """Answer with all rows of a report as CSV or JSON."""
    report = find(view, view.path["name"])
    if view.path["form"] not in ("csv", "json"):
        view.refuse(404, "no_such_report")
    with view.ask() as client:
        table = run.run(view.settings, report, view.site.id, *period_of(view, report), client=client)
    if view.path["form"] == "json":
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        return file_of(orjson.dumps(rows, default=str), "application/json")
    return file_of(csv_of(table.columns, table.rows), "text/csv")


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
