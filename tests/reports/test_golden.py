"""Every report over one fixed day, or over the day with one fault of each kind, compared with the text table in `golden/`."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.reports import answers, catalogue, run
from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from support import booking_day, clinic_day, clinic_faults, stored_problems
from support.publishing import store_published_day, store_published_faults
from support.server import Rows

GOLDEN = Path(__file__).parent / "golden"
ALL = [report for report in catalogue.all_reports() if not report.is_for_tools]
"""The others tell when something was published."""
HOUR = timedelta(hours=1)
RECENT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 2 * HOUR
"""The hour of technical/now, which shows the last day alone."""
COUNTS = (
    ("offered", "", 1000),
    ("refused", "unknown_site", 12),
    ("refused", "flood", 3),
    ("spooled", "", 985),
    ("stored", "", 970),
    ("rejected", "page", 1),
)


def aligned(table: answers.Table) -> str:
    """Return the rows as a text table: numbers to the right, words to the left."""
    lines = [table.columns, *(tuple(str(value) for value in row) for row in table.rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.columns))]
    right = [any(isinstance(row[place], int) for row in table.rows) for place in range(len(table.columns))]
    return "".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def golden_text(report: Report, table: answers.Table) -> str:
    """Return answer and rows with the day, which moves, under its usual name, and so the subjects of the day."""
    told = [answers.answer(report, table, language) for language in ("en", "ru")]
    text = f"{told[0]}\n{told[1]}\n\n{aligned(answers.for_eyes(report, table, 'en'))}"
    text = text.replace(f"{RECENT:%Y-%m-%d %H:}", "2026-11-20 01:")
    for form, usual in (
        ("%Y-%m-%d", "2026-11-20"),
        ("%Y-%m ", "2026-11 "),
        ("%Y-%m:", "2026-11:"),
    ):
        text = text.replace(clinic_day.SINCE.strftime(form), usual)
    text = text.replace(f"{clinic_day.SINCE + stored_problems.MUTED:%Y-%m-%d}", "2027-02-18")
    return re.sub(r"\b[0-9a-f]{16}\b", "ed7f988028a565e4", text)


@pytest.fixture(scope="module")
def day(clickhouse: Settings) -> Settings:
    """The settings of a server with both days, published; no test of this file changes it."""
    store_published_day(clickhouse)
    booking_day.store_and_publish(clickhouse)
    store_published_faults(clickhouse)
    rows = Rows(clickhouse)
    for at in (clinic_day.SINCE + HOUR, RECENT):
        for name, reason, value in COUNTS:
            rows.count(at, name, value, reason=reason, site=clinic_day.SITE if name == "stored" else "")
    rows.close()
    stored_problems.store_problems(clickhouse, stored_problems.of_each_state(clinic_day.SINCE), as_of_usual_day=True)
    return clickhouse


def asked(settings: Settings, report: Report) -> answers.Table:
    if report.path == "technical/now":  # a row for each minute: the hour of the counts is enough
        return run.run(settings, report, clinic_day.SITE, RECENT, RECENT + HOUR)
    site = clinic_faults.SITE if report.path in clinic_faults.REPORTS else clinic_day.SITE
    site = booking_day.SITE if report.path in booking_day.REPORTS else site
    return run.run(settings, report, site, clinic_day.SINCE, clinic_day.UNTIL)


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.path)
def test_a_report_over_the_fixed_day_is_the_golden_table(report: Report, day: Settings) -> None:
    table = asked(day, report)
    assert table.columns == report.view_columns
    got = golden_text(report, table)
    file = GOLDEN / f"{report.view}.txt"
    want = file.read_text(encoding="utf-8") if file.exists() else ""
    difference = "\n".join(difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "got", lineterm=""))
    assert got == want, f"{report.path} has changed; if that is meant, put this into {file.name}:\n{difference}"


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.path)
def test_every_golden_table_has_rows_to_compare(report: Report) -> None:
    text = (GOLDEN / f"{report.view}.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) >= 5
