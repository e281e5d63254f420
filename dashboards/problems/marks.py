"""What changed around a problem, as lines in its chart: its begin, the fixes that people named, its end, and releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from clickhouse_connect.driver import Client

from dashboards.charts.line import Mark
from dashboards.problems.fault import Fault
from dashboards.problems.life import steps
from dashboards.view import View
from pipeline.database.client import in_utc
from pipeline.problems.words import clean

_RELEASES: Final = """\
SELECT key1 AS release, min(start) AS first
FROM technical.cells
WHERE site = {site:String} AND report = 'releases' AND grain = 'day' AND measure = 'visitors' AND key1 NOT LIKE '(%'
    AND start >= {since:DateTime('UTC')} AND start < {until:DateTime('UTC')}
GROUP BY release
ORDER BY first"""


def marks_of(view: View, client: Client, fault: Fault, values: Mapping[str, object]) -> list[Mark]:
    """Return the marks of the chart of a problem; `values` have its `site`, `since` and `until`."""
    return [*_own_marks(view, fault), *_releases(client, values, fault)]


def _own_marks(view: View, fault: Fault) -> Iterator[Mark]:
    """Yield the begin with all changes that may have made it, the fixes that people named, and the end."""
    changed = [clean(each, 24) for each in fault.changed.split(", ") if each]
    yield Mark(fault.since, ", ".join([view.words.say("onset"), *changed[:2]]) + (" …" if len(changed) > 2 else ""))
    for step in steps(fault.life):
        if step.kind == "closed":
            yield Mark(step.at, view.words.say("problem_mark_fix", name=clean(step.text, 24)))
    if fault.until:
        yield Mark(fault.until, view.words.say("problem_mark_end"))


def _releases(client: Client, values: Mapping[str, object], fault: Fault) -> Iterator[Mark]:
    """Yield the releases that the tag named first after the begin of the chart; the first day with one is its mark."""
    asked = {name: values[name] for name in ("site", "since", "until")}
    found = [(str(name), in_utc(first)) for name, first in client.query(_RELEASES, parameters=asked).result_rows]
    begin = min((first for _, first in found), default=None)
    for name, first in found:
        if first != begin and name not in fault.changed:
            yield Mark(first, clean(name, 16))
