"""One evaluation of all problems on a day of a million events and more: counting an hour, reading eight weeks, comparing.

Counted are the busiest hour, and the last one, which is counted with all views of its day. The eight weeks that are read have the slices of the busiest hour in
every hour: more than any real site.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from clickhouse_connect.driver import Client

from bench import made_up_table as table
from bench.effort import Effort
from bench.figures import Figure, Findings, Target, at_most
from bench.servers import clickhouse
from pipeline.database.client import connect
from pipeline.operations.migrate import migrate
from pipeline.problems.counting import HISTORY_DAYS, SeriesStore
from pipeline.problems.evaluate import evaluate
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

LIMITS: Final[Mapping[int, float]] = {1_000_000: 5.0, 10_000_000: 30.0}
"""Seconds of one evaluation of all sites, by the events of the day."""
BUSIEST: Final = 11
"""The hour (UTC) with most events of `made_up_table`."""
LAST: Final = 23
RUNS: Final = 3
HOUR: Final = timedelta(hours=1)
COUNT: Final = "SELECT * FROM rollup.series(site = {site:String}, since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')})"
# Every hour of the weeks gets the rows of one hour; a wave of the day keeps them from being all alike.
COPIES: Final = """\
INSERT INTO pixel.series
SELECT
    site, {until:DateTime('UTC')} - toIntervalHour(ago), dimension, name,
    toUInt32(views * wave), toUInt32(people * wave), mapApply((flag, number) -> (flag, toUInt32(number * wave)), numbers), now64(3, 'UTC')
FROM rollup.series(site = {site:String}, since = {since:DateTime('UTC')}, until = {since:DateTime('UTC')} + toIntervalHour(1)) AS busiest
CROSS JOIN (SELECT number + 1 AS ago, 0.6 + 0.4 * sin(number * pi() / 12) + 0.05 * (sipHash64(number) % 5) AS wave FROM numbers({hours:UInt32})) AS hours
"""
T = TypeVar("T")


class Counting(NamedTuple):
    """One count of an hour: seconds, the memory of its query in MB, and the rows that it gave."""

    seconds: float
    memory_mb: float
    rows: int


class Evaluated(NamedTuple):
    """One look at a site with its weeks: seconds to read the series, seconds to compare them, and the numbers of rows and slices."""

    reading: float
    comparing: float
    slices: int


def measure(effort: Effort) -> Findings:
    figures: list[Figure] = []
    for rows in effort.tables:
        effort.say(f"problems of a day of {rows:,} events")
        with clickhouse(effort.scratch / str(rows), table.SITES) as (_, settings):
            migrate(settings)
            figures += _of_table(settings, rows)
    return Findings(tuple(figures))


def _of_table(settings: Settings, rows: int) -> Iterator[Figure]:
    until = table.midnight()
    day = until - table.DAY
    writer = connect(settings, "pixel_writer", timeout=3600)
    try:
        table.fill_day(writer, day, rows)
        hours = {
            hour: {site.id: [_count(writer, site, day + hour * HOUR) for _ in range(RUNS)] for site in settings.sites}
            for hour in (BUSIEST, LAST)
        }
        for site in settings.sites:
            values = {"site": site.id, "since": day + BUSIEST * HOUR, "until": until, "hours": HISTORY_DAYS * 24}
            writer.command(COPIES, parameters=values)
        looks = {site.id: [_look(writer, site, until) for _ in range(RUNS)] for site in settings.sites}
    finally:
        writer.close()
    whole = [
        sum(hours[LAST][site.id][run].seconds + looks[site.id][run].reading + looks[site.id][run].comparing for site in settings.sites)
        for run in range(RUNS)
    ]  # fmt: skip
    limit: Target | None = at_most(LIMITS[rows]) if rows in LIMITS else None
    key, of = f"problems.{rows}", f"a day of {rows:,} events"
    yield Figure(f"{key}.evaluation", f"one evaluation of three sites at the end of {of}", "s", tuple(whole), limit)
    for hour, which in ((BUSIEST, "busiest"), (LAST, "last")):
        busy = hours[hour][table.BUSY]
        what = f"counting the {which} hour of the busiest site on {of}"
        yield Figure(f"{key}.{which}_hour", what, "s", tuple(each.seconds for each in busy))
        yield Figure(f"{key}.{which}_hour.memory", f"memory of {what}", "MB", tuple(each.memory_mb for each in busy))
    seen = looks[table.BUSY]
    slices = f"{HISTORY_DAYS} days with {seen[0].slices:,} slices, {of}"
    yield Figure(f"{key}.reading", f"reading {slices}", "s", tuple(each.reading for each in seen))
    yield Figure(f"{key}.comparing", f"comparing {slices}", "ms", tuple(each.comparing * 1000 for each in seen))


def _count(writer: Client, site: Site, since: datetime) -> Counting:
    values = {"site": site.id, "since": since, "until": since + HOUR}
    seconds, answer = _timed(lambda: writer.query(COUNT, parameters=values))
    return Counting(seconds, int(answer.summary["memory_usage"]) / 1e6, len(answer.result_rows))


def _look(writer: Client, site: Site, until: datetime) -> Evaluated:
    reading, read = _timed(lambda: SeriesStore().read(writer, site, until))
    comparing, _ = _timed(lambda: evaluate(read, site.id, []))
    return Evaluated(reading, comparing, sum(map(len, read.slices.values())))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done
