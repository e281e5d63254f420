"""The extent of a loss or a disclosure: which data, how many visitors and days, and whether tokens lead to addresses.

Owns the questions and their answer in words (policy clause 5.4: users are told of a loss or disclosure). Rules:

* The audit records the asking user before anything is counted.
* The reached columns follow from the inventory and the reports (`pipeline.inventory.readers`), never from a list here.
* Visitors are counted as "at most", because one person may be several (cookie refused, first page). Rows that had no
  visitor, or have lost it by age, are counted as rows only.
* Keys are not in the database. So a token leads to an address if its key leaked, too (`key_days`), may do so while the
  key exists, and never does after the destruction of a key that did not leak.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal, NamedTuple

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.database.client import connect, explain
from pipeline.inventory.columns import Column, Language, inventory
from pipeline.inventory.readers import reach
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.reports.catalogue import Period, all_reports
from pipeline.settings.model import Settings

KeyState = Literal["leaked", "alive", "destroyed", "none"]

_PERSON: Final = "uniqExactIf((if(visitor_kind = 'day', epoch, toDate(0)), visitor), visitor != 0)"
_TOKEN: Final = "countIf(ip_token != toIPv6('::'))"  # noqa: S105 - SQL
_COUNTED: Final[Mapping[str, tuple[str, str, str]]] = {
    "events": ("received_at", _PERSON, _TOKEN),
    "held": ("received_at", _PERSON, _TOKEN),
    "technical": ("received_at", "0", "0"),
    "fraud_signals": ("window_start", "uniqExactIf(visitor, visitor != 0)", _TOKEN),
    "fraud_hits": ("received_at", _PERSON, _TOKEN),
    "fraud_cases": ("last_seen", "uniqExactIf(visitor, visitor != 0)", _TOKEN),
    "fraud_runs": ("computed_at", "0", "0"),
    "fraud_normals": ("computed_at", "0", "0"),
    "subject_blocks": ("blocked_at", "uniqExact(case_id)", _TOKEN),
    "audit": ("at", "0", "0"),
    "verdicts": ("decided_at", "0", "0"),
    "marks": ("at", "0", "0"),
    "hosts": ("reported_at", "0", "0"),
    "counters": ("minute", "0", "0"),
    "hourly": ("hour", "0", "0"),
    "publications": ("start", "0", "0"),
    "cells": ("start", "0", "0"),
    "series": ("hour", "0", "0"),
    "problems": ("changed_at", "0", "0"),
    "rejects": ("received_at", "0", "0"),
    "migrations": ("applied_at", "0", "0"),
}
"""For each table: the column with a row's time, and the SQL that counts its people and its address tokens."""
TABLES: Final = tuple(_COUNTED)


class Suspicion(NamedTuple):
    """A possible leak: rows of a period, seen in one table or by one user ('': any), with the keys of some days."""

    period: Period
    table: str = ""
    role: str = ""
    key_days: frozenset[date] = frozenset()

    def facts(self) -> dict[str, str]:
        """Return the facts for the audit."""
        return {
            "since": self.period.since.isoformat(),
            "until": self.period.until.isoformat(),
            "table": self.table or "all",
            "role": self.role or "any",
            "key_days": " ".join(day.isoformat() for day in sorted(self.key_days)) or "none",
        }


class Touched(NamedTuple):
    """One table in that period: the meaning of its reached columns in words, days, rows, visitors at most, rows with a token."""

    table: str
    means: str
    days: int
    rows: int
    visitors: int
    with_token: int


class Day(NamedTuple):
    """One table on one UTC day, the state of the day's key, and whether a token can lead to an address."""

    table: str
    day: date
    rows: int
    visitors: int
    with_token: int
    key: KeyState
    addresses: bool


class Exposure(NamedTuple):
    """The answer: tables with rows, their days, and the meaning of the data, as (title, plain words)."""

    suspicion: Suspicion
    tables: list[Touched]
    days: list[Day]
    data: list[tuple[str, str]]


