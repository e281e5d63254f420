"""Real logs of sites without a fault, evaluated hour by hour: what the engine says of them is false, but for hours that truly were quiet.

The truth is `../shared/data/truth-logs.md`: no server error, no loop, no broken page and no broken browser is in any of the three logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.problems.rows import Product, store
from pipeline.detection.detect import findings
from pipeline.detection.look import Look
from pipeline.detection.series import HOUR, Table
from pipeline.durations import DAY_MS
from pipeline.problems.counting import table_of
from pipeline.problems.evaluate import Backtest
from pipeline.problems.problem import Problem
from pipeline.settings.model import Settings
from pipeline.traffic.access_log import Excluded, read_lines
from pipeline.traffic.replay import plan, read_log, split
from pipeline.traffic.send import PlannedHit
from support.server import Rows

SHARED = Path(__file__).parents[2] / "../shared/data"
ELASTIC = "weblog-elastic-2015"
ALMHUETTE = "weblog-almhuette-2019"
ZANBIL = "weblog-zanbil-2019"
LAST_DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
LAST_HITS = {
    ELASTIC: timedelta(hours=21, minutes=5, seconds=59),
    ALMHUETTE: timedelta(hours=14, minutes=45, seconds=3),
    ZANBIL: timedelta(hours=1, minutes=7, seconds=9),
}
"""The clock time of the last hit of each log, so that its times shift by whole days."""
NO_PAGES: Mapping[str, Sequence[str]] = {
    ZANBIL: [
        "/image*", "/settings*", "/site*", "/discountLabel*", "/ajaxFilter*", "/province*", "/amp-helper-frame.html*",
        "/m/productImage*", "/m/prepareSearch*",
    ],
}  # fmt: skip
"""Images and parts of pages without the ending of a file: 40 % of the hits of one log."""
QUIET = (datetime(2015, 5, 18, 8, tzinfo=UTC), datetime(2015, 5, 18, 10, tzinfo=UTC))
"""Two hours of one log with 6 hits instead of about 48: the other half of the original log has the missing ones."""


class Logged(NamedTuple):
    """A log in the database: its settings, its table of numbers, and the time between the log's clock and ours."""

    settings: Settings
    table: Table
    shift: timedelta

    def evaluated(self) -> list[Problem]:
        """Return all problems that were ever named, evaluated at the end of each hour."""
        test = Backtest(self.table, self.settings.sites[0], self.table.start, self.table.until)
        for moment in test.moments():
            test.step(moment)
        return test.problems


Change = Callable[[PlannedHit, int], PlannedHit | None]
"""The change of a hit, given the milliseconds until the end of the log; None: it is not sent."""


def stored(name: str, settings: Settings, rows: Rows, change: Change = lambda hit, _left: hit) -> Logged:
    """Take a log through the product's own steps into the database, and count its numbers."""
    file = SHARED / name / "access.log"
    if not file.exists():
        pytest.skip(f"../shared/data/{name} is not here")
    site = settings.sites[0]
    hits, _ = split(read_lines(read_log(file), Excluded(NO_PAGES.get(name, ()))), site)
    last = LAST_DAY + LAST_HITS[name]
    planned = sorted(plan(hits, site, last_ms=int(last.timestamp() * 1000)), key=lambda hit: hit.at_ms)
    shift = timedelta(milliseconds=planned[-1].at_ms - max(hit.at_ms for hit in hits))
    end = planned[-1].at_ms
    changed = [hit for each in planned if (hit := change(each, end - each.at_ms)) is not None]
    product = Product(settings, now_ms=end)
    stored_rows = store(settings, product.rows(changed))
    assert stored_rows == len(changed) > 0.5 * len(hits)
    until = last.replace(minute=0, second=0) + HOUR
    return Logged(settings, table_of(rows.writer, settings, site, until), shift)


def told(problems: Sequence[Problem]) -> list[str]:
    return [
        f"{each.watch} {each.place} {each.since} to {each.until}: {each.facts.seen} of {each.facts.expected}, {each.confidence:.1f}"
        for each in problems
    ]


def test_of_a_blog_at_most_the_two_quiet_hours_are_a_problem(tables: Rows, clickhouse: Settings) -> None:
    log = stored(ELASTIC, clickhouse, tables)
    begin, end = (moment + log.shift for moment in QUIET)
    false = [each for each in log.evaluated() if not begin <= each.since < end]
    assert told(false) == []


def test_a_hotel_with_scanners_has_no_problem(tables: Rows, clickhouse: Settings) -> None:
    log = stored(ALMHUETTE, clickhouse, tables)
    assert log.table.of("people").sum() > 100
    assert told(log.evaluated()) == []


def test_forty_minutes_of_a_shop_are_no_problem_even_without_the_least_history(
    tables: Rows, clickhouse: Settings
) -> None:
    log = stored(ZANBIL, clickhouse, tables)
    assert told(log.evaluated()) == []
    # `evaluate` says nothing in the first half day, so the watches themselves are asked, too.
    assert findings(Look(log.table)) == []
    assert log.table.of("views").sum() > 150


def fails(hit: PlannedHit, left: int) -> PlannedHit:
    is_ill = left < DAY_MS and "/projects" in hit.query["u"]
    return replace(hit, query={**hit.query, "e": "500"}) if is_ill else hit


def is_silent(hit: PlannedHit, left: int) -> PlannedHit | None:
    return None if left < DAY_MS and "/projects" in hit.query["u"] else hit


@pytest.mark.parametrize(
    ("change", "watch", "place"),
    [(fails, "server_errors", "/projects"), (is_silent, "silent_page", "/projects")],
)
def test_a_fault_planted_into_the_last_day_of_the_blog_is_named_with_its_section(
    tables: Rows, clickhouse: Settings, change: Change, watch: str, place: str
) -> None:
    log = stored(ELASTIC, clickhouse, tables, change)
    problems = log.evaluated()
    assert [each.watch for each in problems] == [watch], told(problems)
    assert problems[0].place.name.startswith(place)
    assert problems[0].opened_at > log.table.until - timedelta(hours=25)
