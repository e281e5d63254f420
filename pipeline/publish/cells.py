"""Decides what readers may see of the cells of one span: perturbed numbers, only that a cell is small, or nothing.

Owns the thresholds, the shape of a published cell and the rule of the kinds of report. In a `partition` (hours, browsers, networks)
everybody knows that the cells make up the site, so a cell of three people or more is published as small, without a number. In a
`sparse` report (errors, dead links) small cells are dropped. Dropped cells leave one mark without a number: that there are some.

A report of measurements has page loads in place of people. One person may make many of them, so a page of it must be publicly known. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from pipeline.publish.noise import KEYS, Kind, noise
from pipeline.reports.header import ALL, CountedTable, Report, Shape

THRESHOLD: Final[Mapping[Kind, int]] = {"ordinary": 5, "sensitive": 20}
"""People after noise from which a cell is shown."""
REAL_PEOPLE: Final = 3
"""People before noise that a shown or named cell has at least: noise alone could make five of one."""
REAL_PEOPLE_OF_A_NAME: Final = 5
"""The same for a cell whose name is not publicly known: nobody may learn a name that one person typed."""
STEP: Final[Mapping[Shape, int]] = {"partition": 5, "sparse": 2, "exact": 1}
"""The step of the noise of a number of hits. It is public: one that followed the heaviest person would tell of this person."""
STEPS_OF_A_PERSON: Final = 2
"""A person counts at most so many steps of hits in one cell."""
ANY_PEOPLE: Final = ("probes",)
"""Numbers that may be of one client: they hold errors and attacks of clients that try addresses, and no page that a person read."""
BESIDE: Final[Mapping[CountedTable, tuple[str, str]]] = {
    "events": ("probes", "staff"),
    "technical": ("staff", "measured"),
}
"""Kinds of columns that are counted beside the measures and published as they are; robots are exact."""


class Number(NamedTuple):
    """A measure of a cell before publication: its sum, the people who have a part in it, and the sum of their keyed hashes."""

    value: int
    people: int
    key: int


class RawCell(NamedTuple):
    """A cell before publication: distinct people, the sum of their keyed hashes, and its measures.

    Of the `people`, at least `at_least` are certainly different: one person may be counted with and without a cookie.
    """

    keys: tuple[str, ...]
    people: int
    at_least: int
    cell_key: int
    numbers: Mapping[str, Number]
    robots: int = 0
    kind: Kind = "ordinary"
    is_known: bool = True
    """Whether its name is public: a page of the sitemap, a browser, a network."""
    is_fault: bool = False
    """Whether it may be named at once, because it is a fault of the site."""


class Counted(NamedTuple):
    """A cell as counted, and the begin of its span (UTC, without a zone where the driver leaves it out)."""

    start: datetime
    cell: RawCell


class Shown(NamedTuple):
    """One published cell: keys and numbers by name; `visitors` is None and `numbers` is empty in a small one.

    A number of too few people is missing in `numbers`.
    """

    keys: dict[str, str]
    visitors: int | None
    numbers: dict[str, int]


class OfSpan(NamedTuple):
    """All that is published of one span, and whether cells of too few people were left out."""

    cells: list[Shown]
    has_dropped: bool


def most_hits(report: Report) -> int:
    """Return how many hits of one person count in one cell of a report."""
    return STEPS_OF_A_PERSON * _step(report)


def of_span(report: Report, cells: Sequence[RawCell], *, with_numbers: bool, is_hour: bool = False) -> OfSpan:
    """Return what readers may see of a span; without numbers only the faults of the site are named.

    A sensitive group is never shown by the hour.
    """
    if not with_numbers:
        return OfSpan([_small(report, cell) for cell in cells if cell.is_fault], has_dropped=False)
    if report.shape == "exact":
        exact = [Shown(_named(report, cell), None, _robots(report, cell)) for cell in cells if cell.robots]
        return OfSpan(exact, has_dropped=False)
    shown, rest = [], []
    for cell in cells:
        seen = None if is_hour and cell.kind == "sensitive" else published(report, cell)
        if seen is not None:
            shown.append(seen)
        elif cell.people and ALL not in cell.keys:  # whose page loads are those of the rows of single pages or browsers
            rest.append(cell)
    if not report.named("key"):
        # A span of the whole site always has a row: a missing one would tell that nobody was there.
        return OfSpan(shown or [Shown({}, None, {})], has_dropped=False)
    return OfSpan(shown, has_dropped=_is_told(rest))


def published(report: Report, cell: RawCell) -> Shown | None:
    """Return what readers may see of a cell, None if nothing."""
    if not cell.people or (report.counted == "technical" and not cell.is_known):
        return None
    least = REAL_PEOPLE if cell.is_known and cell.kind == "ordinary" else REAL_PEOPLE_OF_A_NAME
    visitors = noise()[cell.kind].people(cell.people, cell.cell_key)
    if visitors >= THRESHOLD[cell.kind] and cell.at_least >= least:
        return Shown(_named(report, cell), visitors, _numbers(report, cell, visitors))
    is_named = (
        report.shape == "partition" and cell.is_known and cell.kind == "ordinary" and cell.at_least >= REAL_PEOPLE
    )
    return _small(report, cell) if is_named or cell.is_fault else None


def _numbers(report: Report, cell: RawCell, visitors: int) -> dict[str, int]:
    """Return the measures with noise; one of too few people is left out, and a part is never larger than its whole."""
    step, table = _step(report), noise()[cell.kind]
    shown: dict[str, int] = {}
    for name, number in cell.numbers.items():
        value = table.hits(number.value, step, number.key)
        if report.columns[name].of_each_visitor:
            shown[name] = max(value, visitors)
        elif value >= THRESHOLD[cell.kind] and number.people >= (1 if name in ANY_PEOPLE else REAL_PEOPLE):
            shown[name] = value
    wholes = {name: report.columns[name].part_of or name for name in shown}
    kept = {name: min(shown[name], shown[whole]) for name, whole in wholes.items() if whole in shown}
    return kept | _robots(report, cell)


def _is_told(rest: Iterable[RawCell]) -> bool:
    """Return whether readers are told that there are small cells: where enough people are in them, as of any other number.

    Cells with equal keys have the same people, such as one person who met many errors.
    """
    people = {cell.cell_key: cell for cell in rest}
    number, at_least = sum(cell.people for cell in people.values()), sum(cell.at_least for cell in people.values())
    told = noise()["ordinary"].people(number, sum(people) % KEYS)
    return told >= THRESHOLD["ordinary"] and at_least >= REAL_PEOPLE


def _step(report: Report) -> int:
    return STEP[report.shape or "exact"]


def _small(report: Report, cell: RawCell) -> Shown:
    return Shown(_named(report, cell), None, {})


def _robots(report: Report, cell: RawCell) -> dict[str, int]:
    return dict.fromkeys(report.named("robots"), cell.robots)


def _named(report: Report, cell: RawCell) -> dict[str, str]:
    return dict(zip(report.named("key"), cell.keys, strict=True))
