"""The rows of a person that can still be found, and an explanation for the others.

Owns the tokens of an address for the requested days, and the notes of an answer. The address is in memory only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pipeline.event import RawAddress, Token
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.tokens import DayTokens
from pipeline.subjects.requests import PersonRequest


def tokens_of(keys: KeyDirectory, address: RawAddress, first: date, last: date) -> dict[date, Token]:
    """Return the address's token for each UTC day whose key exists; raises `Fatal` where a key is unsafe."""
    living = {day: keys.read(KeyName.of_day(day)) for day in _days(first, last)}
    return {day: DayTokens(key).ip_token(address) for day, key in living.items() if key is not None}


def notes(case: PersonRequest, keys: KeyDirectory, today: date, oldest: date) -> list[str]:
    """Return notes on events that the answer leaves out; rows before `oldest` have lost their tokens."""
    if not case.by_code:
        gone = [str(day) for day in _days(case.first, min(case.last, today)) if day not in case.tokens]
        return [
            "By address: these may be other people's events. Until that is checked, they can only be blocked.",
            *_said(gone, "No key: events of these days can no longer be found by address"),
        ]
    years = [KeyName.of_year(date(year, 1, 1)) for year in range(oldest.year, today.year + 1)]
    return [
        f"Events before {oldest} have lost their visitor: nobody can find them any more.",
        "Events before the browser first sent the cookie back have no visitor of this person and cannot be found.",
        *_said([year.text for year in years if keys.tombstone(year)], "Destroyed keys, whose events cannot be found"),
    ]


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(offset) for offset in range((last - first).days + 1)]


def _said(names: Sequence[str], what: str) -> list[str]:
    return [f"{what}: {', '.join(names)}."] if names else []