def examine_exposure(
    settings: Settings, suspicion: Suspicion, *, now: datetime, who: str, language: Language
) -> Exposure:
    """Return the extent of a suspected leak; the audit line is on disk before anything is counted.

    Raises `ValueError` for an unknown table or role, `Retryable` where ClickHouse is unavailable or the audit cannot be written.
    """
    reached = _reached(suspicion)
    files = KeyDirectory.of(settings)
    Audit(settings.audit_dir).record(Action.EXPOSURE, suspicion.facts(), now=now, who=who)
    answer = Exposure(suspicion, [], [], [])
    client = connect(settings, "pixel_admin")
    try:
        for table, columns in reached.items():
            has_token = any(column.name == "ip_token" for column in columns)
            by_day = _ask(client, table, suspicion.period, "toDate({time}, 'UTC')")
            for _, rows, visitors, tokens in _ask(client, table, suspicion.period, "1") if by_day else ():
                means = "; ".join(title for title, _ in _told(columns, language))
                answer.tables.append(Touched(table, means, len(by_day), rows, visitors, tokens * has_token))
            for day, rows, visitors, tokens in by_day:
                key = _key_state(files, day, suspicion.key_days)
                opens = tokens * has_token > 0 and key in ("leaked", "alive")
                answer.days.append(Day(table, day, rows, visitors, tokens * has_token, key, opens))
    except ClickHouseError as error:
        raise explain(error, settings, "pixel_admin") from None
    finally:
        client.close()
    touched = [column for each in answer.tables for column in reached[each.table]]
    answer.data.extend(_told(touched, language))
    return answer


def read_days(text: str) -> frozenset[date]:
    """Read the days whose keys may have leaked, separated by commas; raises `ValueError` that quotes the text."""
    try:
        return frozenset(date.fromisoformat(day.strip()) for day in text.split(",") if day.strip())
    except ValueError:
        raise ValueError(f"--days: expected days such as 2026-11-20,2026-11-21, got {text!r}") from None


def _reached(suspicion: Suspicion) -> dict[str, list[Column]]:
    if suspicion.table and suspicion.table not in TABLES:
        raise ValueError(f"no table {suspicion.table!r}; there are: {', '.join(TABLES)}")
    reports = all_reports()
    reached: dict[str, list[Column]] = {}
    for table in [suspicion.table] if suspicion.table else TABLES:
        columns = inventory().of(table)
        if suspicion.role:
            columns = reach(columns, suspicion.role, reports)
        # A table without a word about a visitor holds no personal data; it is reported only when asked for by name.
        if columns and (suspicion.table or any(column.group.words for column in columns)):
            reached[table] = columns
    return reached


def _ask(client: Client, table: str, period: Period, by: str) -> list[tuple[date, int, int, int]]:
    time, people, tokens = _COUNTED[table]
    final = (
        "FINAL"
        if table
        in ("subject_blocks", "fraud_signals", "fraud_cases", "fraud_runs", "fraud_normals", "hourly", "series")
        else ""
    )
    answer = client.query(
        f"/* exposure of {table} */ SELECT {by.format(time=time)} AS part, count(), {people}, {tokens}"  # noqa: S608 - all of it from _COUNTED
        f" FROM pixel.{table} {final} WHERE {time} >= {{since:DateTime('UTC')}} AND {time} < {{until:DateTime('UTC')}}"
        " GROUP BY part ORDER BY part",
        parameters={
            name: moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") for name, moment in period._asdict().items()
        },
    )
    return [(day, rows, visitors, with_token) for day, rows, visitors, with_token in answer.result_rows]


def _told(columns: Iterable[Column], language: Language) -> list[tuple[str, str]]:
    """Return title and words of the columns that concern a visitor, in the order of /privacy."""
    named = {column.group.name for column in columns}
    groups = inventory().groups.values()
    return [(group.title[language], group.words[language]) for group in groups if group.name in named and group.words]


def _key_state(files: KeyDirectory, day: date, leaked: Collection[date]) -> KeyState:
    name = KeyName.of_day(day)
    if day in leaked:
        return "leaked"  # a key that was copied before its destruction still works
    if files.exists(name, DESTROYED):
        return "destroyed"
    return "alive" if files.exists(name) else "none"
