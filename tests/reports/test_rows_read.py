"""A question over one day of 28 reads about the rows of this day, by ClickHouse's own count of rows and not by time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.operations.migrate import migrate
from pipeline.publish.counting import QUERY
from pipeline.reports import catalogue
from pipeline.reports.catalogue import Period
from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from support.clinic_day import SITE
from support.server import Server

DAYS = 28
DAY = timedelta(days=1)
UNTIL = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
"""`now` shows the last hours alone, so the days are the last ones."""
A_DAY = 5_000
"""Events, cells of each report, and about as many counts, in one day."""
GRANULE = 8_192
"""ClickHouse reads at least so many rows of a table."""
ALL = catalogue.all_reports()
ASKED = [report for report in ALL if not report.is_for_tools]

EVENTS = """\
INSERT INTO pixel.events (received_at, event_id, site, kind, epoch, visitor, visitor_kind, ip_token, page, nonce)
SELECT
    {since:DateTime('UTC')} + toIntervalMillisecond(17280 * number) AS at, generateUUIDv4(), {site:String}, 'pageview', toDate(at),
    1 + number % 500, 'cookie', '::1', '/', number + 1
FROM numbers({days:UInt64} * {a_day:UInt64})
"""
MEASUREMENTS = """\
INSERT INTO pixel.technical (received_at, event_id, site, kind, name, page, value, view)
SELECT
    {since:DateTime('UTC')} + toIntervalMillisecond(17280 * number), generateUUIDv4(), {site:String},
    ['js_error', 'resource', 'vital'][1 + number % 3], 'LCP', '/', 1, number + 1
FROM numbers({days:UInt64} * {a_day:UInt64})
"""
COUNTERS = """\
INSERT INTO pixel.counters (minute, collector, name, site, value, batch_id)
SELECT {since:DateTime('UTC')} + 60 * number, 'a', name, {site:String}, 1, generateUUIDv4()
FROM numbers({days:UInt64} * 1440) ARRAY JOIN ['offered', 'spooled', 'stored', 'refused'] AS name
"""
PROBLEMS = """\
INSERT INTO pixel.problems (problem, changed_at, site, state, facts)
SELECT toString(number % 50), {since:DateTime('UTC')} + toIntervalSecond({days:UInt64} * 86400 * number / {a_day:UInt64}), {site:String}, 'open', '{}'
FROM numbers({a_day:UInt64})
"""
PUBLICATIONS = """\
INSERT INTO pixel.publications (site, report, grain, start, end, id)
SELECT {site:String}, report, 'day', {since:DateTime('UTC')} + 86400 * number AS start, start + 86400, generateUUIDv4()
FROM numbers({days:UInt64}) ARRAY JOIN {reports:Array(String)} AS report
"""
CELLS = """\
INSERT INTO pixel.cells (publication, site, report, grain, start, end, keys, visitors, numbers)
SELECT id, site, report, grain, start, end, map('page', toString(number)), 9, map('hits', 9)
FROM pixel.publications CROSS JOIN numbers({a_day:UInt64}) AS number
"""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A server of its own with 28 days in its tables."""
    server = Server(tmp_path_factory.mktemp("month")).start()
    try:
        migrate(server.settings)
        writer = connect(server.settings, "pixel_writer")
        reports = [report.name for report in ALL if report.is_published]
        values = {"site": SITE, "since": UNTIL - DAYS * DAY, "days": DAYS, "a_day": A_DAY, "reports": reports}
        for insert in (EVENTS, MEASUREMENTS, COUNTERS, PROBLEMS, PUBLICATIONS, CELLS):
            writer.command(insert, parameters=values)
        writer.close()
        yield server.settings
    finally:
        server.stop()


def rows_read(client: Client, query: str, values: dict[str, object]) -> int:
    """Ask and return the number of rows that ClickHouse read."""
    return int(client.query(query, parameters=values).summary["read_rows"])


def one_day(settings: Settings, report: Report) -> int:
    """Return the number of rows that a report reads for the last day, asked as its reader."""
    values = catalogue.parameters(report, SITE, Period(UNTIL - DAY, UNTIL))
    given = ", ".join(f"{name} = {{{name}:{each.type}}}" for name, each in report.parameters.items())
    client = connect(settings, report.role)
    try:
        return rows_read(client, f"SELECT * FROM {report.view}({given})", dict(values))
    finally:
        client.close()


def at_most(days: int) -> int:
    """Return how many rows a question about the cells of so many days may read.

    The cells may lie in two parts, and in each the days begin and end within a granule; the publications are read, too.
    """
    return days * A_DAY + 2 * 2 * GRANULE + DAYS * sum(report.is_published for report in ALL)


@pytest.mark.parametrize("report", [each for each in ASKED if each.is_published], ids=lambda report: report.path)
def test_a_published_report_reads_the_cells_of_its_day(report: Report, month: Settings) -> None:
    assert A_DAY <= one_day(month, report) <= at_most(1)


OF_ALL_TIMES = catalogue.find("technical/problems", ALL)
"""A problem that began long ago is still one."""


@pytest.mark.parametrize(
    "report", [each for each in ASKED if not each.is_published and each != OF_ALL_TIMES], ids=lambda report: report.path
)
def test_another_report_reads_the_rows_of_its_day_a_few_times(report: Report, month: Settings) -> None:
    assert A_DAY <= one_day(month, report) <= 8 * (A_DAY + GRANULE) < DAYS * A_DAY


def test_the_problems_of_a_day_read_each_stored_change_of_a_problem_once(month: Settings) -> None:
    assert one_day(month, OF_ALL_TIMES) == A_DAY


@pytest.mark.parametrize("name", ["day", "7d"])
def test_a_plain_view_reads_the_cells_of_its_days(name: str, month: Settings) -> None:
    client = connect(month, "ops")
    days = 1 if name == "day" else 7
    assert days * A_DAY <= rows_read(client, f"SELECT * FROM technical.pages_{name}", {}) <= at_most(days)
    client.close()


@pytest.mark.parametrize("report", [each for each in ALL if each.is_published], ids=lambda report: report.path)
def test_counting_the_cells_of_a_day_reads_its_rows_at_most_four_times(report: Report, month: Settings) -> None:
    client = connect(month, "pixel_writer")
    values = {"site": SITE, "since": UNTIL - DAY, "until": UNTIL, "grain": report.grains[0], "k0": 1, "k1": 2}
    # Ten minutes of the day before are in another part, which is smaller than a granule. Of measurements only one kind may be read.
    least = A_DAY // 3 if report.counted == "technical" else A_DAY
    assert least <= rows_read(client, QUERY.format(name=report.name), values) <= 4 * 2 * A_DAY + GRANULE
    client.close()
