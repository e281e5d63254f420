"""The views in which ClickHouse counts the cells of a report, and the reading of their rows.

Owns the rendering of `rollup.<report>` (sql/views/counted_cells.sql, counted_loads.sql) and the type of a counted row. The worker reads these views and
no row of an event; readers have no grant on them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pipeline.publish.cells import BESIDE, Counted, Number, RawCell, most_hits
from pipeline.reports.catalogue import all_reports, thresholds
from pipeline.reports.header import ALL, NOBODY, Report
from pipeline.reports.statements import own_hosts_sql, rendered, write, zone_sql
from pipeline.settings.model import Settings
from sql import fill

MOST_CELLS: Final = 50_000
"""The largest cells of a span; the others have the fewest people, and a scanner made them."""
QUERY: Final = (
    "SELECT * FROM rollup.{name}(site = {{site:String}}, since = {{since:DateTime('UTC')}}, until = {{until:DateTime('UTC')}},"
    " grain = {{grain:String}}, k0 = {{k0:UInt64}}, k1 = {{k1:UInt64}})"
)


def counting_views(settings: Settings) -> dict[str, str]:
    """Return the statement that makes or replaces each counting view, by `rollup.<report>`."""
    reports = [report for report in all_reports() if report.is_published]
    return {
        f"rollup.{report.name}": rendered(f"rollup.{report.name}", counting_sql(report, settings), settings)
        for report in reports
    }


def counting_sql(report: Report, settings: Settings) -> str:
    """Return the query that counts the cells of a report in one span."""
    keys, measures = report.named("key"), report.named("measure")
    if report.counted == "technical":
        frame, of_each = "$counted_loads", "argMax(toUInt64({}), value)"
    else:
        frame, of_each = "$counted_cells", "sum(toUInt64({}))"
        measures = measures or report.named(*NOBODY)
    body = fill(
        frame,
        {
            "zone": zone_sql(report, settings),
            "own_hosts": own_hosts_sql(settings),
            "cells": report.sql.replace("\n", "\n        "),
            "and_keys": "".join(f", {key}" for key in keys),
            "texts": ", ".join(f"toString({key})" for key in keys),
            "sums": ", ".join(map(of_each.format, measures)),
            "most_hits": str(most_hits(report)),
            "at_once": _at_once(report),
            "most_cells": str(MOST_CELLS),
            "is_counted": "robots > 0" if report.shape == "exact" else "cookies + fullest_day > 0",
        },
    )
    return write(body, thresholds(report))


def _at_once(report: Report) -> str:
    rule = report.at_once
    if rule is None:
        return "false"
    people = f"countIf(who = 'person') >= {rule.people}"
    return f"(({rule.when}) AND {people} AND uniqExactArrayIf(networks, who = 'person') >= {rule.networks})"


def read(rows: Iterable[Sequence[Any]], report: Report, known: frozenset[str]) -> Iterator[Counted]:
    """Yield the rows of a counting view; a name of `known`, the public pages and the hosts of the site, needs fewer people to be shown."""
    keys = report.named("key")
    measures = _numbers_of(report)
    paths = [keys.index(name) for name in report.path_keys]
    # The site, and not the visitor, chose the hosts of its resources.
    hosts = [keys.index(name) for name in report.host_keys if report.counted != "technical"]
    sources = [keys.index(name) for name in report.at_once.known] if report.at_once else []
    for start, texts, cookies, fullest_day, cell_key, values, people, number_keys, robots, at_once in rows:
        sensitive = any("/~" in texts[place] for place in paths)
        numbers = map(Number, values, people, number_keys)
        cell = RawCell(
            keys=tuple(texts),
            # A person may have a cookie and, without it, be a new visitor on every day.
            people=cookies + fullest_day,
            at_least=max(cookies, fullest_day),
            cell_key=cell_key,
            numbers={name: number for name, number in zip(measures, numbers, strict=True) if name},
            robots=robots,
            kind="sensitive" if sensitive else "ordinary",
            # No host is no name, but a host that a browser sent may be a private one.
            is_known=known.issuperset({texts[at] for at in paths} - {ALL} | {texts[at] for at in hosts} - {""}),
            is_fault=bool(at_once) and not sensitive and all(texts[place] in known for place in sources),
        )
        yield Counted(start, cell)


def _numbers_of(report: Report) -> list[str]:
    """Return the columns of the counted numbers in their order, '' for one that the report does not show."""
    return [*report.named("measure"), *("".join(report.named(kind)) for kind in BESIDE[report.counted or "events"])]
