"""The questions of a reader: no view, explanation or error tells more than the published tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.access import access_sql, parse_access, read_passwords
from pipeline.database.client import code
from pipeline.reports.views import DATABASES, PLAIN
from support.publishing import ALL, MIDNIGHT, NOW, SITE, Desk, Row, loads, view, views

ACCESS_DENIED, READONLY, SETTING_CONSTRAINT_VIOLATION = 497, 164, 452
HIDDEN_NETWORK = 777_777_777
"""A number that no explanation has by chance, such as one of microseconds."""
PUBLISHED = [report for report in ALL if report.is_published]


def shown_views() -> Iterator[str]:
    """Yield every view that a published report has, as it is asked."""
    for report in PUBLISHED:
        yield f"{report.view}(site='{SITE}', since='{MIDNIGHT:%Y-%m-%d %H:%M:%S}', until='{NOW:%Y-%m-%d %H:%M:%S}')"
        yield from (f"{report.view}_{name}" for name in PLAIN)
    yield from ("technical.cells", "technical.publications")


KINDS = (
    "EXPLAIN",
    "EXPLAIN ANALYZE",
    "EXPLAIN PLAN actions = 1, indexes = 1",
    "EXPLAIN PLAN json = 1",
    "EXPLAIN QUERY TREE dump_ast = 1",
    "EXPLAIN PIPELINE header = 1",
    "EXPLAIN ESTIMATE",
    "EXPLAIN SYNTAX run_query_tree_passes = 1",
)


@pytest.fixture(scope="module")
def hidden(opened: Desk) -> Desk:
    """A published day with one page that everybody may know, and one that a single person typed; no test here changes it."""
    opened.clear()
    opened.store(
        views(100, 30),
        [view(200, page="/secret", status=404, browser="Hidden browser", asn=HIDDEN_NETWORK, as_org="Hidden net")],
    )
    # A visitor who loads a page again and again is many page loads.
    here: Row = {"page": "/secret", "browser": "Hidden browser"}
    opened.measure(
        loads("resource", 1, 30), loads("resource", 100, 30, **here), loads("vital", 100, 30, name="LCP", **here)
    )
    opened.measure(loads("js_error", 200, 4, template="hidden", source_host="secret.example"))
    opened.publish(*(report.name for report in PUBLISHED))
    return opened


def test_no_explanation_of_a_view_shows_more_than_published_tables(hidden: Desk) -> None:
    views_of_errors = [name for name in shown_views() if "error_pages" in name]
    for kind in KINDS:
        for name in shown_views() if kind == "EXPLAIN ANALYZE" else views_of_errors:
            text = "\n".join(str(row) for row in hidden.query(f"{kind} SELECT * FROM {name}"))
            assert {*re.findall(r"pixel\.\w+", text)} <= {"pixel.cells", "pixel.publications"}, (kind, name)
            assert not re.search(rf"secret|hidden|{HIDDEN_NETWORK}|events|ip_token", text.lower()), (kind, name)


def test_no_answer_and_no_error_tells_of_a_hidden_cell(hidden: Desk) -> None:
    for name in shown_views():
        assert "/secret" not in str(hidden.query(f"SELECT * FROM {name}"))
    for name, column in (("error_pages", "page"), ("pages", "page"), ("browsers", "browser"), ("networks", "network")):
        for suffix in ("_day", "_7d"):
            hidden.query(
                f"SELECT * FROM technical.{name}{suffix} WHERE throwIf({column} IN ('/secret', 'Hidden browser', 'AS{HIDDEN_NETWORK} Hidden net')) = 0"
            )


def test_no_view_that_ops_may_read_reads_an_event(hidden: Desk) -> None:
    grants = parse_access(access_sql(read_passwords(hidden.settings))).accounts["ops"].grants
    assert grants == ["GRANT SELECT ON technical.*"]
    found = hidden.rows.admin.query(
        "SELECT name, create_table_query, as_select FROM system.tables WHERE database = 'technical'"
    ).result_rows
    # The list of the reports has examples in it, and reads nothing.
    tables = {name: {*re.findall(r"\b\w+\.\w+", body)} for name, _, body in found if name != "reports"}
    read = {
        name: {table for table in used if table.split(".")[0] in {"pixel", *DATABASES}} for name, used in tables.items()
    }
    assert {*read} >= {
        f"{report.name}{plain}" for report in PUBLISHED for plain in ("", *(f"_{name}" for name in PLAIN))
    }
    assert all(read[report.name] == {"pixel.cells", "pixel.publications"} for report in PUBLISHED)
    assert set().union(*read.values()) == {"pixel.cells", "pixel.publications", "pixel.counters", "pixel.problems"}
    assert not [name for name, text, _ in found if re.search(r"pixel\.events|rollup\.", text)]


BEHIND = (
    "SELECT * FROM pixel.cells",
    "SELECT events FROM pixel.publications",
    "SELECT count() FROM pixel.events",
    "SELECT * FROM rollup.browsers(site = 'clinic', since = now(), until = now(), grain = 'day', k0 = 1, k1 = 1)",
    "SELECT * FROM rollup.hourly_counts(day = today())",
    "SHOW CREATE VIEW rollup.browsers",
)
SETTINGS = (
    "additional_table_filters = {'pixel.cells': 'visitors < 9'}",
    "max_rows_to_read = 10, read_overflow_mode = 'break'",
    "query_plan_filter_push_down = 1",
    "session_timezone = 'Asia/Kolkata'",
)


def refusal(desk: Desk, query: str) -> int:
    """Return ClickHouse's number for the refusal of a query."""
    with pytest.raises(ClickHouseError) as refused:
        desk.query(query)
    return code(refused.value)


def test_a_reader_may_not_read_what_is_behind_the_published_numbers(hidden: Desk) -> None:
    assert {query: refusal(hidden, query) for query in BEHIND} == dict.fromkeys(BEHIND, ACCESS_DENIED)


def test_a_reader_may_not_bring_settings_into_a_view(hidden: Desk) -> None:
    for setting in SETTINGS:
        refused = refusal(hidden, f"SELECT * FROM technical.pages_day SETTINGS {setting}")
        assert refused in {READONLY, SETTING_CONSTRAINT_VIOLATION}, setting
