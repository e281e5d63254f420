"""Searches bytes for canaries.

Owns the pass over the bytes. A find names the kind and the form of a canary, never its text. Pure.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.privacy_check.canaries import Canary, Form, forms

GRAM = 4
"""Bytes of the shortest form, and of a C `int`."""
WINDOW = 256 * 1024
"""Bytes searched at once: a set of that many numbers takes about 20 MB."""


class Find(NamedTuple):
    """A form that was found, and its byte offset."""

    form: Form
    offset: int


class Search:
    """Searches bytes for all `forms` of the canaries.

    One pass over a window collects its four-byte sequences. Only forms whose first four bytes are among them are searched
    for, so hundreds of forms cost little more than one.
    """

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self.forms: tuple[Form, ...] = tuple(form for canary in canaries for form in forms(canary))
        self._plain = [(_gram(form.pattern), form) for form in self.forms if not form.folded]
        self._folded = [(_gram(form.pattern), form) for form in self.forms if form.folded]
        self._longest = max(len(form.pattern) for form in self.forms)

    def finds(self, chunks: Iterable[bytes]) -> list[Find]:
        """Return the first occurrence of every form in the joined chunks."""
        found: dict[Form, Find] = {}
        tail, offset = b"", 0
        for chunk in chunks:
            for start in range(0, len(chunk), WINDOW):
                data = tail + chunk[start : start + WINDOW]
                _look(self._plain, data, offset, found)
                _look(self._folded, data.lower(), offset, found)
                tail = data[-self._longest + 1 :]
                offset += len(data) - len(tail)
        return list(found.values())

    def chance(self, searched: int) -> float:
        """Return an upper bound of accidental finds in `searched` random bytes; weak forms count only in pairs."""
        weak, sure = (
            searched * math.fsum(2.0**-form.bits for form in self.forms if form.weak is side) for side in (True, False)
        )
        return weak**2 + sure


def _look(wanted: Iterable[tuple[int, Form]], data: bytes, offset: int, found: dict[Form, Find]) -> None:
    grams: set[int] = set()
    for start in range(GRAM):
        grams.update(memoryview(data)[start : start + (len(data) - start) // GRAM * GRAM].cast("I"))
    for gram, form in wanted:
        if gram in grams and (place := data.find(form.pattern)) >= 0 and form not in found:
            found[form] = Find(form, offset + place)


def _gram(pattern: bytes) -> int:
    return int.from_bytes(pattern[:GRAM], sys.byteorder)
