"""The form of a report file: a malformed one is refused with its line and never becomes a view."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.reports import docs_page, run
from pipeline.reports.header import read_report
from pipeline.settings import Fraud, Privacy, Settings
from sql import REPORTS_DIR

ALL = run.all_reports()
GOOD = (REPORTS_DIR / "technical" / "browsers.sql").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 22, 14, 20, 5, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "reports.md"


def broken(tmp_path: Path, old: str, new: str) -> Path:
    assert GOOD.count(old) == 1, f"{old!r} must stand once in the good file"
    file = tmp_path / "browsers.sql"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("-- title.en: Browsers\n", "", 25, "the header lacks title.en"),
        ("-- title.en: Browsers\n", "-- title.en Browsers\n", 1, "expected `-- key: text`"),
        ("-- chart: bar\n", "-- chart: bar\n-- chart: line\n", 19, "chart stands here twice"),
        ("-- chart: bar\n", "-- chart: pie\n", 18, "chart: expected one of line"),
        ("-- chart: bar\n", "-- chart: bar\n-- colour: red\n", 19, "unknown key colour"),
        ("-- purpose: technical\n", "-- purpose: fraud\n", 7, "purpose: expected technical"),
        ("-- role: ops\n", "-- role: security\n", 8, "role: expected ops"),
        ("-- rank: visitors\n", "-- rank: people\n", 20, "rank: expected the name of a column"),
        ("{major}: about {visitors}", "{major}: about {people}", 5, "answer.en: an answer may only name columns"),
        ("-- column.major: key, version; its", "-- column.major: clue, version; its", 13, "expected `-- column.major: key|"),
        ("-- parameter.site: String\n", "-- parameter.site: String\n-- parameter.page: String\n", 10, "expected `parameter.site"),
        ("-- parameter.until: DateTime64(3, 'UTC') = 0h\n", "", 25, "has the parameters site, since, until"),
        ("column.errors: measure,", "column.errors: value,", 26, "no values"),
        ("column.visitors: visitors,", "column.visitors: measure,", 26, "one visitors column"),
        ("-- order: visitors DESC, hits DESC, browser, major\n", "", 25, "needs `order`"),
        ("FROM events\n", "FROM pixel.events\n", 26, "must not read pixel.events"),
        ("WHERE kind = 'pageview'", "WHERE kind = {kind:String}", 26, "kind is used but not declared"),
    ],
)  # fmt: skip
def test_a_malformed_report_is_refused_with_its_line(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    file = broken(tmp_path, old, new)
    with pytest.raises(Fatal, match=re.escape(said)) as refused:
        read_report("technical", file)
    assert str(refused.value).startswith(f"{file}:{line}: ")


def test_a_file_without_a_select_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.sql"
    file.write_text("-- title.en: Empty\n", encoding="utf-8")
    with pytest.raises(Fatal, match=r"empty.sql:1: expected a SELECT"):
        read_report("technical", file)


def test_the_page_of_the_reports_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == docs_page.page(ALL), "run: clinic-pixel report --docs > docs/reports.md"


def test_a_caller_can_only_choose_site_and_time() -> None:
    for report in ALL:
        text = run.view_sql(report, Settings())
        asked = set(re.findall(r"\{(\w+):", text))
        assert asked == {each.name for each in report.parameters} <= {"site", "since", "until"}


def test_thresholds_come_from_the_settings() -> None:
    settings = Settings(privacy=Privacy(min_visitors=7, min_visitors_sensitive=30))
    text = run.view_sql(run.find("error_pages", ALL), settings)
    assert "toUInt64(7)" in text
    assert "toUInt64(30)" in text


def test_a_sensitive_group_never_needs_fewer_people_than_others() -> None:
    settings = Settings(privacy=Privacy(min_visitors=50, min_visitors_sensitive=20))
    assert run.constants(ALL[0], settings)["min_visitors_sensitive"] == 50


def test_a_threshold_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text("[fraud.bursts]\nhits_10s = 8\nhits_60s = 'many'\n", encoding="utf-8")
    with pytest.raises(Fatal, match=r"\[fraud.bursts\] hits_60s: expected a whole number"):
        run.constants(run.find("bursts", ALL), Settings(), file)


def test_without_fraud_review_there_is_no_fraud_view() -> None:
    with_review = "\n".join(run.view_statements(Settings()))
    without = "\n".join(run.view_statements(Settings(fraud=Fraud(enabled=False))))
    assert "VIEW fraud." in with_review
    assert "VIEW fraud." not in without


def test_every_technical_view_of_visitors_stands_on_the_one_suppression() -> None:
    for report in ALL:
        text = run.view_sql(report, Settings())
        if report.family == "technical" and "pixel.events" in text:
            assert report.suppressed
            assert "in_other" in text


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("24h", "0h", "2026-11-21 14:00", "2026-11-22 15:00"),
        ("7d", "1d", "2026-11-15 14:00", "2026-11-21 15:00"),
        ("1w", "0h", "2026-11-15 14:00", "2026-11-22 15:00"),
        ("2026-11-01", "2026-11-02", "2026-11-01 00:00", "2026-11-02 00:00"),
        ("2026-11-01T10:10:00Z", "2026-11-01T10:20:00Z", "2026-11-01 10:00", "2026-11-01 11:00"),
        ("2026-11-01T10:00:00+03:00", "2026-11-01T12:00:00+03:00", "2026-11-01 07:00", "2026-11-01 09:00"),
    ],
)
def test_times_are_whole_hours_in_utc(since: str, until: str, first: str, last: str) -> None:
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in run.period(since, until, NOW)] == [first, last]


@pytest.mark.parametrize("since", ["yesterday", "24", "-3h", "2026-13-01", "24h; DROP", "99999999999d"])
def test_a_time_that_is_none_is_quoted_back(since: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(since))):
        run.period(since, "0h", NOW)


def test_an_impossibly_long_time_is_refused_and_not_an_overflow() -> None:
    with pytest.raises(ValueError, match="999999d"):
        run.period("999999d", "0h", NOW)


def test_the_end_may_not_stand_before_the_start() -> None:
    with pytest.raises(ValueError, match="expected the earlier time first"):
        run.period("1d", "2d", NOW)


def test_a_report_is_found_by_its_short_name_and_an_unknown_one_names_the_others() -> None:
    assert run.find("bursts", ALL).path == run.find("fraud/bursts", ALL).path == "fraud/bursts"
    with pytest.raises(LookupError, match=r"no report is called burst; there are: .*fraud/bursts"):
        run.find("burst", ALL)
