"""The order of the rows of a table, where the address asks for another than the report's own."""

from __future__ import annotations

from pipeline.reports import answers
from pipeline.reports.header import Report


def sorted_rows(report: Report, screen: answers.Table, sort: str) -> list[tuple[object, ...]]:
    """Return the rows in the order that the address asks for; rows without a number, and the one of all dropped cells, come last."""
    name, is_down = sort.removeprefix("-"), sort.startswith("-")
    if name not in screen.columns:
        return screen.rows
    place = screen.columns.index(name)
    numbers = any(isinstance(row[place], int | float) for row in screen.rows)
    rest = (report.rest, answers.IN_RUSSIAN.get(report.rest, ""))

    def is_last(row: tuple[object, ...]) -> bool:
        return row[0] in rest or row[place] == "" or (numbers and not isinstance(row[place], int | float))

    ranked = [row for row in screen.rows if not is_last(row)]
    ranked.sort(key=lambda row: row[place] if numbers else str(row[place]).casefold(), reverse=is_down)  # type: ignore[arg-type,return-value]
    return [*ranked, *(row for row in screen.rows if is_last(row))]
