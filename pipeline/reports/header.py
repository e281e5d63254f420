"""What a report file says about itself: the comment lines above its SELECT.

Owns the form of `sql/reports/<family>/<name>.sql`. Rules:

* The header is a run of lines `-- key: text`; a line `--   text` goes on with the one above. The SELECT follows.
* Every key is known and needed (`answer` too: a report answers in words before it shows numbers).
* What is wrong is `Fatal` and names file and line, so that a bad report never becomes a view.
* A technical report of visitors has keys and measures and reads `events` of sql/views/suppressed.sql, so that it can
  only be shown suppressed; one that reads `pixel.events` itself is refused.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

from pipeline.errors import Fatal

Family = Literal["technical", "fraud", "privacy"]
Role = Literal["ops", "security", "privacy"]
ColumnKind = Literal["key", "measure", "visitors", "value"]

ROLES: Final[Mapping[str, Role]] = {"technical": "ops", "fraud": "security", "privacy": "privacy"}
LANGUAGES: Final = ("en", "ru")
TEXTS: Final = ("title", "question", "answer", "limits")
SINGLE: Final = ("purpose", "role", "chart", "rank", "threshold")
CHARTS: Final = ("line", "bar", "table", "heatmap", "funnel", "strip")
PARAMETERS: Final = ("site", "since", "until")
PLACEHOLDER: Final = re.compile(r"\{(\w+):[^{}]+\}")

_LINE: Final = re.compile(r"-- (?P<key>[a-z_.0-9]+): (?P<text>\S.*)")
_COLUMN: Final = re.compile(r"(?P<kind>key|measure|visitors|value), (?P<unit>[^;]+); (?P<meaning>\S.*)")
_PARAMETER: Final = re.compile(r"(?P<type>[A-Za-z0-9]+(?:\([^=]*\))?)(?: = (?P<default>\d+[hd]))?")


class Column(NamedTuple):
    """One published column: what it is in the suppression (`value`: not suppressed), its unit and meaning."""

    name: str
    kind: ColumnKind
    unit: str
    meaning: str


class Parameter(NamedTuple):
    """One parameter of the view; `default` is how long before the next full hour, such as `24h`, or ''."""

    name: str
    type: str
    default: str


@dataclass(frozen=True)
class Report:
    """A report file, read and checked; `texts` holds `title.en` and its like, `sql` the SELECT."""

    family: Family
    name: str
    texts: Mapping[str, str]
    role: Role
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    chart: str
    rank: str
    order: str
    thresholds: tuple[str, ...]
    sql: str

    @property
    def path(self) -> str:
        """`family/name`, as people call it."""
        return f"{self.family}/{self.name}"

    @cached_property
    def suppressed(self) -> bool:
        """Whether its rows are cells that go through sql/views/suppressed.sql."""
        return any(column.kind != "value" for column in self.columns)

    def named(self, kind: ColumnKind) -> list[str]:
        """Return the names of the columns of one kind, in order."""
        return [column.name for column in self.columns if column.kind == kind]

    def text(self, key: str, language: str) -> str:
        """Return a text in the language, English where the language is not known."""
        return self.texts[f"{key}.{language if language in LANGUAGES else 'en'}"]


def read_report(family: Family, file: Path) -> Report:
    """Read one report file.

    Raises `Fatal` naming file and line.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    keys, start = _keys(file, lines)
    _check_keys(file, start, keys)
    columns = tuple(
        _column(file, line, key.removeprefix("column."), text)
        for key, (line, text) in keys.items()
        if key.startswith("column.")
    )
    parameters = tuple(
        _parameter(file, line, key.removeprefix("parameter."), text)
        for key, (line, text) in keys.items()
        if key.startswith("parameter.")
    )
    threshold = keys["threshold"][1]
    report = Report(
        family=family,
        name=file.stem,
        texts={f"{text}.{language}": keys[f"{text}.{language}"][1] for text in TEXTS for language in LANGUAGES},
        role=ROLES[family],
        parameters=parameters,
        columns=columns,
        chart=keys["chart"][1],
        rank=keys["rank"][1],
        order=keys["order"][1] if "order" in keys else "",
        thresholds=() if threshold == "none" else tuple(threshold.split(", ")),
        sql="\n".join(lines[start:]).strip(),
    )
    _check_values(file, keys, report)
    _check_columns(file, start, report)
    return report


