"""Every report over one fixed day, compared with the text table in `golden/`."""

from __future__ import annotations

import difflib
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.database.client import connect
from pipeline.reports import answers, catalogue, run
from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from support import clinic_day
from support.server import Rows

GOLDEN = Path(__file__).parent / "golden"
ALL = catalogue.all_reports()
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
    right = [bool(table.rows) and isinstance(table.rows[0][place], int) for place in range(len(table.columns))]
    return "".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def golden_text(report: Report, table: answers.Table) -> str:
    """Return answer and rows with the day, which moves, under its usual name."""
    text = f"{answers.answer(report, table, 'en')}\n{answers.answer(report, table, 'ru')}\n\n{aligned(answers.for_eyes(report, table))}"
    for form, usual in (
        ("%Y-%m-%d", "2026-11-20"),
        ("%Y-%m ", "2026-11 "),
        ("%Y-%m:", "2026-11:"),
    ):
        text = text.replace(clinic_day.SINCE.strftime(form), usual)
    return text


def store_counts(settings: Settings, at: datetime) -> None:
    client = connect(settings, "pixel_writer")
    try:
        client.insert(
            "counters",
            [[at, "a", name, reason, "", "", 0, value, uuid.UUID(int=1)] for name, reason, value in COUNTS],
            column_names=["minute", "collector", "name", "reason", "net_class", "country", "asn", "value", "batch_id"],
            column_type_names=["DateTime('UTC')", *["String"] * 5, "UInt32", "UInt64", "UUID"],
            database="pixel",
        )
    finally:
        client.close()


def asked(settings: Settings, report: Report) -> answers.Table:
    return run.run(settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.path)
def test_a_report_over_the_fixed_day_is_the_golden_table(report: Report, tables: Rows) -> None:
    clinic_day.store(tables.settings, clinic_day.rows())
    store_counts(tables.settings, clinic_day.SINCE + timedelta(hours=1))
    table = asked(tables.settings, report)
    assert table.columns == report.published
    got = golden_text(report, table)
    file = GOLDEN / f"{report.view}.txt"
    want = file.read_text(encoding="utf-8") if file.exists() else ""
    difference = "\n".join(difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "got", lineterm=""))
    assert got == want, f"{report.path} has changed; if that is meant, put this into {file.name}:\n{difference}"


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.path)
def test_every_golden_table_has_rows_to_compare(report: Report) -> None:
    text = (GOLDEN / f"{report.view}.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) >= 5
