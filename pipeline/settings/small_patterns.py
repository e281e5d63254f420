"""Patterns that name a few values: letters, classes such as `[a-c]`, groups such as `(red|blue)`, `?` and `{1,2}`.

Owns the reading of such a pattern into all of its values. Pure.
"""

from __future__ import annotations

import re
from itertools import product

_PLAIN = re.compile(r"[A-Za-z0-9_.-]")
_CLASS = re.compile(r"\[([A-Za-z0-9_.]|[A-Za-z0-9]-[A-Za-z0-9])+\]")
_MEMBER = re.compile(r"([A-Za-z0-9])-([A-Za-z0-9])|([A-Za-z0-9_.])")
_TIMES = re.compile(r"\{([0-9]),?([0-9])?\}")


def values_of(pattern: str, *, most: int) -> tuple[str, ...]:
    """Return all values of a pattern, sorted; raises `ValueError` for another grammar or more than `most` values."""
    values, end = _choices(pattern, 0, most)
    if end != len(pattern):
        raise ValueError(f"cannot be read from its character {end + 1} on; expected {_GRAMMAR}")
    return tuple(sorted(values))


_GRAMMAR = "letters, digits, `_.-`, classes such as `[a-c]`, groups such as `(red|blue)`, `?` and `{1,2}`"


def _choices(pattern: str, at: int, most: int) -> tuple[set[str], int]:
    found: set[str] = set()
    while True:
        values, at = _sequence(pattern, at, most)
        found = _bounded(found | values, most)
        if pattern[at : at + 1] != "|":
            return found, at
        at += 1


def _sequence(pattern: str, at: int, most: int) -> tuple[set[str], int]:
    values = {""}
    while at < len(pattern) and pattern[at] not in "|)":
        atom, at = _atom(pattern, at, most)
        if pattern[at : at + 1] == "?":
            atom, at = atom | {""}, at + 1
        elif times := _TIMES.match(pattern, at):
            least, largest = int(times[1]), int(times[2] or times[1])
            atom = _bounded(
                {"".join(each) for number in range(least, largest + 1) for each in _repeated(atom, number, most)}, most
            )
            at = times.end()
        values = _bounded({left + right for left, right in product(values, atom)}, most)
    return values, at


def _repeated(atom: set[str], number: int, most: int) -> list[tuple[str, ...]]:
    if len(atom) ** number > most * most:
        raise _too_many(most)
    return list(product(atom, repeat=number))


def _atom(pattern: str, at: int, most: int) -> tuple[set[str], int]:
    if _PLAIN.match(pattern, at):
        return {pattern[at]}, at + 1
    if pattern[at] == "(":
        values, end = _choices(pattern, at + 1, most)
        if pattern[end : end + 1] == ")":
            return values, end + 1
    if found := _CLASS.match(pattern, at):
        members = {
            chr(code)
            for first, last, one in _MEMBER.findall(found[0])
            for code in ([ord(one)] if one else range(ord(first), ord(last) + 1))
        }
        return members, found.end()
    raise ValueError(f"cannot be read from its character {at + 1} on; expected {_GRAMMAR}")


def _bounded(values: set[str], most: int) -> set[str]:
    if len(values) > most:
        raise _too_many(most)
    return values


def _too_many(most: int) -> ValueError:
    return ValueError(f"has more than {most} values: such a value could follow one person")