def _keys(file: Path, lines: list[str]) -> tuple[dict[str, tuple[int, str]], int]:
    keys: dict[str, tuple[int, str]] = {}
    key = ""
    for number, line in enumerate(lines, start=1):
        if not line.startswith("--"):
            return keys, number - 1
        if line.startswith("--   ") and key:
            keys[key] = (keys[key][0], f"{keys[key][1]} {line[5:].strip()}")
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise Fatal(f"{file}:{number}: expected `-- key: text` or a further line `--   text`")
        key = match["key"]
        if key in keys:
            raise Fatal(f"{file}:{number}: {key} stands here twice")
        keys[key] = (number, match["text"])
    raise Fatal(f"{file}:{len(lines)}: expected a SELECT after the header")


def _check_keys(file: Path, start: int, keys: Mapping[str, tuple[int, str]]) -> None:
    needed = [f"{text}.{language}" for text in TEXTS for language in LANGUAGES] + list(SINGLE)
    missing = [key for key in needed if key not in keys]
    if missing:
        raise Fatal(f"{file}:{start + 1}: the header lacks {missing[0]}")
    for key, (line, _) in keys.items():
        if key not in needed and key != "order" and not key.startswith(("column.", "parameter.")):
            raise Fatal(f"{file}:{line}: unknown key {key}")


def _check_values(file: Path, keys: Mapping[str, tuple[int, str]], report: Report) -> None:
    names = {column.name for column in report.columns}
    fields = {field for key in ("answer.en", "answer.ru") for _, field, _, _ in string.Formatter().parse(keys[key][1])}
    wrong = {
        "purpose": keys["purpose"][1] != report.family and f"expected {report.family}, the name of its folder",
        "role": keys["role"][1] != report.role and f"expected {report.role}, who reads {report.family}",
        "chart": report.chart not in CHARTS and f"expected one of {', '.join(CHARTS)}",
        "rank": report.rank not in names and "expected the name of a column",
        "answer.en": bool(fields - names - {None}) and "an answer may only name columns",
    }
    for key, problem in wrong.items():
        if problem:
            raise Fatal(f"{file}:{keys[key][0]}: {key}: {problem}")


def _check_columns(file: Path, start: int, report: Report) -> None:
    kinds = [column.kind for column in report.columns]
    problem = ""
    if report.suppressed and ("value" in kinds or kinds.count("visitors") != 1 or kinds[0] != "key"):
        problem = "a suppressed report begins with a key and has keys, measures and one visitors column, no values"
    elif report.suppressed != bool(report.order):
        problem = "a suppressed report needs `order`; any other has its ORDER BY in the SELECT"
    elif report.family == "technical" and "pixel.events" in report.sql:
        problem = "a technical report must not read pixel.events: give it keys and measures and read `events`"
    used = set(PLACEHOLDER.findall(report.sql))
    declared = {parameter.name for parameter in report.parameters}
    unknown = sorted(used if report.suppressed else used ^ (declared | set(report.thresholds)))
    if report.suppressed and declared != set(PARAMETERS):
        problem = f"a suppressed report has the parameters {', '.join(PARAMETERS)}"
    if not problem and unknown:
        problem = f"{unknown[0]} is used but not declared, or declared but not used"
    if problem:
        raise Fatal(f"{file}:{start + 1}: {problem}")


def _column(file: Path, line: int, name: str, text: str) -> Column:
    match = _COLUMN.fullmatch(text)
    if match is None:
        raise Fatal(f"{file}:{line}: expected `-- column.{name}: key|measure|visitors|value, unit; meaning`")
    return Column(name, cast("ColumnKind", match["kind"]), match["unit"], match["meaning"])


def _parameter(file: Path, line: int, name: str, text: str) -> Parameter:
    match = _PARAMETER.fullmatch(text)
    if match is None or name not in PARAMETERS or (match["default"] is None) != (name == "site"):
        raise Fatal(f"{file}:{line}: expected `parameter.site: String` or `parameter.since|until: TYPE = 24h`")
    return Parameter(name, match["type"], match["default"] or "")
