"""The description of a report: its columns, parameters, thresholds and texts.

Owns the model `Report`, which is the TOML in the comment lines of a report file (`pipeline.reports.report_file`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Family = Literal["technical", "fraud", "privacy"]
Role = Literal["ops", "security", "privacy"]
Value = int | float | str
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
ClickHouseType = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*(\([A-Za-z0-9, ']*\))?$")]

ROLES: Final[Mapping[Family, Role]] = {"technical": "ops", "fraud": "security", "privacy": "privacy"}
FRAME: Final = ("site", "since", "until")
"""The parameters of sql/views/suppressed.sql."""
OF_SETTINGS: Final = ("min_visitors",)
"""Thresholds that are settings and may be used by every report."""
PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Column(_Part):
    """One published column: its part in the suppression (`value`: none), its unit and meaning.

    `type` turns a key, which is text, into another type. `expression` computes a derived column from published ones.
    """

    kind: Literal["key", "measure", "visitors", "value", "derived"]
    unit: Text
    meaning: Text
    type: ClickHouseType | None = None
    expression: Text | None = None


class Parameter(_Part):
    """One parameter of the view; the default of a time is an age, such as `24h`."""

    type: ClickHouseType
    default: Value | None = None


class Threshold(_Part):
    """A number or word that selects the rows of the report; sql/reports/thresholds.toml may set another value."""

    default: Value
    meaning: Text


class Words(_Part):
    """The texts of one language; `answer` names columns, `limits` thresholds."""

    title: Text
    question: Text
    answer: Text
    limits: Text


class Report(_Part):
    """A report file, read and checked. `order` sorts a suppressed report, `rank` is the column whose top row gives the answer."""

    name: Name
    sql: Text
    purpose: Family
    role: Role
    chart: Literal["line", "bar", "table", "heatmap", "funnel", "strip"]
    rank: str
    order: str = ""
    parameters: dict[Name, Parameter]
    columns: dict[Name, Column]
    thresholds: dict[Name, Threshold] = {}
    en: Words
    ru: Words

    @property
    def path(self) -> str:
        """`family/name`, the name for people."""
        return f"{self.purpose}/{self.name}"

    @property
    def view(self) -> str:
        """`family.name`, the name in ClickHouse."""
        return f"{self.purpose}.{self.name}"

    @cached_property
    def suppressed(self) -> bool:
        """Whether its rows are cells that go through sql/views/suppressed.sql."""
        return any(column.kind != "value" for column in self.columns.values())

    @property
    def reads_events(self) -> bool:
        """Whether it counts events, which then are those of sql/views/stored.sql."""
        return self.suppressed or "$stored" in self.sql

    @property
    def published(self) -> tuple[str, ...]:
        """The columns of its view; `folded` marks the row of small cells in a suppressed one."""
        return (*self.columns, "folded") if self.suppressed else tuple(self.columns)

    def named(self, *kinds: str) -> list[str]:
        """Return the names of the columns of these kinds, in order."""
        return [name for name, column in self.columns.items() if column.kind in kinds]

    def words(self, language: str) -> Words:
        """Return the texts in the language, English where the language is not known."""
        return self.ru if language == "ru" else self.en
