"""From findings to faults: findings of the same lost people are one fault, named by the one nearest to the cause; pure.

Owns the rule for which findings belong together, the word for the kind of cause, and the slices for which all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np

from pipeline.detection.detect import Finding
from pipeline.detection.evidence import CERTAIN
from pipeline.detection.look import Look
from pipeline.detection.series import SITE, Slice
from pipeline.detection.watches import all_watches

NEAR: Final = timedelta(hours=3)
"""Two findings whose beginnings are estimated within so much may be one fault."""
UNDECIDED: Final = CERTAIN / 2
"""So much evidence does not tell two beginnings apart: of a form that few people use, a begin is known to a night."""
MOST_NAMED: Final = 3
MAIN_PART: Final = 0.4
"""A slice that lost so much of what the whole site lost explains it."""
ALL_OF_IT: Final = 0.8
"""A slice with so much of it is the fault, and not the site."""
SILENT: Final = 0.1
"""So little of the usual number is silence: a fault of tag, site or way, and no smaller interest of people."""
STILL_NAMED: Final = 0.5
SMALLEST: Final = 20.0
"""People of a slice that must have come since the begin before it is said to work."""
_PROGRAMS: Final = ("version", "browser", "engine", "os", "device")
_PARTS: Final = ("page", "section", "role", "source", "ad", "referrer")
"""A page that is gone takes its ad blocks with it, and the visits that began on it."""
_ERRORS: Final = ("server_errors", "broken_link", "missing_page")
"""A server gives its errors to every program and network: they explain no loss of one of these, and are explained by none."""
_ONE_OF: Final = (_PROGRAMS, _PARTS, ("network", "country"))


class Fault(NamedTuple):
    """One fault: the finding that names it, the others of the same fault, where all is well, and a word for its cause ('' for none)."""

    main: Finding
    also: tuple[Finding, ...]
    works_for: tuple[Slice, ...]
    cause: str


def faults(look: Look, found: Sequence[Finding], apart: AbstractSet[tuple[str, Slice]] = frozenset()) -> list[Fault]:
    """Return the faults behind the findings, which are in order: the nearest to the cause first.

    Findings of `apart`, by watch and slice, are known to be faults of their own.
    """
    wholes = [one for one in found if one.slice == SITE and any(_is_all_of(look, part, one) for part in found)]
    groups: list[list[Finding]] = []
    for one in (*(each for each in found if each not in wholes), *wholes):
        # Of one watch, the slice with most evidence explains most with least.
        group = next(
            (group for group in groups if not _are_apart(group[0], one, apart) and _same_fault(look, group[0], one)),
            None,
        )
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    groups = sorted((_with_site_first(look, group) for group in groups), key=lambda group: group[0].rank)
    works = [_works_for(look, group[0], found) for group in groups]
    return [
        Fault(main, tuple(also), fine, _cause(look, main, also, fine))
        for (main, *also), fine in zip(groups, works, strict=True)
    ]


def _with_site_first(look: Look, group: list[Finding]) -> list[Finding]:
    """Return the findings of a fault, its name first: a program that nearly everybody uses is no other fault than that of the site."""
    main = group[0]
    whole = next((one for one in group if one.slice == SITE and one.watch == main.watch), main)
    begin = look.table.place(main.since)
    people, of_site = (float(look.table.of("people", piece)[begin:].sum()) for piece in (main.slice, SITE))
    if main.slice.dimension not in _PROGRAMS or people < ALL_OF_IT * of_site:
        return group
    return [whole, *(one for one in group if one is not whole)]


def _are_apart(main: Finding, other: Finding, apart: AbstractSet[tuple[str, Slice]]) -> bool:
    return (main.watch, main.slice) in apart and (other.watch, other.slice) in apart


def _is_all_of(look: Look, part: Finding, whole: Finding) -> bool:
    """Return whether a part, compared with the rest of the site, makes up what the site lost, or the errors that it had."""
    of_whole = all_watches()[part.watch].kind == "part" or (part.watch == whole.watch and part.direction == "rise")
    return part.slice != SITE and of_whole and _part_of_loss(look, part, whole) >= ALL_OF_IT


def _part_of_loss(look: Look, part: Finding, whole: Finding) -> float:
    """Return how much of the loss of the site the slice lost in the same time, if they are of the same kind."""
    people, place = look.table.of("people"), look.table.place
    if (part.number, part.direction) == (whole.number, whole.direction):
        both = people[place(max(part.since, whole.since)) :].sum() / max(people[place(part.since) :].sum(), 1.0)
        return float(part.lost.middle * both / max(whole.lost.middle, 1.0))
    if part.direction == whole.direction and {part.number, whole.number} == {"people", "views"}:
        before = slice(place(part.since))
        share = look.table.of("people", part.slice)[before].sum() / max(people[before].sum(), 1.0)
        return float(share * _lost_part(part) / max(_lost_part(whole), 0.01))
    return 0.0


def _lost_part(finding: Finding) -> float:
    return finding.lost.middle / max(finding.expected, 1.0)


def _same_fault(look: Look, main: Finding, other: Finding) -> bool:
    """Return whether two findings, of which `main` is nearer to the cause, are of one fault."""
    one, two = main.slice, other.slice
    if (
        main.watch == other.watch
        and one.dimension != two.dimension
        and {one.dimension, two.dimension} <= {*_PROGRAMS, "site"}
    ):
        return True  # a version, its browser and its device have the same people
    if one != two and SITE in (one, two):
        return _explains_the_site(look, main, other)
    if not _may_begin_together(look, *sorted((main, other), key=lambda each: each.since)):
        return False
    if one == two:
        return True
    if one.dimension == two.dimension:
        # Two missing pages are two faults; a loop has two pages, and people who are caught in it load others again.
        are_errors = main.watch in _ERRORS or other.watch in _ERRORS
        return _is_failure(main) and not are_errors and (main.watch != other.watch or main.watch == "loop")
    if main.watch == "broken_link" and other.watch == "missing_page":
        return main.seen >= MAIN_PART * other.seen
    if any({one.dimension, two.dimension} <= set(kind) for kind in _ONE_OF):
        # A dead link takes no visits from elsewhere.
        return not (one.dimension == "source" and two.dimension in ("ad", "referrer"))
    # People of one browser who fail are missing on a page; a page that fails is the fault of no browser.
    return _is_failure(main) and main.watch not in _ERRORS and other.watch not in _ERRORS and _is_of_clients(main)


def _may_begin_together(look: Look, early: Finding, late: Finding) -> bool:
    """Return whether there is an hour in which both may have begun, as far as the evidence of the hours between tells."""
    if late.since - early.since <= NEAR:
        return True
    between = slice(look.table.place(early.since), look.table.place(late.since))
    of_early, of_late = (look.evidence(one.watch, one.number, one.slice, one.factor)[between] for one in (early, late))
    before = np.concatenate(([0.0], np.cumsum(of_early)))
    after = np.concatenate((np.cumsum(-of_late[::-1])[::-1], [0.0]))
    return bool(((before <= UNDECIDED) & (after <= UNDECIDED)).any())


def _explains_the_site(look: Look, main: Finding, other: Finding) -> bool:
    part, whole = (other, main) if main.slice == SITE else (main, other)
    if part.since <= whole.since and _part_of_loss(look, part, whole) >= MAIN_PART:
        return True
    if not _may_begin_together(look, *sorted((main, other), key=lambda each: each.since)):
        return False
    return main.slice == SITE or whole.direction != part.direction or whole.number != part.number


def _is_failure(finding: Finding) -> bool:
    """Return whether it is a fault by itself, of which lost people are a consequence."""
    return all_watches()[finding.watch].kind == "share"


def _is_of_clients(finding: Finding) -> bool:
    return finding.slice.dimension in (*_PROGRAMS, "network", "country")


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


def _cause(look: Look, main: Finding, also: Sequence[Finding], works_for: Sequence[Slice]) -> str:
    table, begin = look.table, look.table.place(main.since)
    if main.watch == "all_traffic":
        return "check_tag" if main.seen <= SILENT * main.expected else ""
    if main.watch == "script_lost":
        engines = [each for each in (main, *also) if each.watch == main.watch and each.slice.dimension == "engine"]
        of_engine = any(_lost_part(each) >= ALL_OF_IT for each in engines)
        # Only an engine that goes on beside it shows that the fault is one of a browser's maker.
        if of_engine and works_for:
            return "privacy_default"
        return "script_blocked" if main.slice == SITE or of_engine else ""
    if main.watch == "silent_page" and main.slice.dimension == "page" and main.seen <= SILENT * main.expected:
        named = table.of("named", main.slice)
        share = main.expected / max(float(table.of(main.number, main.slice)[:begin].sum()), 1.0)
        usual = float(named[:begin].sum()) * share
        if usual < 3:
            return ""
        return "tag_lost" if float(named[begin:].sum()) >= STILL_NAMED * usual else "people_lost"
    return ""
