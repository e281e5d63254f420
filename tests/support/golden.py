"""Every report over one fixed day, or over the day with one fault of each kind, as the text tables of `tests/reports/golden`."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.reports import answers, catalogue, run
from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from support import booking_day, clinic_day, clinic_faults, stored_problems
from support.publishing import store_published_day, store_published_faults
from support.server import Rows

GOLDEN = Path(__file__).parents[1] / "reports" / "golden"
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


def asked(settings: Settings, report: Report) -> answers.Table:
    """Return the answer to a report over its fixed day."""
    if report.path == "technical/now":  # a row for each minute: the hour of the counts is enough
        return run.run(settings, report, clinic_day.SITE, RECENT, RECENT + HOUR)
    site = clinic_faults.SITE if report.path in clinic_faults.REPORTS else clinic_day.SITE
    site = booking_day.SITE if report.path in booking_day.REPORTS else site
    return run.run(settings, report, site, clinic_day.SINCE, clinic_day.UNTIL)


def store_days(settings: Settings) -> None:
    """Leave in the tables nothing but the fixed days, published."""
    store_published_day(settings)
    booking_day.store_and_publish(settings)
    store_published_faults(settings)
    rows = Rows(settings)
    for at in (clinic_day.SINCE + HOUR, RECENT):
        for name, reason, value in COUNTS:
            rows.count(at, name, value, reason=reason, site=clinic_day.SITE if name == "stored" else "")
    rows.close()
    stored_problems.store_problems(settings, stored_problems.of_each_state(clinic_day.SINCE), as_of_usual_day=True)


def difference(report: Report, settings: Settings) -> str:
    """Return how the answer to a report differs from its golden table; empty where it does not."""
    table = asked(settings, report)
    assert table.columns == report.view_columns
    got = golden_text(report, table)
    file = GOLDEN / f"{report.view}.txt"
    want = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "got", lineterm="")
    return "" if got == want else "\n".join((f"{file.name}:", *lines))
