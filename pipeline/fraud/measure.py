"""Measures the signals of one day of a site in ClickHouse, and reads the suspects with their signs and facts.

Owns the queries on the views of the signals. Theory of operation: the hits of the day were copied in the order of their suspects (`copied`); each signal is
one query over the copy, which gives what is usual and the clients beyond the threshold, the worst first. Of each signal at most `MOST_ROWS` clients
are kept, and a signal that had more is named in the run. Works as `pixel_writer`.
"""

# ruff: noqa: S608  names of views and conditions of this file
from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, Final

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, in_utc
from pipeline.fraud.copied import BOUNDS, CUT_HITS, ON_DISK, TOO_MUCH
from pipeline.fraud.day import Day, Found, Measured, Normal, Suspect
from pipeline.fraud.views import SUSPECTS, view_of
from pipeline.scoring.rules import Signal, rules_version

MOST_ROWS: Final = 5_000
SIGNAL_SECONDS: Final = 120
DAY_SECONDS: Final = 900
"""The longest measuring of a signal, and of all of them; what does not fit is left out, and the run names it."""
UNMEASURED: Final = "not measured: "
_MEASURE: Final = """/* measure a signal */
SELECT
    countIf(is_of_day),
    arrayMap(usual -> ifNotFinite(usual, 0), quantilesIf(0.01, 0.5, 0.99, 0.999)(value, is_of_day)),
    countIf(is_beyond),
    groupArraySortedIf({most})(
        ({minus}value, client.suspect, client.visitor, client.ip_token, client.epoch, link, toValidUTF8(toJSONString(evidence))), is_beyond
    )
FROM (
    SELECT *, ended >= {{since:DateTime('UTC')}} AS is_of_day, is_of_day AND value {sign} {{threshold:Float64}} AS is_beyond
    FROM {view}(
        site = {{site:String}}, since = {{from:DateTime('UTC')}}, until = {{until:DateTime('UTC')}}, run = {{run:DateTime64(3, 'UTC')}}
    )
)"""
_COLUMNS: Final = {
    "window_start": "DateTime('UTC')",
    "window_end": "DateTime('UTC')",
    "site": "String",
    "epoch": "Date",
    "subject_kind": "String",
    "subject": "String",
    "suspect": "UInt64",
    "visitor": "UInt64",
    "ip_token": "IPv6",
    "signal": "String",
    "link": "String",
    "value": "Float64",
    "threshold": "Float64",
    "normal_p50": "Float64",
    "normal_p99": "Float64",
    "is_calibrated": "Bool",
    "points": "Int16",
    "is_shadow": "Bool",
    "evidence": "String",
    "rules_version": "String",
    "computed_at": "DateTime64(3, 'UTC')",
}
_FACTS: Final = (
    f"/* facts of suspects */ SELECT * FROM {SUSPECTS}"
    "(site = {site:String}, since = {since:DateTime('UTC')}, until = {until:DateTime('UTC')}, run = {run:DateTime64(3, 'UTC')})"
)


def measure(client: Client, day: Day, signals: Sequence[Signal], normals: Mapping[str, Normal]) -> list[Measured]:
    """Return what each signal measured over the copied hits.

    One that needs more time or memory than it may take is tried again after the others, and is not among them when it fails again.
    """
    end = monotonic() + DAY_SECONDS
    measured: list[Measured] = []
    left = list(signals)
    for bounds in (BOUNDS, ON_DISK):
        tried, left = left, []
        for signal in tried:
            seconds = min(SIGNAL_SECONDS, int(end - monotonic()))
            try:
                if seconds > 0:
                    measured.append(
                        _measured(client, day, signal, normals[signal.name], {**bounds, "max_execution_time": seconds})
                    )
            except ClickHouseError as error:
                if code(error) not in TOO_MUCH:
                    raise
                seconds = 0
            if seconds <= 0:
                left.append(signal)
    return measured


def suspects_of(
    client: Client, day: Day, measured: Sequence[Measured], live: Collection[str] | None = None
) -> list[Suspect]:
    """Store the signs and return the suspects with their facts.

    Signals that are not `live` are stored as shadow; None takes the shipped judgement.
    """
    rows = [row for each in measured for row in _rows(day, each, live)]
    if not rows:
        return []
    client.insert("fraud_signals", rows, list(_COLUMNS), database="pixel", column_type_names=list(_COLUMNS.values()))
    signs: dict[int, list[Found]] = defaultdict(list)
    for each in measured:
        for found in each.found:
            signs[found.suspect].append(found)
    return [
        _suspect(row, signs[row[0]]) for row in client.query(_FACTS, parameters=day.words, settings=BOUNDS).result_rows
    ]


def cut_words(signals: Sequence[Signal], measured: Sequence[Measured], crowded: int) -> list[str]:
    """Return what of a day was not looked at: names of signals that more clients set off than are kept, `UNMEASURED` and the names of those
    that needed too much time or memory, and `CUT_HITS` where clients sent more hits than are copied.
    """
    done = {each.signal.name for each in measured}
    cut = [each.signal.name for each in measured if each.is_cut]
    cut += [f"{UNMEASURED}{signal.name}" for signal in signals if signal.name not in done]
    return [*cut, CUT_HITS] if crowded else cut


def _measured(client: Client, day: Day, signal: Signal, normal: Normal, bounds: Mapping[str, int]) -> Measured:
    is_above = signal.worse == "above"
    threshold = float(max(signal.levels[0][0], normal.p999) if signal.least else signal.levels[0][0])
    query = _MEASURE.format(
        view=view_of(signal.name), sign=">=" if is_above else "<=", minus="-" if is_above else "", most=MOST_ROWS
    )
    values = {**day.words, "from": day.since - timedelta(hours=signal.hours), "threshold": threshold}
    ((clients, usual, beyond, worst),) = client.query(query, parameters=values, settings=dict(bounds)).result_rows
    found = [
        Found(
            signal.name,
            -order if is_above else order,
            threshold,
            normal,
            link,
            json.loads(told),
            suspect,
            visitor,
            token,
            epoch,
        )
        for order, suspect, visitor, token, epoch, link, told in worst
    ]
    return Measured(signal, clients, usual, found, is_cut=beyond > MOST_ROWS)


def _rows(day: Day, measured: Measured, live: Collection[str] | None) -> Iterator[Sequence[object]]:
    signal = measured.signal
    is_shadow = signal.is_shadow if live is None else signal.name not in live
    for found in measured.found:
        yield (
            day.since,
            day.until,
            day.site,
            found.epoch,
            "visitor" if found.visitor else "client",
            f"{found.suspect:016x}",
            found.suspect,
            found.visitor,
            found.ip_token,
            signal.name,
            found.link,
            found.value,
            found.threshold,
            found.normal.p50,
            found.normal.p99,
            found.normal.is_own,
            signal.points(found.value),
            is_shadow,
            json.dumps(found.evidence, ensure_ascii=False),
            rules_version(),
            day.run,
        )


def _suspect(row: Sequence[Any], signs: Sequence[Found]) -> Suspect:
    suspect, who, first, last, *facts = row
    _, visitor, ip_token, epoch = who.values() if isinstance(who, Mapping) else who
    *facts, is_person, foreign, beside, alone = facts
    last_facts = {
        "is_person": bool(is_person),
        "foreign": foreign,
        "has_cookie_beside": bool(beside),
        "is_alone": bool(alone),
    }
    return Suspect(suspect, visitor, ip_token, epoch, signs, in_utc(first), in_utc(last), *facts, **last_facts)
