"""The problems in ClickHouse: `pixel.problems`, one row for each change; the newest row of a problem counts. And the marks of what changed.

Owns the form of a row, and the connection of this room: it works as `pixel_writer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from clickhouse_connect.driver import Client

from pipeline.database.client import in_utc, working_as
from pipeline.marks.record import MARKED, RELEASE
from pipeline.problems.evaluate import Mark
from pipeline.problems.problem import Facts, Place, Problem
from pipeline.problems.sentences import answers, sentence
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

KEPT: Final = timedelta(days=180)
"""Older resolved problems are history and are not loaded."""
QUERY_SECONDS: Final = 300
_NONE: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = {
    "problem": "String",
    "changed_at": "DateTime64(3, 'UTC')",
    "site": "String",
    "watch": "String",
    "state": "Enum8('open' = 1, 'ongoing' = 2, 'resolved' = 3, 'closed' = 4)",
    "dimension": "String",
    "name": "String",
    "quiet_until": "DateTime('UTC')",
    "since": "DateTime('UTC')",
    "until": "DateTime('UTC')",
    "opened_at": "DateTime('UTC')",
    "muted_until": "DateTime('UTC')",
    "fixed_by": "String",
    "lost_low": "Float64",
    "lost": "Float64",
    "lost_high": "Float64",
    "confidence": "Float64",
    "facts": "String",
    "sentence": "String",
    "sentence_ru": "String",
    "answers": "String",
    "answers_ru": "String",
}
_STORED: Final = [name for name in _COLUMNS if not name.startswith(("sentence", "answers"))]
_NEWEST: Final = (
    f"/* newest problems */ SELECT {', '.join(_STORED)} FROM pixel.problems WHERE changed_at >= {{since:DateTime64(3, 'UTC')}}"  # noqa: S608 - names above
    " ORDER BY site, problem, changed_at DESC LIMIT 1 BY site, problem"
)

_MARKS: Final = "/* marks */ SELECT at, site, kind, name, after FROM pixel.marks WHERE at >= {since:DateTime64(3, 'UTC')} ORDER BY at, kind, name"


Answers = Sequence[tuple[str, str]]


class Change(NamedTuple):
    """A problem as it is from now on, with its sentence and its five answers in both languages."""

    problem: Problem
    sentence: str
    sentence_ru: str
    answers: Answers = ()
    answers_ru: Answers = ()


def change(site: Site, problem: Problem) -> Change:
    """Return the change of a problem in the words and the time of its site."""
    zone = site.zone
    return Change(
        problem,
        sentence(problem, zone, "en"),
        sentence(problem, zone, "ru"),
        answers(problem, zone, "en"),
        answers(problem, zone, "ru"),
    )


def connected(settings: Settings) -> AbstractContextManager[Client]:
    """Lend a client of this room; raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses."""
    return working_as(settings, "pixel_writer", timeout=QUERY_SECONDS)


def newest(client: Client, now: datetime) -> dict[str, list[Problem]]:
    """Return the newest state of each problem by site, the oldest first."""
    rows = client.query(_NEWEST, parameters={"since": now - KEPT}).result_rows
    found: dict[str, list[Problem]] = {}
    for problem in sorted(map(_problem, rows), key=lambda each: each.opened_at):
        found.setdefault(problem.site, []).append(problem)
    return found


def write(client: Client, changes: Sequence[Change]) -> None:
    """Store the changes; without any it sends nothing."""
    rows = [_row(change) for change in changes]
    if rows:
        client.insert("problems", rows, list(_COLUMNS), database="pixel", column_type_names=list(_COLUMNS.values()))


def marks_of(client: Client, until: datetime) -> list[tuple[str, Mark]]:
    """Return the marks of the last months by site ('' for all sites), in order of time."""
    rows = client.query(_MARKS, parameters={"since": until - KEPT}).result_rows
    return [(site, Mark(in_utc(at), _words_of_mark(kind, name, after))) for at, site, kind, name, after in rows]


def _words_of_mark(kind: str, name: str, after: str) -> str:
    """Return the words of a mark: those of the person who made it, else kind, name and new version."""
    if kind == RELEASE:
        return after if name == MARKED else f"release {after}"
    return f"{kind} {name} {after}".strip()


def _row(change: Change) -> Sequence[object]:
    problem = change.problem
    return (
        problem.id,
        problem.changed_at,
        problem.site,
        problem.watch,
        problem.state,
        problem.place.dimension,
        problem.place.name,
        problem.quiet_until,
        problem.since,
        problem.until or _NONE,
        problem.opened_at,
        problem.muted_until or _NONE,
        problem.fixed_by,
        problem.lost_low,
        problem.lost,
        problem.lost_high,
        problem.confidence,
        msgspec.json.encode(problem.facts).decode(),
        change.sentence,
        change.sentence_ru,
        msgspec.json.encode(change.answers).decode(),
        msgspec.json.encode(change.answers_ru).decode(),
    )


def _problem(row: Sequence[Any]) -> Problem:
    values = dict(zip(_STORED, row, strict=True))
    return Problem(
        id=values["problem"],
        site=values["site"],
        watch=values["watch"],
        state=values["state"],
        place=Place(values["dimension"], values["name"]),
        quiet_until=in_utc(values["quiet_until"]),
        since=in_utc(values["since"]),
        until=_time(values["until"]),
        opened_at=in_utc(values["opened_at"]),
        changed_at=in_utc(values["changed_at"]),
        muted_until=_time(values["muted_until"]),
        fixed_by=values["fixed_by"],
        lost_low=values["lost_low"],
        lost=values["lost"],
        lost_high=values["lost_high"],
        confidence=values["confidence"],
        facts=msgspec.json.decode(values["facts"], type=Facts),
    )


def _time(moment: datetime) -> datetime | None:
    found = in_utc(moment)
    return None if found == _NONE else found
