"""The readers of each column, looked up in the reports and the grants' rules.

Finds the columns that a role can reach. A reader has grants on the views of its purposes only, so it cannot reach a
column that none of these views names; the other users reach whole tables or none (sql/access/03_grants.sql).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline.inventory.columns import Column
from pipeline.reports.header import Report

PURPOSES: Final[Mapping[str, tuple[str, ...]]] = {
    "ops": ("technical",),
    "security": ("technical", "fraud"),
    "privacy": ("privacy",),
}
"""The databases of views that a reader may use."""
WHOLE_TABLES: Final = ("pixel_admin", "pixel_eraser", "pixel_viewer")
NO_DATA: Final = ("pixel_migrator", "pixel_writer")
ROLES: Final = (*PURPOSES, *WHOLE_TABLES, *NO_DATA)


def purposes(column: Column, reports: Sequence[Report]) -> list[str]:
    """Return the families whose reports name the column."""
    word = re.compile(rf"\b{column.name}\b")
    named = (report.purpose for report in reports if column.table in _tables(report) and word.search(report.sql))
    return list(dict.fromkeys(named))


def reach(columns: Iterable[Column], role: str, reports: Sequence[Report]) -> list[Column]:
    """Return those of the columns that a database user can reach; raises `ValueError` for an unknown user."""
    if role in WHOLE_TABLES:
        return list(columns)
    if role in NO_DATA:
        return []
    if role not in PURPOSES:
        raise ValueError(f"no user {role!r}; there are: {', '.join(ROLES)}")
    return [column for column in columns if set(purposes(column, reports)) & set(PURPOSES[role])]


def _tables(report: Report) -> set[str]:
    named = set(re.findall(r"\bpixel\.(\w+)", report.sql))
    return named | {"events"} if report.reads_events else named
