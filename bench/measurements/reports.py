"""Time of every report over tables of a million rows and more, for the last day and the last 28 days.

Each report is asked as its reader's role. Rows read are ClickHouse's own figure; CPU time is that of its process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from bench import made_up_table as table
from bench.effort import Effort
from bench.figures import Figure, Findings, Table, Target, at_most
from bench.processes import Program
from bench.servers import clickhouse
from pipeline.database.client import code, connect
from pipeline.operations.migrate import migrate
from pipeline.reports import catalogue
from pipeline.reports.catalogue import Period
from pipeline.reports.header import ROLES, Report
from pipeline.settings.model import Settings

LIMITS: Final[Mapping[int, Mapping[str, float]]] = {
    1_000_000: {"24h": 0.3, "28d": 0.5},
    10_000_000: {"24h": 0.6, "28d": 1.5},
    50_000_000: {"24h": 1.0, "28d": 4.0},
}
"""Seconds within which 95 of 100 answers must come, by the rows of the table."""
WINDOWS: Final = {"24h": 1, "28d": table.DAYS}
ANSWERS: Final = 20
PATIENCE: Final = 60.0
"""Seconds for the answers of one report and window."""


class Asked(NamedTuple):
    """One answer, or all of a report: seconds until 95 of 100 are there, CPU seconds of ClickHouse for one, and rows read."""

    seconds: float
    cpu: float
    rows: int


class Refused(NamedTuple):
    """A report beyond its reader's limits (60 seconds, 1 GB of memory, a million rows), with ClickHouse's error."""

    error: int
    seconds: float = math.inf


Answered = Asked | Refused
ByReport = Mapping[str, Mapping[str, Answered]]
"""The answers by the path of a report and the window."""


def measure(effort: Effort) -> Findings:
    figures: list[Figure] = []
    tables: list[Table] = []
    for rows in effort.tables:
        effort.say(f"reports over {rows:,} rows")
        with clickhouse(effort.scratch / str(rows), table.SITES) as (server, settings):
            migrate(settings)
            table.fill(settings, rows)
            before = server.cpu_seconds()
            table.publish(settings)
            cpu = server.cpu_seconds() - before
            table.copy_cells(settings)
            found = _ask_all(server, settings)
        figures += _figures(rows, found, cpu)
        tables.append(_table(rows, found))
    return Findings(tuple(figures), tuple(tables))


def _ask_all(server: Program, settings: Settings) -> ByReport:
    with ExitStack() as stack:
        clients = {role: stack.enter_context(connect(settings, role)) for role in ROLES.values()}
        return {
            report.path: {
                window: _answers(server, clients[report.role], report, days) for window, days in WINDOWS.items()
            }
            for report in catalogue.all_reports()
        }


def _answers(server: Program, client: Client, report: Report, days: int) -> Answered:
    """Ask once for warming up and then `ANSWERS` times, fewer times where that takes longer than `PATIENCE`."""
    try:
        seen = [_ask(server, client, report, days)]
        while len(seen) <= ANSWERS and sum(each.seconds for each in seen) < PATIENCE:
            seen.append(_ask(server, client, report, days))
    except ClickHouseError as error:
        return Refused(code(error))
    kept = seen[1:] or seen
    slow = sorted(each.seconds for each in kept)[math.ceil(0.95 * len(kept)) - 1]
    return Asked(slow, sum(each.cpu for each in kept) / len(kept), max(each.rows for each in kept))


def _ask(server: Program, client: Client, report: Report, days: int) -> Asked:
    until = table.midnight()
    values = catalogue.parameters(report, table.BUSY, Period(until - days * table.DAY, until))
    given = ", ".join(f"{name}={{{name}:{each.type}}}" for name, each in report.parameters.items())
    view = f"{report.view}({given})" if given else report.view
    cpu, began = server.cpu_seconds(), time.perf_counter()
    answer = client.query(f"SELECT * FROM {view}", parameters=values)  # noqa: S608 - names of checked files
    seconds = time.perf_counter() - began
    return Asked(seconds, server.cpu_seconds() - cpu, int(answer.summary["read_rows"]))


def _figures(rows: int, found: ByReport, publishing: float) -> Iterator[Figure]:
    limits = LIMITS.get(rows, {})
    for window in WINDOWS:
        for kind, is_published in (("published cells", True), ("rows", False)):
            of_kind = {
                path: windows[window].seconds
                for path, windows in found.items()
                if path.startswith("technical/") == is_published
            }
            slowest = max(of_kind, key=of_kind.__getitem__)
            what = f"p95 of the slowest report over {kind}, {slowest}, {window}, {rows:,} rows"
            key = f"reports.{rows}.{window}.{kind.split()[-1]}"
            yield Figure(key, what, "s", (min(of_kind[slowest], PATIENCE),), _target(limits, window))
    what = f"CPU of publishing a day of three sites, {rows:,} rows in 28 days"
    yield Figure(f"reports.{rows}.publishing", what, "s", (publishing,))


def _target(limits: Mapping[str, float], window: str) -> Target | None:
    return at_most(limits[window]) if window in limits else None


def _table(rows: int, found: ByReport) -> Table:
    columns = ("report", *(f"{window}: {what}" for window in WINDOWS for what in ("p95 s", "CPU s", "rows read")))
    lines = (
        (path, *(cell for window in WINDOWS for cell in _cells(windows[window]))) for path, windows in found.items()
    )
    return Table(f"reports over {rows:,} rows", columns, tuple(lines))


def _cells(answered: Answered) -> tuple[str, str, str]:
    if isinstance(answered, Refused):
        return f"refused ({answered.error})", "", ""
    return f"{answered.seconds:.2f}", f"{answered.cpu:.2f}", f"{answered.rows:,}"
