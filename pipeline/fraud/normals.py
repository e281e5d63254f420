"""What is usual at a site: percentiles of each signal over all clients of its last eight weeks, else the shipped ones.

Owns `pixel.fraud_normals`. A day counts once, when it is over; the site's own values are the medians of its days, so a day under attack
does not make the attack usual. Works as `pixel_writer`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any, Final

from clickhouse_connect.driver import Client

from pipeline.fraud.day import Day, Measured, Normal, Suspect
from pipeline.scoring.rules import Signal
from pipeline.scoring.trial import DayCount

HISTORY_DAYS: Final = 56
ENOUGH_CLIENTS: Final = 500
"""Fewer clients in all days together do not say what is usual at the site."""
_READ: Final = (
    "/* usual values */ SELECT signal, day, clients, p01, p50, p99, p999 FROM pixel.fraud_normals FINAL"
    " WHERE site = {site:String} AND day >= {first:Date} AND day < {day:Date}"
)
_COUNTS: Final = (
    "/* trials of signals */ SELECT site, day, signal, fingerprint, clients, flagged, people, is_cut, seen FROM pixel.fraud_normals FINAL"
    " WHERE fingerprint IN {fingerprints:Array(String)}"
)
_SEEN: Final = (
    "/* first use of signals */ SELECT fingerprint, min(seen) FROM pixel.fraud_normals"
    " WHERE fingerprint IN {fingerprints:Array(String)} GROUP BY fingerprint"
)
_COLUMNS: Final = {
    "day": "Date",
    "site": "String",
    "signal": "String",
    "fingerprint": "String",
    "clients": "UInt64",
    "p01": "Float64",
    "p50": "Float64",
    "p99": "Float64",
    "p999": "Float64",
    "flagged": "UInt64",
    "people": "UInt64",
    "is_cut": "Bool",
    "seen": "Date",
    "computed_at": "DateTime64(3, 'UTC')",
}


def normals_of(client: Client, site: str, day: date, signals: Sequence[Signal]) -> dict[str, Normal]:
    """Return what is usual at a site before a day, by signal."""
    values = {"site": site, "first": day - timedelta(days=HISTORY_DAYS), "day": day}
    rows: Mapping[str, list[Sequence[float]]] = defaultdict(list)
    for signal, _, *numbers in client.query(_READ, parameters=values).result_rows:
        rows[signal].append(numbers)
    return {signal.name: _normal(signal, rows[signal.name]) for signal in signals}


def counts_of(client: Client, signals: Iterable[Signal]) -> list[DayCount]:
    """Return what the present texts of signals in shadow flagged on each day of all sites: the trial is one of the installation."""
    fingerprints = [signal.fingerprint for signal in signals if signal.is_shadow]
    rows = client.query(_COUNTS, parameters={"fingerprints": fingerprints}).result_rows if fingerprints else []
    return [DayCount(*row) for row in rows]


def _first_seen(client: Client, fingerprints: Iterable[str], today: date) -> dict[str, date]:
    """Return the day on which each text of a signal was first used here; today for one that was not."""
    asked = [*fingerprints]
    rows: Sequence[Sequence[Any]] = client.query(_SEEN, parameters={"fingerprints": asked}).result_rows
    known: dict[str, date] = {row[0]: row[1] for row in rows}
    return {fingerprint: min(today, known.get(fingerprint, today)) for fingerprint in asked}


def _normal(signal: Signal, days: Sequence[Sequence[float]]) -> Normal:
    if sum(day[0] for day in days) < ENOUGH_CLIENTS:
        half, most = signal.usual
        return Normal(half, most, most, is_own=False)
    middle, high, highest = (median(day[place] for day in days) for place in (2, 3, 4))
    if signal.worse == "below":
        high = median(day[1] for day in days)
    return Normal(middle, high, highest, is_own=True)


def write(client: Client, day: Day, measured: Sequence[Measured], suspects: Sequence[Suspect]) -> None:
    """Store what was usual on a day that is over, and how many of the flagged clients are surely people."""
    # A signal may have several signs of one client, one for each link: the client counts once.
    flagged = Counter(name for suspect in suspects for name in {sign.signal for sign in suspect.signs})
    people = Counter(
        name for suspect in suspects if suspect.is_person for name in {sign.signal for sign in suspect.signs}
    )
    seen = _first_seen(client, [each.signal.fingerprint for each in measured], day.run.date())
    rows = [
        (
            day.day,
            day.site,
            name,
            each.signal.fingerprint,
            each.clients,
            *each.usual,
            flagged[name],
            people[name],
            each.is_cut,
            seen[each.signal.fingerprint],
            day.run,
        )
        for each in measured
        for name in [each.signal.name]
    ]
    client.insert("fraud_normals", rows, list(_COLUMNS), database="pixel", column_type_names=list(_COLUMNS.values()))
