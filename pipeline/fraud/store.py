"""The cases in ClickHouse: members of cases, runs, and verdicts.

Owns the form of the rows of `pixel.fraud_cases` and `pixel.fraud_runs`, and the connection of this room: it works as `pixel_writer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client

from pipeline.database.client import in_utc, working_as
from pipeline.fraud.day import Day
from pipeline.fraud.kept import Kept, touched
from pipeline.scoring.cases import Member
from pipeline.scoring.rules import rules_version
from pipeline.settings.model import Settings

QUERY_SECONDS: Final = 600
JOINED_DAYS: Final = 28
"""A suspect joins a case whose last suspect is at most so many days older."""
MOST_MEMBERS: Final = 50_000
"""So many members of the days before are read to join cases: the newest."""
_TIME: Final = "DateTime64(3, 'UTC')"
_COLUMNS: Final = {
    "day": "Date",
    "site": "String",
    "suspect": "UInt64",
    "case_id": "String",
    "aliases": "Array(String)",
    "visitor": "UInt64",
    "epoch": "Date",
    "ip_token": "IPv6",
    "score": "Float64",
    "band": "Enum8('unclear' = 1, 'watch' = 2, 'likely' = 3)",
    "families": "Map(String, Float64)",
    "signals": "Array(String)",
    "reasons": "Array(String)",
    "reasons_ru": "Array(String)",
    "links": "Array(String)",
    "first_seen": _TIME,
    "last_seen": _TIME,
    "views": "UInt64",
    "impressions": "UInt64",
    "paid_clicks": "Map(String, UInt64)",
    "touched": "Array(String)",
    "client": "String",
    "asn": "UInt32",
    "as_org": "String",
    "country": "String",
    "net_class": "String",
    "is_sample": "Bool",
    "rules_version": "String",
    "computed_at": _TIME,
}
_RUN_COLUMNS: Final = {
    "day": "Date",
    "site": "String",
    "computed_at": _TIME,
    "stored": "UInt64",
    "suspects": "UInt64",
    "milliseconds": "UInt64",
    "cut": "Array(String)",
    "rules_version": "String",
    "lists_version": "String",
}
_MEMBERS: Final = (
    "/* members of cases */ SELECT day, suspect, case_id, visitor, ip_token, links, computed_at FROM pixel.fraud_cases FINAL"
    " INNER JOIN (SELECT day, computed_at AS valid_from FROM pixel.fraud_runs FINAL WHERE site = {site:String}) AS runs USING (day)"
    " WHERE site = {site:String} AND day >= {first:Date} AND day <= {last:Date} AND computed_at >= valid_from"
    " ORDER BY day DESC, suspect LIMIT {most:UInt32}"
)
"""Of a run that broke off before its last row, too: its rows hide those of the run before, and a case would lose its number."""
_RUNS: Final = (
    "/* scored days */ SELECT site, day, stored, rules_version, computed_at FROM pixel.fraud_runs FINAL WHERE day >= {first:Date}"
    " AND NOT arrayExists(block -> day BETWEEN block.1 AND block.2 AND block.3 > computed_at, (SELECT groupArray(("
    "toDate(since, 'UTC'), toDate(until, 'UTC'), changed_at)) FROM pixel.subject_blocks WHERE until >= {first:Date}))"
)
"""Without the days of a person who was blocked or unblocked since: what was found by their rows may be about others, or counted in a sum."""


class Scoring(NamedTuple):
    """The things a scoring of a day depends on: its stored rows, the version of the rules, and whether the day was over."""

    stored: int
    rules: str
    is_over: bool


def connected(settings: Settings) -> AbstractContextManager[Client]:
    """Lend a client of this room; raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses."""
    return working_as(settings, "pixel_writer", timeout=QUERY_SECONDS)


def scored_days(client: Client, first: date) -> dict[tuple[str, date], Scoring]:
    """Return the last scoring of each day of a site, where it still holds."""
    rows = client.query(_RUNS, parameters={"first": first}).result_rows
    return {
        (site, day): Scoring(int(stored), rules, is_over=day < in_utc(at).date())
        for site, day, stored, rules, at in rows
    }


def members_before(client: Client, day: Day) -> list[Member]:
    """Return the members of the site's cases near a day, those of the day itself with their case only."""
    near = timedelta(days=JOINED_DAYS)
    values = {"site": day.site, "first": day.day - near, "last": day.day + near, "most": MOST_MEMBERS}
    return [
        Member(of, suspect, frozenset([f"visitor {visitor}"] if visitor else []), frozenset(links), case)
        for of, suspect, case, visitor, _, links, _ in client.query(_MEMBERS, parameters=values).result_rows
    ]


def write_cases(client: Client, day: Day, kept: Sequence[Kept]) -> None:
    """Store the members of the day's cases; without any it sends nothing."""
    rows = [_row(day, each) for each in kept]
    if rows:
        client.insert("fraud_cases", rows, list(_COLUMNS), database="pixel", column_type_names=list(_COLUMNS.values()))


def write_run(
    client: Client, day: Day, *, stored: int, suspects: int, milliseconds: int, cut: Sequence[str], lists: str
) -> None:
    """Store that a day was scored: from now on readers see what this run found."""
    row = (day.day, day.site, day.run, stored, suspects, milliseconds, list(cut), rules_version(), lists)
    client.insert(
        "fraud_runs", [row], list(_RUN_COLUMNS), database="pixel", column_type_names=list(_RUN_COLUMNS.values())
    )


def _row(day: Day, kept: Kept) -> Sequence[object]:
    suspect, scored = kept.suspect, kept.scored
    return (
        day.day,
        day.site,
        suspect.suspect,
        kept.case,
        list(kept.aliases),
        suspect.visitor,
        suspect.epoch,
        suspect.ip_token,
        scored.score,
        scored.band,
        dict(scored.families),
        sorted(scored.points, key=lambda name: (-scored.points[name], name)),
        list(kept.reasons["en"]),
        list(kept.reasons["ru"]),
        list(kept.links),
        suspect.first_seen,
        suspect.last_seen,
        suspect.views,
        suspect.impressions,
        dict(suspect.paid_clicks),
        touched(suspect),
        suspect.program,
        suspect.asn,
        suspect.org,
        suspect.country,
        suspect.net_class,
        kept.is_sample,
        rules_version(),
        day.run,
    )
