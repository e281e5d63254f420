"""Every report over one fixed day, or over the day with one fault of each kind, compared with the text table in `golden/`."""

from __future__ import annotations

import pytest

from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from support.golden import ALL, GOLDEN, difference, store_days


@pytest.fixture(scope="module")
def day(clickhouse: Settings) -> Settings:
    """The settings of a server with both days, published; no test of this file changes it."""
    store_days(clickhouse)
    return clickhouse


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.path)
def test_a_report_over_the_fixed_day_is_the_golden_table(report: Report, day: Settings) -> None:
    changed = difference(report, day)
    assert not changed, f"{report.path} has changed; if that is meant, put it into the golden table:\n{changed}"


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.path)
def test_every_golden_table_has_rows_to_compare(report: Report) -> None:
    text = (GOLDEN / f"{report.view}.txt").read_text(encoding="utf-8")
    assert len(text.splitlines()) >= 5
