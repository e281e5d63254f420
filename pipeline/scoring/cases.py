"""Suspects that belong together are one case: connected components over what they share.

Owns the joining and the id of a case. Theory of operation: a suspect is tied to things (a cookie, an address, a network, a path that several clients
took); things tie suspects. A thing that more than `MOST_SHARED` suspects have by chance ties nobody, or one carrier would be one case; a
link that a signal itself found ties all of them. The id is that of the oldest case among the members, else a hash of the smallest
member, so a case keeps its id as it grows; of two that join, the newer id is told as an alias. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from typing import Final, NamedTuple

MOST_SHARED: Final = 20


class Member(NamedTuple):
    """A suspect of one day of a site: what it has in common by chance (`things`) and by a signal (`links`), and its case if it has one."""

    day: date
    suspect: int
    things: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    case: str = ""


class Case(NamedTuple):
    """A case: its id, its members, and the ids of other cases that it took in."""

    id: str
    members: Sequence[Member]
    aliases: Sequence[str]


def cases_of(site: str, members: Iterable[Member]) -> list[Case]:
    """Return the cases of the members of a site, the oldest first; each member is in one of them."""
    together = _joined(list(members))
    return sorted((_case(site, each) for each in together), key=lambda case: (case.members[0].day, case.id))


def _joined(members: Sequence[Member]) -> list[list[Member]]:
    holders: dict[str, list[int]] = defaultdict(list)
    for place, member in enumerate(members):
        for thing in member.things:
            holders[thing].append(place)
    parent = list(range(len(members)))
    for places in holders.values():
        if len(places) <= MOST_SHARED:
            _unite(parent, places)
    linked: dict[str, list[int]] = defaultdict(list)
    for place, member in enumerate(members):
        for link in (*member.links, *([f"case {member.case}"] if member.case else [])):
            linked[link].append(place)
    for places in linked.values():
        _unite(parent, places)
    groups: dict[int, list[Member]] = defaultdict(list)
    for place, member in enumerate(members):
        groups[_root(parent, place)].append(member)
    return list(groups.values())


def _unite(parent: list[int], places: Sequence[int]) -> None:
    first = _root(parent, places[0])
    for place in places[1:]:
        other = _root(parent, place)
        first, other = min(first, other), max(first, other)
        parent[other] = first


def _root(parent: list[int], place: int) -> int:
    root = place
    while parent[root] != root:
        root = parent[root]
    while parent[place] != root:
        parent[place], place = root, parent[place]
    return root


def _case(site: str, members: list[Member]) -> Case:
    members = sorted(members, key=lambda member: (member.day, member.suspect))
    known = [*dict.fromkeys(member.case for member in members if member.case)]
    new = sha256(f"{site} {members[0].day} {members[0].suspect}".encode()).hexdigest()[:12]
    return Case(known[0] if known else new, members, known[1:])


def sampled(cases: Iterable[str], most: int) -> frozenset[str]:
    """Return at most so many of the ids of unclear cases, chosen by the id alone: nothing about a case makes it likelier to be chosen."""
    return frozenset(sorted(cases, key=lambda case: sha256(f"sample {case}".encode()).digest())[:most])
