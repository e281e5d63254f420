"""The form of a report file: a malformed one is refused with its line and never becomes a view."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Fatal
from pipeline.publish.counting import counting_views
from pipeline.reports import answers, catalogue, docs_page, views
from pipeline.reports.buckets import Grain
from pipeline.reports.header import Report
from pipeline.reports.report_file import read_report
from pipeline.settings.model import Settings
from pipeline.settings.sections import Fraud
from sql import REPORTS_DIR
from support.server import Rows

ALL = catalogue.all_reports()
GOOD = {
    name: (REPORTS_DIR / f"{name}.sql").read_text(encoding="utf-8")
    for name in ("technical/browsers", "technical/counters", "technical/js_errors", "technical/now", "fraud/bursts")
}
NOW = datetime(2026, 11, 22, 14, 20, 5, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "reports.md"
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def changed(tmp_path: Path, name: str, old: str, new: str) -> Path:
    """Write a good file with one change."""
    assert GOOD[name].count(old) == 1, f"{old!r} must be in the good file once"
    file = tmp_path / f"{name.partition('/')[2]}.sql"
    file.write_text(GOOD[name].replace(old, new), encoding="utf-8")
    return file


def line_of(file: Path, text: str) -> int:
    """Return the first line of a file with this text."""
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


def refusal(name: str, file: Path) -> str:
    """Return what is said of a malformed file."""
    family = name.partition("/")[0]
    with pytest.raises(Fatal) as refused:
        read_report(family, file)  # type: ignore[arg-type]
    return str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "near", "said"),
    [
        ('-- title = "Browsers"\n', "", "[en]", "en.title: Field required"),
        ('-- title = "Browsers"\n', "-- title: Browsers\n", "title: Browsers", "not valid TOML"),
        ('-- chart = "bar"\n', '-- chart = "bar"\n-- chart = "line"\n', '"line"', "not valid TOML"),
        ('-- chart = "bar"\n', '-- chart = "pie"\n', "chart", "chart: Input should be 'line'"),
        ('-- chart = "bar"\n', '-- chart = "bar"\n-- colour = "red"\n', "colour", "colour: Extra inputs"),
        ('"technical"', '"fraud"', "purpose", "purpose: expected technical"),
        ('-- role = "ops"', '-- role = "security"', "role", "role: expected ops"),
        ('-- rank = "visitors"', '-- rank = "people"', "rank", "rank: expected the name of a column"),
        ('-- rank = "visitors"\n', '-- rank = "visitors"\n-- screen = ["people"]\n', "screen", "screen: expected names of columns"),
        ("{major}: about {visitors}", "{major}: about {people}", "about {people}", "en.answer: an answer may only name"),
        ("Families come from", "{families} come from", "limits", "en.limits: a limit may only name"),
        ('major = { kind = "key"', 'major = { kind = "clue"', "major = {", "columns.major.kind: Input should be 'key'"),
        ('site = { type = "String" }', 'site = { type = "8; DROP" }', "site = {", "parameters.site.type: String should"),
        ('-- until = {', "-- until_ = {", "[parameters]", "has the parameters site, since, until"),
        ('errors = { kind = "measure"', 'errors = { kind = "value"', "[columns]", "any other has values"),
        ('visitors = { kind = "visitors"', 'visitors = { kind = "measure"', "[columns]", "one visitors column"),
        ('-- order = "visitors DESC, hits DESC, browser, major"\n', "", "purpose", "order: needed by a published report"),
        ('-- shape = "partition"\n', '-- shape = "partition"\n-- only = "errors > people"\n', "only", "only: may only name published columns, not people"),
        ("round(100 * errors", "round(100 * people", "error_share", "columns.error_share: may only name published"),
        ("round(100 * errors", "(SELECT max(visitor) FROM pixel.events", "error_share", "may only name published"),
        ('errors = { kind = "measure", part_of = "hits"', 'errors = { kind = "measure", part_of = "visitors"', "errors = {", "part_of names a measure that is no part"),
        ('errors = { kind = "measure", part_of = "hits"', 'errors = { kind = "measure", part_of = "noscript"', "errors = {", "part_of names a measure that is no part"),
        ('kind = "derived"', 'kind = "measure"', "error_share", "a derived column, and no other, has an expression"),
        ("FROM events\n", "FROM pixel.events\n", "FROM pixel.events", "may read events, not pixel.events"),
        ("FROM events\n", "FROM events, pixel.held\n", "pixel.held", "not pixel.held"),
        ("WHERE kind = 'pageview'", "WHERE kind = {kind:String}", "{kind:", "kind is not for a published report"),
        ("WHERE kind = 'pageview'", "WHERE $no_such_piece", "$no_such_piece", "$no_such_piece is not in sql/views"),
    ],
)  # fmt: skip
def test_a_malformed_report_is_refused_with_its_line(old: str, new: str, near: str, said: str, tmp_path: Path) -> None:
    file = changed(tmp_path, "technical/browsers", old, new)
    told = refusal("technical/browsers", file)
    assert said in told
    line = line_of(file, near)
    assert told.startswith(f"{file}:{line}: ") or ("TOML" in told and f"line {line}," in told)


@pytest.mark.parametrize(
    "table",
    [
        "pixel.events", "pixel.hourly", "pixel.technical", "pixel.held", "`pixel`.`hourly`", '"pixel"."hourly"',
        "pixel . hourly", "pixel.series", "rollup.series", "rollup.hourly_counts", "system.parts", "merge('pixel', 'hourly')", "fraud.bursts",
        "pixel.counters, pixel.hourly", "pixel.counters JOIN pixel.hourly USING (minute)", "hourly",
    ],
)  # fmt: skip
def test_a_technical_report_reads_no_table_that_is_not_on_its_list(table: str, tmp_path: Path) -> None:
    file = changed(tmp_path, "technical/counters", "FROM pixel.counters", f"FROM {table}")
    told = refusal("technical/counters", file)
    assert told.startswith(f"{file}:{line_of(file, f'FROM {table}')}: ")
    assert "a technical report may read pixel.cells, pixel.counters, pixel.problems, pixel.publications, not " in told


def test_a_fraud_report_reads_events_and_not_the_copies_of_blocked_persons(tmp_path: Path) -> None:
    file = changed(
        tmp_path, "fraud/bursts", "AND net_class != 'own'", "AND event_id IN (SELECT event_id FROM pixel.held)"
    )
    assert "not pixel.held" in refusal("fraud/bursts", file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{distinct_pages:UInt64}, 10)\n    ),\n    windows", "{pages_at_least:UInt64}, 10)\n    ),\n    windows", "pages_at_least is used but not declared"),
        ("-- [thresholds]\n", "-- [thresholds]\n-- idle = { default = 1, meaning = \"x\" }\n", "thresholds.idle: declared but not used"),
        ("-- [parameters]\n", "-- [parameters]\n-- page = { type = \"String\" }\n", "parameters.page: declared but not used"),
    ],
)  # fmt: skip
def test_what_a_query_uses_is_declared_and_what_is_declared_is_used(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    assert said in refusal("fraud/bursts", changed(tmp_path, "fraud/bursts", old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("now", 'type = "UInt32", ', "", "columns.lag: the values of a report with a view without parameters have a type"),
        ("now", "-- plain = { 3h = 3 }\n", "", "columns.minute: the values of a report with a view without parameters have a type"),
        ("now", "{ 3h = 3 }", '{ "3 h" = 3 }', "plain.3 h.[key]: String should match pattern"),
        ("now", "-- plain = { 3h = 3 }\n", '-- plain = { 3h = 3 }\n-- only = "hits > 1"\n', "only: only for a published report"),
        ("browsers", '-- chart = "bar"\n', '-- chart = "bar"\n-- plain = { 3h = 3 }\n', "plain: only for a report with the parameters since, until"),
    ],
)  # fmt: skip
def test_a_report_with_wrong_plain_views_is_refused(name: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(f"technical/{name}", changed(tmp_path, f"technical/{name}", old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("FROM measurements\n", "FROM events\n", "a technical report may read measurements, not events"),
        ("FROM measurements\n", "FROM pixel.technical\n", "a technical report may read measurements, not pixel.technical"),
        ("    $load,\n", "    $person,\n", "gives one row for each row of measurements: SELECT $load, its keys and measures"),
        ("WHERE kind = 'js_error'", "WHERE kind = 'js_error' GROUP BY view", "SELECT $load, its keys and measures"),
        ('loads = { kind = "loads"', 'loads = { kind = "visitors"', "only a report of page loads has a measured column"),
        ('first_seen = { kind = "first"', 'probes = { kind = "probes"', "a report of page loads has no probes and names nothing at once"),
        ('-- rank = "loads"\n', '-- rank = "loads"\n-- at_once = { when = "true", known = [] }\n', "names nothing at once"),
        ("100 * loads /", "100 * share /", "columns.share: may only name published columns, not share"),
    ],
)  # fmt: skip
def test_a_report_of_page_loads_reads_measurements_and_has_no_parts_of_a_report_of_visitors(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    assert said in refusal("technical/js_errors", changed(tmp_path, "technical/js_errors", old, new))


@pytest.mark.parametrize("text", ["", "SELECT 1\n", "-- Only a question?\n", "-- What?\n-- [en]\n"])
def test_a_file_without_question_and_select_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "empty.sql"
    file.write_text(text, encoding="utf-8")
    assert f"{file}:1: expected `-- QUESTION`, a SELECT" in refusal("technical/empty", file)


def test_the_example_for_contributors_is_the_report_of_server_errors() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    _, _, example = text.partition(
        "This example is the whole file `sql/reports/technical/server_errors.sql`:\n\n```sql\n"
    )
    assert example.partition("```")[0] == (REPORTS_DIR / "technical/server_errors.sql").read_text(encoding="utf-8")


def test_the_first_line_is_the_question_and_the_second_begins_the_query() -> None:
    for report in ALL:
        first, second, *_ = (REPORTS_DIR / f"{report.path}.sql").read_text(encoding="utf-8").splitlines()
        assert first == f"-- {report.en.question}"
        assert second.split()[0] in ("SELECT", "WITH")


def test_the_page_of_the_reports_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == docs_page.page(ALL), "run: make docs"


def test_a_caller_can_only_choose_site_and_time() -> None:
    for report in ALL:
        text = views.view_sql(report, Settings())
        asked = set(re.findall(r"\{(\w+):", text))
        assert asked == {*report.parameters} <= {"site", "since", "until"}


def with_thresholds(tmp_path: Path, text: str) -> Path:
    """Write a thresholds.toml."""
    file = tmp_path / "thresholds.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_changed_threshold_takes_the_place_of_the_default(tmp_path: Path) -> None:
    bursts = catalogue.find("bursts", ALL)
    assert catalogue.thresholds(bursts)["hits_10s"] == 8
    file = with_thresholds(tmp_path, "[fraud.bursts]\nhits_10s = 12\n")
    assert catalogue.thresholds(bursts, file)["hits_10s"] == 12


@pytest.mark.parametrize("line", ["hits_10s = 'many'", "hits_10s = 8.5", "hits_10s = true", "hits_11s = 8"])
def test_a_changed_threshold_of_another_name_or_type_is_refused(line: str, tmp_path: Path) -> None:
    file = with_thresholds(tmp_path, f"[fraud.bursts]\n{line}\n")
    with pytest.raises(Fatal, match=rf"\[fraud.bursts\] {line[:8]}: expected "):
        catalogue.thresholds(catalogue.find("bursts", ALL), file)


TYPED = """\
-- How do thresholds and parameters of any type get into a query?
SELECT
    {word:String} AS word,
    {share:Float64} AS share,
    {limit:UInt64} AS limit,
    {who:String} AS who,
    {levels:UInt8} AS levels

