"""From findings to faults: findings of the same lost people are one fault, named by the one nearest to the cause; pure.

Owns the rule for which findings belong together, the word for the kind of cause, and the slices for which all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from pipeline.detection.detect import Finding, Look
from pipeline.detection.series import SITE, Slice
from pipeline.detection.watches import all_watches

NEAR: Final = timedelta(hours=3)
"""Two findings whose beginnings are estimated within so much, or the duration of the shorter one, may be one fault."""
MOST_NAMED: Final = 3
MAIN_PART: Final = 0.4
"""A slice that lost so much of what the whole site lost explains it."""
STILL_NAMED: Final = 0.5
SMALLEST: Final = 20.0
"""People of a slice that must have come since the begin before it is said to work."""
_PROGRAMS: Final = ("version", "browser", "engine", "os", "device")
_PARTS: Final = ("page", "section", "role", "source")
_ONE_OF: Final = (_PROGRAMS, _PARTS, ("network", "country"), ("referrer",), ("ad",))


class Fault(NamedTuple):
    """One fault: the finding that names it, the others of the same fault, where all is well, and a word for its cause ('' for none)."""

    main: Finding
    also: tuple[Finding, ...]
    works_for: tuple[Slice, ...]
    cause: str


def faults(look: Look, found: Sequence[Finding]) -> list[Fault]:
    """Return the faults behind the findings, which are in order: the nearest to the cause first."""
    groups: list[list[Finding]] = []
    for one in found:
        # Of one watch, the slice with most evidence explains most with least.
        group = next((group for group in groups if _same_fault(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return [Fault(main, tuple(also), _works_for(look, main, found), _cause(look, main)) for main, *also in groups]


def _same_fault(main: Finding, other: Finding) -> bool:
    if main.slice == other.slice or (_topic(main) == _topic(other) and _contains(main.slice, other.slice)):
        return True
    # The begin of a small loss is estimated roughly.
    if abs(main.since - other.since) > max(NEAR, min(main.duration, other.duration)):
        return False
    if SITE in (main.slice, other.slice):
        return _explains_the_site(main, other)
    if main.slice.dimension == other.slice.dimension:
        return main.watch != other.watch and _is_failure(main)
    return _of_one_kind(main.slice, other.slice) or _is_failure(main) or _is_failure(other)


def _topic(finding: Finding) -> str:
    return all_watches()[finding.watch].topic or finding.watch


def _contains(one: Slice, other: Slice) -> bool:
    """Return whether two slices of different dimensions are about the same people: a browser and its device, a page and its section."""
    if one.dimension == other.dimension:
        return False
    if SITE in (one, other) or "role" in (one.dimension, other.dimension):
        return one.dimension in _PROGRAMS or other.dimension in _PROGRAMS
    if {one.dimension, other.dimension} == {"page", "section"}:
        page, section = (one, other) if one.dimension == "page" else (other, one)
        return page.name.startswith(section.name)
    return _of_one_kind(one, other)


def _of_one_kind(one: Slice, other: Slice) -> bool:
    return any({one.dimension, other.dimension} <= set(kind) for kind in _ONE_OF)


def _explains_the_site(main: Finding, other: Finding) -> bool:
    part, whole = (other, main) if main.slice == SITE else (main, other)
    if main.slice == SITE:
        return True
    if whole.direction != part.direction or whole.number != part.number:
        return True
    return part.lost.middle >= MAIN_PART * whole.lost.middle


def _is_failure(finding: Finding) -> bool:
    """Return whether it is a fault by itself, of which lost people are a consequence."""
    return all_watches()[finding.watch].kind == "share"


def _works_for(look: Look, main: Finding, found: Sequence[Finding]) -> tuple[Slice, ...]:
    """Return the largest slices of the same dimension that came since the begin and have no finding of this watch."""
    ill = {each.slice for each in found if each.watch == main.watch}
    begin = look.table.place(main.since)
    sized = [
        (float(look.table.of("people", piece)[begin:].sum()), piece)
        for piece in look.table.slices.get(main.slice.dimension, ())
        if piece != SITE and piece not in ill and not _belongs_to(piece, ill)
    ]
    return tuple(piece for people, piece in sorted(sized, reverse=True) if people >= SMALLEST)[:MOST_NAMED]


def _belongs_to(piece: Slice, ill: set[Slice]) -> bool:
    return any(other.dimension == "section" and piece.name.startswith(other.name) for other in ill)


def _cause(look: Look, main: Finding) -> str:
    table, begin = look.table, look.table.place(main.since)
    if main.watch == "all_traffic":
        return "check_tag" if main.seen <= 0.1 * main.expected else ""
    if main.watch == "script_lost":
        return "script_blocked" if main.slice == SITE else "privacy_default" if main.slice.dimension == "engine" else ""
    if main.watch == "silent_page" and main.slice.dimension == "page" and main.seen <= 0.1 * main.expected:
        named = table.of("named", main.slice)
        share = main.expected / max(float(table.of(main.number, main.slice)[:begin].sum()), 1.0)
        usual = float(named[:begin].sum()) * share
        if usual < 3:
            return ""
        return "tag_lost" if float(named[begin:].sum()) >= STILL_NAMED * usual else "people_lost"
    return ""
