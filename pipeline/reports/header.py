"""The description of a report: its columns, parameters, thresholds and texts.

Owns the model `Report`, which is the TOML in the comment lines of a report file (`pipeline.reports.report_file`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.reports.buckets import Grain
from sql import fill

Family = Literal["technical", "fraud", "privacy"]
CountedTable = Literal["events", "technical"]
"""The table whose rows a report counts: events of visitors, or measurements of page loads."""
Shape = Literal["partition", "sparse", "exact"]
Role = Literal["ops", "security", "privacy"]
Value = int | float | str
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
PlainName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+$")]
ClickHouseType = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*(\([A-Za-z0-9, '()]*\))?$")]

ROLES: Final[Mapping[Family, Role]] = {"technical": "ops", "fraud": "security", "privacy": "privacy"}
FRAME: Final = ("site", "since", "until")
"""The parameters of the view of a published report."""
PEOPLE: Final = ("visitors", "loads")
"""Columns that say how many there are of a row: one of them in a report."""
NOBODY: Final = ("robots", "probes", "staff")
"""Columns that count page views of no visitor: declared robots (exactly), probes, the clinic's own people (both with noise)."""
COUNTED: Final = (*PEOPLE, "measure", "measured", *NOBODY)
"""Kinds of columns whose values are counts."""
REST: Final = "(fewer than 5 visitors each)"
REST_OF_LOADS: Final = "(fewer than 5 page loads each)"
"""The first key of the one row for all dropped cells, of visitors and of page loads."""
ALL: Final = fill("$all", {}).strip("'")
"""The key of a row of all pages or all browsers, beside rows of single ones."""
PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Column(_Part):
    """One column of a view: its part in the publication (`value`: none), its unit and meaning.

    `start` is the begin of the published span, and then each span is a row; `first` is the first published day of a row.
    `visitors` or `loads` is the number of people or page loads of a row; `measured` is the number of page loads of the whole site that
    sent a vital. `type` turns a key, which is text, into another type; it is the type of a value where a view has no parameters, and
    of a derived column that is no number. A measure that is `part_of` another one is never larger, and one `of_each_visitor` is at
    least the number of visitors. `expression` computes a derived column from published ones.
    """

    kind: Literal[
        "key",
        "start",
        "first",
        "visitors",
        "loads",
        "measure",
        "measured",
        "robots",
        "probes",
        "staff",
        "derived",
        "value",
    ]
    unit: Text
    meaning: Text
    type: ClickHouseType | None = None
    part_of: Name | None = None
    of_each_visitor: bool = False
    expression: Text | None = None


class AtOnce(_Part):
    """A small cell that is named as soon as its hour is published, without a number: a fault of the site and not of a person.

    `when` is a condition over keys; `known` are the keys that must be public pages; at least so many people of so many networks.
    """

    when: Text
    known: tuple[Name, ...] = Field(strict=False)
    people: int = 1
    networks: int = 1


class Parameter(_Part):
    """One parameter of the view; the default of a time is an age, such as `24h`."""

    type: ClickHouseType
    default: Value | None = None


class Threshold(_Part):
    """A number or word that selects the rows of the report; sql/reports/thresholds.toml may set another value."""

    default: Value
    meaning: Text


class Words(_Part):
    """The texts of one language; `answer` names columns, `limits` thresholds, `nothing` is the answer where no row stands out."""

    title: Text
    question: Text
    answer: Text
    limits: Text
    nothing: str = ""


class Report(_Part):
    """A report file, read and checked; `rank` is the column whose top row gives the answer, if it is at least `tells_from`.

    A report with a `shape` is published: its SELECT gives one row for each event, and readers see sums of published cells in
    `order`. With a column `loads` it counts page loads, one row for each of their measurements, else visitors. `partition`: everybody
    knows that the rows make up the site; `sparse`: rows are faults, a small one is dropped; `exact`: rows of verified crawlers alone,
    with nobody in them. `only` is a condition over published columns: the view leaves other rows out, so that its rows are findings.
    `plain` gives other reports views without parameters: the end of their name, and the hours before now that they answer for. `roles`
    are the roles of pages (setting `roles` of a site) without which it has no answer; of `any_role` one is enough. A terminal shows
    the columns of `screen`, or all columns.
    """

    name: Name
    sql: Text
    purpose: Family
    role: Role
    chart: Literal["line", "bar", "table", "heatmap", "funnel", "strip"]
    rank: str
    tells_from: int = 0
    shape: Shape | None = None
    grains: tuple[Grain, ...] = Field(("day", "week", "four_weeks"), strict=False)
    at_once: AtOnce | None = None
    order: str = ""
    only: str = ""
    plain: dict[PlainName, int] = {}
    screen: tuple[Name, ...] = Field((), strict=False)
    roles: tuple[Name, ...] = Field((), strict=False)
    any_role: tuple[Name, ...] = Field((), strict=False)
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

    @property
    def is_published(self) -> bool:
        """Whether its rows are published cells."""
        return self.shape is not None

    @property
    def counted(self) -> CountedTable | None:
        """The table whose rows it counts, by sql/views/stored.sql, counted_cells.sql or counted_loads.sql."""
        if self.named("loads"):
            return "technical"
        return "events" if self.is_published or "$stored" in self.sql else None

    @property
    def rest(self) -> str:
        """The first key of the one row for all dropped cells."""
        return REST_OF_LOADS if self.counted == "technical" else REST

    @property
    def step(self) -> Grain:
        """The span in whole numbers of which its periods are: a day if it is published and has more than hours, else an hour."""
        return "day" if self.is_published and self.grains != ("hour",) else "hour"

    @property
    def is_for_tools(self) -> bool:
        """Whether its rows are of all sites and of all times, which is too much to read."""
        return not self.parameters

    @property
    def view_columns(self) -> tuple[str, ...]:
        """The columns of its view; `small` is true in a published row without numbers."""
        return (*self.columns, "small") if self.is_published else tuple(self.columns)

    @property
    def path_keys(self) -> tuple[str, ...]:
        """The keys that name a page of the site."""
        return self._keys_in("path")

    @property
    def host_keys(self) -> tuple[str, ...]:
        """The keys that name a host, which may be a stranger's."""
        return self._keys_in("host")

    def _keys_in(self, unit: str) -> tuple[str, ...]:
        return tuple(name for name, column in self.columns.items() if column.kind == "key" and column.unit == unit)

    def named(self, *kinds: str) -> list[str]:
        """Return the names of the columns of these kinds, in order."""
        return [name for name, column in self.columns.items() if column.kind in kinds]

    def words(self, language: str) -> Words:
        """Return the texts in the language, English where the language is not known."""
        return self.ru if language == "ru" else self.en
