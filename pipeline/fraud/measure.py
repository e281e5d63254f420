"""Measures the signals of one day of a site in ClickHouse, and reads the suspects with their signs and facts.

Owns the queries on the views of the signals. Theory of operation: each signal is one INSERT from its view, so no row of an event and no sign
passes through this process before it counts; of each signal at most `MOST_ROWS` clients are kept, the worst first, and a signal that had
more is named in the run. Works as `pixel_writer`.
"""

# ruff: noqa: S608  names of views and conditions of this file
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from clickhouse_connect.driver import Client

from pipeline.database.client import in_utc
from pipeline.fraud.day import Day, Found, Normal, Suspect
from pipeline.fraud.views import HITS, SUSPECTS, view_of
from pipeline.scoring.rules import Signal, rules_version

MOST_ROWS: Final = 5_000
_INSERT: Final = """/* measure a signal */
INSERT INTO pixel.fraud_signals (
    window_start, window_end, site, epoch, subject_kind, subject, suspect, visitor, ip_token, signal, link, value, threshold,
    normal_p50, normal_p99, is_calibrated, points, is_shadow, evidence, rules_version, computed_at
)
SELECT
    {{since:DateTime('UTC')}}, {{until:DateTime('UTC')}}, {{site:String}}, client.epoch,
    multiIf(client.visitor = 0, 'client', 'visitor'), lower(hex(client.suspect)), client.suspect, client.visitor, client.ip_token,
    {{signal:String}}, link, value, {{threshold:Float64}}, {{p50:Float64}}, {{p99:Float64}}, {{calibrated:Bool}},
    {points}, {{shadow:Bool}}, toJSONString(evidence), {{rules:String}}, {{run:DateTime64(3, 'UTC')}}
FROM {view}(site = {{site:String}}, since = {{from:DateTime('UTC')}}, until = {{until:DateTime('UTC')}})
WHERE value {sign} {{threshold:Float64}} AND ended >= {{since:DateTime('UTC')}}
ORDER BY value {order}, client.suspect
LIMIT {{most:UInt32}}"""
_COPY: Final = (
    f"/* copy the hits of a day */ INSERT INTO pixel.fraud_hits SELECT * FROM {HITS}"
    "(site = {site:String}, since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')})"
)
_EMPTY: Final = "/* end the copies */ TRUNCATE TABLE pixel.fraud_hits"
_RUN: Final = (
    "site = {site:String} AND window_start = {since:DateTime('UTC')} AND computed_at = {run:DateTime64(3, 'UTC')}"
)
_SIGNS: Final = (
    "/* signs of suspects */ SELECT suspect, signal, value, threshold, normal_p50, normal_p99, is_calibrated, link, evidence"
    f" FROM pixel.fraud_signals FINAL WHERE {_RUN}"
)
_FACTS: Final = (
    f"/* facts of suspects */ SELECT * FROM {SUSPECTS}"
    "(site = {site:String}, since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, run = {run:DateTime64(3, 'UTC')})"
)


@contextmanager
def copies(client: Client) -> Iterator[None]:
    """Keep the copied hits of a day for its measuring, and end them afterwards; those of a scoring that broke off end now."""
    client.command(_EMPTY)
    try:
        yield
    finally:
        client.command(_EMPTY)


def measure(
    client: Client,
    day: Day,
    signals: Sequence[Signal],
    normals: Mapping[str, Normal],
    live: Collection[str] | None = None,
) -> list[str]:
    """Store the signs of a day and return the names of the signals that more clients set off than are kept.

    Signals that are not `live` are stored as shadow; None takes the shipped judgement.
    """
    client.command(_COPY, parameters=day.words)
    cut = []
    for signal in signals:
        normal = normals[signal.name]
        threshold = max(signal.levels[0][0], normal.p999) if signal.least else signal.levels[0][0]
        query = _INSERT.format(
            view=view_of(signal.name),
            points=_points(signal),
            sign=">=" if signal.worse == "above" else "<=",
            order="DESC" if signal.worse == "above" else "ASC",
        )
        values = {
            **day.words,
            "from": day.since - timedelta(hours=signal.hours),
            "signal": signal.name,
            "threshold": float(threshold),
            "p50": normal.p50,
            "p99": normal.p99,
            "calibrated": normal.is_own,
            "shadow": signal.is_shadow if live is None else signal.name not in live,
            "rules": rules_version(),
            "most": MOST_ROWS,
        }
        done = client.command(query, parameters=values)
        if int(done.summary.get("written_rows", 0)) >= MOST_ROWS:  # type: ignore[union-attr]
            cut.append(signal.name)
    return cut


def suspects_of(client: Client, day: Day) -> list[Suspect]:
    """Return the suspects of a measured day."""
    signs: dict[int, list[Found]] = defaultdict(list)
    for suspect, signal, value, threshold, p50, p99, is_own, link, evidence in client.query(
        _SIGNS, parameters=day.words
    ).result_rows:
        normal = Normal(p50=p50, p99=p99, p999=p99, is_own=bool(is_own))
        signs[suspect].append(Found(signal, value, threshold, normal, link, json.loads(evidence)))
    if not signs:
        return []
    rows = client.query(_FACTS, parameters=day.words).result_rows
    return [_suspect(row, signs[row[0]]) for row in rows]


def _suspect(row: Sequence[object], signs: Sequence[Found]) -> Suspect:
    suspect, who, first, last, *rest = row
    if isinstance(who, Mapping):
        _, visitor, ip_token, epoch = who.values()
    else:
        _, visitor, ip_token, epoch = who  # type: ignore[misc]
    facts: list[object] = list(rest)
    facts[-1] = bool(facts[-1])
    return Suspect(suspect, visitor, ip_token, epoch, signs, in_utc(first), in_utc(last), *facts)  # type: ignore[arg-type]


def _points(signal: Signal) -> str:
    sign = ">=" if signal.worse == "above" else "<="
    levels = "".join(f"value {sign} {value}, {points}, " for value, points in reversed(signal.levels))
    return f"multiIf({levels}0)"