-- purpose = "privacy"
-- role = "privacy"
-- chart = "table"
-- rank = "limit"
-- parameters = { who = { type = "String" }, levels = { type = "UInt8", default = 3 } }
--
-- [thresholds]
-- word = { default = "it's a \\\\ 'word'", meaning = "a text" }
-- share = { default = 1e-4, meaning = "a fraction" }
-- limit = { default = 9, meaning = "a whole number" }
--
-- [columns]
-- word = { kind = "value", unit = "word", meaning = "a text" }
-- share = { kind = "value", unit = "share", meaning = "a fraction" }
-- limit = { kind = "value", unit = "number", meaning = "a whole number" }
-- who = { kind = "value", unit = "word", meaning = "as asked" }
-- levels = { kind = "value", unit = "number", meaning = "as asked, or the default" }
--
-- [en]
-- title = "T"
-- answer = "{word}"
-- limits = "{share}"
--
-- [ru]
-- title = "T"
-- question = "?"
-- answer = "{word}"
-- limits = "{share}"
"""


@pytest.fixture
def typed(tmp_path: Path) -> Report:
    """A report with thresholds of three types and parameters of its own."""
    file = tmp_path / "typed.sql"
    file.write_text(TYPED, encoding="utf-8")
    return read_report("privacy", file)


def test_thresholds_and_parameters_have_types(typed: Report, tables: Rows) -> None:
    period = catalogue.read_period("24h", "0h", NOW)
    values = catalogue.parameters(typed, "clinic", period, {"who": "O'Brien"})
    assert values == {"who": "O'Brien", "levels": "3"}
    answer = tables.admin.query(views.query(typed, Settings(), values))
    assert answer.result_rows == [("it's a \\ 'word'", 1e-4, 9, "O'Brien", 3)]


@pytest.mark.parametrize(("more", "odd"), [({}, "who"), ({"who": "x", "colour": "red"}, "colour")])
def test_a_parameter_without_a_value_or_of_an_unknown_name_is_named(
    more: dict[str, str], odd: str, typed: Report
) -> None:
    with pytest.raises(LookupError, match=f"privacy/typed: {odd}: expected values for who, levels"):
        catalogue.parameters(typed, "clinic", catalogue.read_period("24h", "0h", NOW), more)


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_no_text_ends_its_literal_early(text: str) -> None:
    written = views.write("{word:String}", {"word": text})
    inside = re.fullmatch(r"CAST\('((?:[^'\\]|\\.)*)' AS String\)", written, re.DOTALL)
    assert inside is not None
    assert re.sub(r"\\(.)", r"\1", inside[1], flags=re.DOTALL) == text


def test_without_fraud_review_there_is_no_fraud_view() -> None:
    assert "fraud.bursts" in views.view_statements(Settings())
    without = views.view_statements(Settings(fraud=Fraud(enabled=False)))
    assert [name for name in without if name.startswith("fraud.")] == []


def test_no_view_of_a_technical_report_reads_a_row_of_an_event() -> None:
    names = {name: text for name, text in views.view_statements(Settings()).items() if name.startswith("technical.")}
    assert {report.view for report in ALL if report.purpose == "technical"} < names.keys()
    for name, text in names.items():
        read = {*re.findall(r"\bpixel\.\w+", text)}
        assert read <= {"pixel.cells", "pixel.publications", "pixel.counters", "pixel.problems"}, name
        assert "rollup." not in text, name


def test_the_views_that_count_people_are_in_a_database_without_readers() -> None:
    counting = counting_views(Settings())
    assert counting.keys() == {f"rollup.{report.name}" for report in ALL if report.is_published}
    assert not any(name.startswith("rollup.") for name in (report.view for report in ALL))


def test_every_published_report_has_plain_views_and_stands_in_the_list(tables: Rows) -> None:
    listed = tables.admin.query("SELECT name, columns, plain, example FROM technical.reports").result_rows
    assert {name for name, *_ in listed} == {report.view for report in ALL if report.purpose == "technical"}
    for name, columns, plain, example in listed:
        report = catalogue.find(name.replace(".", "/"), ALL)
        assert tuple(columns) == report.view_columns
        assert bool(plain) is (report.is_published or bool(report.plain))
        if "(" not in example:
            assert tables.admin.query(example).column_names is not None
        for view in plain:
            described = tables.admin.query(f"DESCRIBE TABLE {view}").result_rows
            assert [row[0] for row in described] == [*(["site"] if report.is_published else []), *columns]
            assert all(row[4] for row in described), view


def test_shared_rules_are_written_once() -> None:
    texts = [
        file.read_text(encoding="utf-8") for file in REPORTS_DIR.parent.rglob("*.*") if file.suffix in (".sql", ".toml")
    ]
    for rule in (
        "3599999",
        "position(page, '/~')",
        "cookie_state = 'new'",
        "OVER one_person + toIntervalMinute(30)",
        "bitTest(page_flags, 6)",
        "bitTest(page_flags, 10)",
    ):
        assert sum(text.count(rule) for text in texts) == 1, rule


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
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in catalogue.read_period(since, until, NOW)] == [first, last]


@pytest.mark.parametrize(
    ("zone", "since", "until", "first", "last"),
    [
        ("Europe/Moscow", "2026-11-01", "2026-11-02", "2026-10-31 21:00", "2026-11-01 21:00"),
        ("Europe/Moscow", "2026-11-01T10:00Z", "2026-11-01T11:00Z", "2026-11-01 10:00", "2026-11-01 11:00"),
        ("Asia/Kolkata", "2026-11-01T10:10", "2026-11-01T10:20", "2026-11-01 04:30", "2026-11-01 05:30"),
        ("Asia/Kolkata", "24h", "0h", "2026-11-21 13:30", "2026-11-22 14:30"),
        ("Europe/Berlin", "2026-10-25", "2026-10-26", "2026-10-24 22:00", "2026-10-25 23:00"),
        ("Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25 00:00", "2026-10-25 02:00"),
    ],
)
def test_times_are_whole_hours_of_the_sites_zone(zone: str, since: str, until: str, first: str, last: str) -> None:
    period = catalogue.read_period(since, until, NOW, ZoneInfo(zone))
    assert [f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" for moment in period] == [first, last]


@pytest.mark.parametrize("since", ["yesterday", "24", "-3h", "2026-13-01", "24h; DROP", "99999999999d"])
def test_a_time_that_is_none_is_quoted_back(since: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(since))):
        catalogue.read_period(since, "0h", NOW)


@pytest.mark.parametrize("step", ["hour", "day"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize(
    ("since", "until"),
    [("999999d", "0h"), ("999999h", "0h"), ("0001-01-01", "0h"), ("1969-12-31", "0h"), ("1d", "9999-12-31T23:59")],
)
def test_a_time_that_clickhouse_cannot_hold_is_refused(since: str, until: str, zone: str, step: Grain) -> None:
    with pytest.raises(ValueError, match="outside of all stored times: expected a time of 1971 to 2104"):
        catalogue.read_period(since, until, NOW, ZoneInfo(zone), step)


def test_the_end_may_not_stand_before_the_start() -> None:
    with pytest.raises(ValueError, match="expected the earlier time first"):
        catalogue.read_period("1d", "2d", NOW)


def test_a_derived_column_may_compare_a_row_with_all_published_rows(tmp_path: Path) -> None:
    expression = "round(errors / sum(hits) OVER (PARTITION BY site ORDER BY visitors))"
    file = changed(tmp_path, "technical/browsers", "round(100 * errors / nullIf(hits, 0), 1)", expression)
    assert expression in views.view_sql(read_report("technical", file), Settings())


def test_where_no_row_stands_out_the_answer_says_so() -> None:
    report = catalogue.find("technical/one_time_links", ALL)
    row = {"page": "/cancel/*", "role": "cancel", "visitors": 9, "opens": 30, "robots": 0, "share": 20, "small": 0}
    for machines, told in ((6, "6 of 30 opens of /cancel/* are not people."), (None, report.en.nothing)):
        values = row | {"machines": machines}
        table = answers.Table(report.view_columns, [tuple(values[name] for name in report.view_columns)])
        assert answers.answer(report, table, "en").startswith(told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('-- rank = "visitors"\n', '-- rank = "visitors"\n-- tells_from = 5\n'),
        ('-- title = "Browsers"\n', '-- title = "Browsers"\n-- nothing = "Nothing."\n'),
    ],
)
def test_a_rank_to_tell_from_and_the_words_for_less_need_each_other(old: str, new: str, tmp_path: Path) -> None:
    file = changed(tmp_path, "technical/browsers", old, new)
    assert "en.nothing: needed with `tells_from`" in refusal("technical/browsers", file)


def test_a_report_is_found_by_its_short_name_and_an_unknown_one_names_the_others() -> None:
    assert catalogue.find("bursts", ALL).path == catalogue.find("fraud/bursts", ALL).path == "fraud/bursts"
    with pytest.raises(LookupError, match=r"no report is called burst; there are: .*fraud/bursts"):
        catalogue.find("burst", ALL)
