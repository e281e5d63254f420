"""Hits of public data in the database and scored: rows without HTTP, days in order of time, and what the scoring says of each client.

The rows are made by the product's own steps of edge and enrichment. Each hit has its own nonce, so the suspect of a hit is looked up, not guessed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client

from bench.problems.rows import Product, store
from pipeline.database.client import connect
from pipeline.fraud.copied import copied
from pipeline.fraud.day import Day
from pipeline.fraud.job import lists_version, score_day
from pipeline.fraud.store import connected
from pipeline.fraud.views import view_of
from pipeline.settings.model import Settings
from pipeline.traffic.send import PlannedHit

BANDS: Final = ("none", "unclear", "watch", "likely")
_SUSPECTS: Final = (
    "SELECT nonce, toDate(received_at), if(visitor != 0, visitor, sipHash64(epoch, ip_token, ua_token)), robot, ivt_reasons"
    " FROM pixel.events WHERE site = {site:String}"
)
_CASES: Final = (
    "SELECT day, suspect, case_id, toString(band), score, toString(families), signals, reasons, first_seen, last_seen, views, client"
    " FROM pixel.fraud_cases FINAL"
    " INNER JOIN (SELECT day, site, computed_at FROM pixel.fraud_runs FINAL) AS run USING (day, site, computed_at)"
    " WHERE site = {site:String}"
)
_SIGNS: Final = (
    "SELECT toDate(window_start) AS day, suspect, signal, value, is_shadow FROM pixel.fraud_signals FINAL"
    " INNER JOIN (SELECT toDateTime(day, 'UTC') AS window_start, site, computed_at FROM pixel.fraud_runs FINAL) AS run"
    " USING (window_start, site, computed_at)"
    " WHERE site = {site:String}"
)

Suspect = tuple[date, int]
"""A client of one UTC day."""


class Judged(NamedTuple):
    """The outcome of a scoring for a suspect that has enough points."""

    case: str
    band: str
    score: float
    families: str
    signals: Sequence[str]
    reasons: Sequence[str]
    first_seen: datetime
    last_seen: datetime
    views: int
    client: str


class Scored(NamedTuple):
    """A scored site.

    `suspects` has the suspect of each stored hit by its number, `robots` the name of each hit's robot, `judged` the suspects with a case,
    `signs` the values of the signals of all suspects by name; one in shadow has the name in brackets. `values` has those of each client that has
    a value of the signals that were asked for, whatever it is.
    """

    suspects: Mapping[int, Suspect]
    robots: Mapping[int, str]
    judged: Mapping[Suspect, Judged]
    signs: Mapping[Suspect, Mapping[str, float]]
    refused: Mapping[str, int]
    values: Mapping[str, Mapping[Suspect, float]]

    def of(self, numbers: Iterable[int]) -> set[Suspect]:
        """Return the suspects of hits by their numbers."""
        return {self.suspects[number] for number in numbers if number in self.suspects}

    def band(self, suspect: Suspect) -> str:
        """Return the band of a suspect."""
        return self.judged[suspect].band if suspect in self.judged else "none"

    def best(self, suspects: Iterable[Suspect]) -> str:
        """Return the best band of several suspects, `none` without any."""
        return max((self.band(each) for each in suspects), key=BANDS.index, default="none")


def scored(
    settings: Settings, hits: Sequence[PlannedHit], *, until: datetime | None = None, values: Collection[str] = ()
) -> Scored:
    """Store hits in order of time and score each of their days when it is over, before the next one begins; return the outcome.

    With `until` the last day is scored as it was at that moment. `values` are signals whose values of all clients are wanted.
    """
    product = Product(settings, now_ms=hits[-1].at_ms)
    last = _day(hits[-1].at_ms)
    number = 1
    found: dict[str, dict[Suspect, float]] = {name: {} for name in values}
    for day, group in groupby(hits, lambda hit: _day(hit.at_ms)):
        of_day = list(group)
        store(settings, product.rows(of_day, first_nonce=number))
        number += len(of_day)
        over = datetime.combine(day + timedelta(days=1), time.min, UTC)
        # Only this day of this site: other measurements may have stored rows of the next one.
        now = until if until and day == last else over
        with connected(settings) as client:
            score_day(client, settings.sites[0], day, now, number - 1, lists_version(settings))
            _add_values(client, Day(settings.sites[0].id, day, over, over), found)
    return outcome(settings, product.refused)._replace(values=found)


def outcome(settings: Settings, refused: Mapping[str, int]) -> Scored:
    """Return what the last scorings say of all stored hits of the settings' only site."""
    client = connect(settings, "pixel_admin")
    words = {"site": settings.sites[0].id}
    try:
        rows = client.query(_SUSPECTS, parameters=words).result_rows
        judged = {(row[0], row[1]): Judged(*row[2:]) for row in client.query(_CASES, parameters=words).result_rows}
        signs: dict[Suspect, dict[str, float]] = defaultdict(dict)
        for day, suspect, signal, value, is_shadow in client.query(_SIGNS, parameters=words).result_rows:
            signs[day, suspect][f"({signal})" if is_shadow else signal] = value
    finally:
        client.close()
    return Scored(
        {row[0]: (row[1], row[2]) for row in rows},
        {row[0]: row[3] for row in rows if row[3]},
        judged,
        signs,
        refused,
        {},
    )


def _add_values(client: Client, day: Day, found: Mapping[str, dict[Suspect, float]]) -> None:
    """Add the values of signals of all clients of a day, whatever they are."""
    if not found:
        return
    with copied(client, day):
        for signal, values in found.items():
            rows = client.query(
                f"SELECT client.suspect, value FROM {view_of(signal)}(site = {{site:String}}, since = {{since:DateTime('UTC')}},"  # noqa: S608
                " until = {until:DateTime('UTC')}, run = {run:DateTime64(3, 'UTC')})",
                parameters=day.words,
            ).result_rows
            values |= {(day.day, suspect): float(value) for suspect, value in rows}


def as_json(value: object) -> str:
    """Return a result as indented JSON."""
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()
