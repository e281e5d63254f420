"""A report file: one question, its SELECT, and a description as TOML in the comment lines below.

Owns the form of `sql/reports/<family>/<name>.sql`. Rules:

* The first line is `-- ` and the question in English. The comment lines at the end of the file, without their `-- `, are
  TOML with the fields of `Report`. Between them is one SELECT.
* An error is `Fatal` and names file and line, so that a wrong report never becomes a view.
* A report reads the tables on the list of its family (`READABLE`) and no other. Events come from `stored`, the piece
  sql/views/stored.sql, in which an event delivered twice is one row. A published report reads `events` of
  sql/views/counted_cells.sql alone, or `measurements` of sql/views/counted_loads.sql, so that readers only see its published cells.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from pipeline.errors import Fatal
from pipeline.reports.header import FRAME, NOBODY, PEOPLE, PLACEHOLDER, ROLES, CountedTable, Family, Report
from sql import fill, without_comments

PUBLISHED: Final[Mapping[CountedTable, str]] = {"events": "events", "technical": "measurements"}
"""The one table that a published report reads, by the table whose rows it counts."""
READABLE: Final[Mapping[Family, frozenset[str]]] = {
    "technical": frozenset({"pixel.counters", "pixel.cells", "pixel.publications", "pixel.problems"}),
    "fraud": frozenset({"stored"}),
    "privacy": frozenset({"stored"}),
}
"""The tables that another report may read."""

_LATER: Final = {"stored": "$stored", "zone": "$zone", "sites": "$sites"}
"""Pieces that are inserted when a view is made: a report does not name their columns, and they depend on the settings."""
_TABLE: Final = re.compile(
    r"\b(?:FROM|JOIN)\s+(\w+(?:\s*\.\s*\w+)?)|\b((?:pixel|rollup|system|information_schema)\s*\.\s*\w+)", re.IGNORECASE
)
_NAMED_QUERY: Final = re.compile(r"\b(\w+)\s+AS\s*\(\s*(?:SELECT|WITH)\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'")
_UNQUOTED: Final = re.compile(r"""[\s`"]""")
_FIRST: Final[Mapping[CountedTable, str]] = {"events": "$person", "technical": "$load"}
_ONE_ROW_EACH: Final = {
    table: re.compile(rf"\s*SELECT\s+{re.escape(fill(first, {}))}\s*,(?!.*\bGROUP\s+BY\b)", re.IGNORECASE | re.DOTALL)
    for table, first in _FIRST.items()
}
_WORD: Final = re.compile(r"\b([A-Za-z_]\w*)\b(?!\s*\()")
_IN_EXPRESSIONS: Final = frozenset({"NULL", "AND", "OR", "NOT", "OVER", "PARTITION", "BY", "ORDER"})
"""Words of SQL in the expression of a derived column; the window of `sum(hits) OVER (PARTITION BY site)` is the published rows."""
_KEY: Final = re.compile(r"(?:\[(?P<table>\w+)\]|(?P<key>\w+)\s*=)")


def read_report(family: Family, file: Path) -> Report:
    """Read one report file.

    Raises `Fatal` naming file and line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise Fatal(f"{file}: expected a text in UTF-8") from None
    end = next((number for number in range(len(lines), 0, -1) if not lines[number - 1].startswith("--")), 0)
    if end < 2 or not lines[0].startswith("-- "):
        raise Fatal(f"{file}:1: expected `-- QUESTION`, a SELECT and a description in comment lines")
    described = [line.removeprefix("--").removeprefix(" ") for line in lines[end:]]
    try:
        given = tomllib.loads("\n".join([""] * end + described))
    except tomllib.TOMLDecodeError as error:
        raise Fatal(f"{file}: the description is not valid TOML: {error}") from None
    query = "\n".join(lines[1:end])
    try:
        if isinstance(given.setdefault("en", {}), dict):
            given["en"] = {"question": lines[0].removeprefix("-- ")} | given["en"]
        report = Report.model_validate(
            {**given, "name": file.stem, "sql": fill(without_comments(query), _LATER).strip()}
        )
    except KeyError as error:
        raise Fatal(f"{file}:{_line(lines, f'${error.args[0]}')}: ${error.args[0]} is not in sql/views") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Fatal(f"{file}:{_place(lines, end, first['loc'])}: {_dotted(first['loc'])}: {first['msg']}") from None
    for where, problem in _problems(family, report):
        line = _line(lines[:end], where) if isinstance(where, str) else _place(lines, end, where)
        raise Fatal(f"{file}:{line}: {problem if isinstance(where, str) else f'{_dotted(where)}: {problem}'}")
    return report


Where = str | tuple[str, ...]
"""A piece of the query, or the path to a field of the description."""


def _problems(family: Family, report: Report) -> Iterator[tuple[Where, str]]:
    if report.purpose != family:
        yield ("purpose",), f"expected {family}, the name of its folder"
    if report.role != ROLES[family]:
        yield ("role",), f"expected {ROLES[family]}, the role that reads {family}"
    if report.rank not in report.columns:
        yield ("rank",), "expected the name of a column"
    if not report.columns.keys() >= {*report.screen}:
        yield ("screen",), "expected names of columns"
    for language in ("en", "ru"):
        words = report.words(language)
        if _fields(words.answer) - {*report.columns}:
            yield (language, "answer"), "an answer may only name columns"
        if bool(words.nothing) != bool(report.tells_from):
            yield (language, "nothing"), "needed with `tells_from`, and without it never told"
        if _fields(words.limits) - {*report.thresholds}:
            yield (language, "limits"), "a limit may only name thresholds"
    yield from _shape_problems(report)
    yield from _column_problems(report)
    yield from _query_problems(report)


def _shape_problems(report: Report) -> Iterator[tuple[Where, str]]:
    kinds = [column.kind for column in report.columns.values()]
    if report.is_published == ("value" in kinds):
        yield ("columns",), "a published report has keys and measures, any other has values"
    people = [kind for kind in kinds if kind in PEOPLE]
    if report.is_published and len(people) != (report.shape != "exact"):
        yield ("columns",), "a published report has one visitors column, or one loads column; an exact one has none"
    yield from _load_problems(report, kinds)
    if report.is_published and kinds[0] not in {"key", "start"}:
        yield ("columns",), "a published report begins with a key, or with the start of its spans"
    if report.is_published != bool(report.order):
        yield ("order",), "needed by a published report; any other has its ORDER BY in the SELECT"
    if report.only and not report.is_published:
        yield ("only",), "only for a published report; any other has its WHERE in the SELECT"
    if report.plain and (report.is_published or {*report.parameters} != {"since", "until"}):
        yield ("plain",), "only for a report with the parameters since, until"
    if report.is_published and {*report.parameters} != {*FRAME}:
        yield ("parameters",), f"a published report has the parameters {', '.join(FRAME)}"
    if report.at_once and not {*report.at_once.known} <= {*report.path_keys}:
        yield ("at_once", "known"), "expected keys with the unit path"


def _load_problems(report: Report, kinds: Sequence[str]) -> Iterator[tuple[Where, str]]:
    if report.counted == "technical" and ("probes" in kinds or report.at_once):
        yield ("columns",), "a report of page loads has no probes and names nothing at once"
    if report.counted != "technical" and "measured" in kinds:
        yield ("columns",), "only a report of page loads has a measured column"


def _column_problems(report: Report) -> Iterator[tuple[Where, str]]:
    published = report.named("key", "first", "measure", "measured", "derived", *PEOPLE, *NOBODY)
    usable = {*published, *report.parameters, *report.thresholds}
    wholes = {name for name in report.named("measure") if report.columns[name].part_of is None}
    for name, column in report.columns.items():
        where = ("columns", name)
        if (column.expression is None) == (column.kind == "derived"):
            yield where, "a derived column, and no other, has an expression"
        if column.type and column.kind not in {"key", "value", "derived"}:
            yield where, "only a key, a value or a derived column has a type; others have the type of their number"
        if column.kind == "value" and bool(column.type) != (not report.parameters or bool(report.plain)):
            yield where, "the values of a report with a view without parameters have a type, others none"
        if column.part_of and column.part_of not in wholes:
            yield where, "part_of names a measure that is no part of another one"
        if strangers := _strangers(column.expression or "", usable - {name}):
            yield where, f"may only name published columns, not {min(strangers)}"
    if strangers := _strangers(report.only, usable):
        yield ("only",), f"may only name published columns, not {min(strangers)}"


def _strangers(expression: str, usable: AbstractSet[str]) -> set[str]:
    """Return the words of an expression that are not `usable`."""
    words = {*_WORD.findall(_bare(PLACEHOLDER.sub(r" \1 ", expression)))}
    return words - usable - _IN_EXPRESSIONS


def _query_problems(report: Report) -> Iterator[tuple[Where, str]]:
    allowed = READABLE[report.purpose]
    if report.is_published and report.counted:
        allowed = frozenset({PUBLISHED[report.counted]})
    for table in _tables(report.sql):
        if table not in allowed:
            yield table, f"a {report.purpose} report may read {', '.join(sorted(allowed))}, not {table}"
    if report.is_published and report.counted and not _ONE_ROW_EACH[report.counted].match(report.sql):
        first = f"SELECT {_FIRST[report.counted]}, its keys and measures"
        yield "SELECT", f"a published report gives one row for each row of {PUBLISHED[report.counted]}: {first}"
    used = {match[1] for match in PLACEHOLDER.finditer(report.sql)}
    expressions = (report.only, *(column.expression or "" for column in report.columns.values()))
    derived = {match[1] for expression in expressions for match in PLACEHOLDER.finditer(expression)}
    # A published report is computed once for everybody: no caller gives it a parameter.
    known = {*report.thresholds, *(() if report.is_published else report.parameters)}
    for name in sorted(used - known):
        yield (
            f"{{{name}:",
            f"{name} is used but not declared" if not report.is_published else f"{name} is not for a published report",
        )
    for name in sorted(derived - {*report.parameters, *known}):
        yield ("columns",), f"{name} is used but not declared"
    needed = {*report.thresholds, *report.parameters} - ({*FRAME} if report.counted else set())
    for name in sorted(needed - used - derived):
        yield ("thresholds" if name in report.thresholds else "parameters", name), "declared but not used"


def _tables(sql: str) -> Iterator[str]:
    """Return the tables that a query reads, without those that it names itself; a table function counts as a table."""
    bare = _bare(sql)
    own = {match[1].lower() for match in _NAMED_QUERY.finditer(bare)}
    for match in _TABLE.finditer(bare):
        table = re.sub(r"\s", "", match[1] or match[2])
        if table.lower() not in own:
            yield table


def _bare(sql: str) -> str:
    return _QUOTED.sub("''", sql).replace("`", "").replace('"', "")


def _fields(text: str) -> set[str]:
    try:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError:
        return {text}  # a brace without its other half names nothing that there is


def _dotted(where: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in where)


def _line(lines: list[str], text: str) -> int:
    return next((number for number, line in enumerate(lines, 1) if text.lower() in _UNQUOTED.sub("", line).lower()), 1)


def _place(lines: list[str], end: int, where: tuple[int | str, ...]) -> int:
    """Return the line of a field of the description; else the line of its table; else the first of the description."""
    best, table, depth = end + 1, "", 0
    for number, line in enumerate(lines[end:], end + 1):
        match = _KEY.match(line.removeprefix("--").strip())
        if match is None:
            continue
        table = match["table"] or table
        path = (table,) if match["table"] else (*([table] if table else []), match["key"])
        if len(path) > depth and path == where[: len(path)]:
            best, depth = number, len(path)
    return best
