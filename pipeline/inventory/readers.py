"""The readers of each column, looked up in the reports and the grants' rules.

Finds the columns that a role can reach. A reader has grants on the views of its purposes only, so it cannot reach a
column that none of these views names; the other users reach whole tables or none (sql/access/03_grants.sql). A published report
uses columns of events, but its readers reach the published cells alone. The views of the fraud review (sql/fraud/views) show signs, cases
and verdicts; of events they give counts, and one of them (sql/fraud/path.sql) the hits of one suspect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from pipeline.inventory.columns import Column
from pipeline.reports.header import Report
from sql import FRAUD_DIR, without_comments

PURPOSES: Final[Mapping[str, tuple[str, ...]]] = {
    "ops": ("technical",),
    "security": ("technical", "fraud"),
    "privacy": ("privacy",),
}
"""The databases of views that a reader may use."""
WHOLE_TABLES: Final = ("pixel_admin", "pixel_eraser", "pixel_viewer")
NO_DATA: Final = ("pixel_migrator",)
COUNTS: Final = "pixel_writer"
"""The user that counts the cells of published reports, before they are perturbed, and scores suspects."""
SCORED: Final = ("fraud_signals", "fraud_cases", "fraud_runs", "fraud_normals", "verdicts")
"""The tables of the fraud review, which that user reads whole."""
ROLES: Final = (*PURPOSES, *WHOLE_TABLES, *NO_DATA, COUNTS)


def purposes(column: Column, reports: Sequence[Report]) -> list[str]:
    """Return the families whose reports name the column."""
    named = [report.purpose for report in reports if _is_named(column, [report], in_cells=True)]
    return list(dict.fromkeys([*named, *(["fraud"] if _is_reviewed(column) else [])]))


def reach(columns: Iterable[Column], role: str, reports: Sequence[Report]) -> list[Column]:
    """Return those of the columns that a database user can reach; raises `ValueError` for an unknown user."""
    if role in WHOLE_TABLES:
        return list(columns)
    if role in NO_DATA:
        return []
    if role == COUNTS:
        return [
            column
            for column in columns
            if column.table in SCORED
            or _is_named(column, [each for each in reports if each.is_published], in_cells=True)
        ]
    if role not in PURPOSES:
        raise ValueError(f"no user {role!r}; there are: {', '.join(ROLES)}")
    read = [report for report in reports if report.purpose in PURPOSES[role]]
    reviews = "fraud" in PURPOSES[role]
    return [column for column in columns if _is_named(column, read) or (reviews and _is_reviewed(column))]


def _is_named(column: Column, reports: Iterable[Report], *, in_cells: bool = False) -> bool:
    word = re.compile(rf"\b{column.name}\b")
    asked = (report for report in reports if in_cells or not report.is_published)
    return any(column.table in _tables(report) and word.search(report.sql) for report in asked)


def _tables(report: Report) -> set[str]:
    named = set(re.findall(r"\bpixel\.(\w+)", report.sql))
    return named | {report.counted} if report.counted else named


def _is_reviewed(column: Column) -> bool:
    """Whether a view of the fraud review shows the column of a table of its own."""
    if column.table == "events":
        return column.name in _shown_hits()
    word = re.compile(rf"\b{column.name}\b")
    return column.table in SCORED and any(f"pixel.{column.table}" in text and word.search(text) for text in _reviews())


@cache
def _reviews() -> tuple[str, ...]:
    members = without_comments((FRAUD_DIR / "members.sql").read_text(encoding="utf-8"))
    views = (without_comments(file.read_text(encoding="utf-8")) for file in sorted((FRAUD_DIR / "views").glob("*.sql")))
    return tuple(view.replace("$members", members) for view in views)


@cache
def _shown_hits() -> frozenset[str]:
    """Return the columns that the view of single hits gives, which have the names of those of the events."""
    select = without_comments((FRAUD_DIR / "path.sql").read_text(encoding="utf-8")).rpartition("SELECT\n")[2]
    return frozenset(re.findall(r"\w+", select.partition("FROM received")[0])) - {"toString", "AS"}
