"""The noise of a published number: the same people give the same noise in every report.

Owns the tables of `noise.toml` and the draw. A cell key is the sum, modulo 2^64, of a keyed hash of each distinct person of the
cell, so nobody without the key can compute it. Zero stays zero: an empty cell tells nothing of a person. Pure.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import Final, Literal

Kind = Literal["ordinary", "sensitive"]

FILE: Final = Path(__file__).with_name("noise.toml")
KEYS: Final = 2**64
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Noise:
    """One table: `limits[i]` is the number of the million that give a value below `i - reach + 1`."""

    epsilon: float
    reach: int
    limits: tuple[int, ...]

    @classmethod
    def of(cls, epsilon: float, of_a_million: tuple[int, ...]) -> Noise:
        """Return the table of these numbers; raises `ValueError` where they are no distribution with mean 0."""
        reach, rest = divmod(len(of_a_million), 2)
        if not rest or of_a_million != of_a_million[::-1] or sum(of_a_million) != MILLION or min(of_a_million) < 0:
            raise ValueError("expected an odd number of counts, the same forwards and backwards, that sum to a million")
        return cls(epsilon, reach, tuple(accumulate(of_a_million)))

    def draw(self, cell_key: int) -> int:
        """Return the noise of a cell key (0 to 2^64 - 1): a whole number from -reach to reach."""
        return bisect_right(self.limits, cell_key * MILLION // KEYS) - self.reach

    def people(self, number: int, cell_key: int) -> int:
        """Return a number of people with its noise, at least 0; 0 stays 0."""
        return max(0, number + self.draw(cell_key)) if number else 0

    def hits(self, number: int, step: int, key: int) -> int:
        """Return a number of hits with its noise: a draw of its own in steps of `step` hits, at least 0; 0 stays 0.

        `step` is public and the same for all cells. The noise is drawn between whole steps and not from that of the people: else the
        number of hits would tell the noise of the people to everybody who knows how many hits they have.
        """
        if not number:
            return 0
        mixed = blake2b(key.to_bytes(8), salt=step.to_bytes(2), digest_size=16).digest()
        steps = self.draw(int.from_bytes(mixed[:8])) + int.from_bytes(mixed[8:]) / KEYS - 0.5
        return max(0, number + round(steps * step))


@cache
def noise() -> Mapping[Kind, Noise]:
    """Return the tables of the file."""
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: Noise.of(content[name]["epsilon"], tuple(content[name]["of_a_million"]))
        for name in ("ordinary", "sensitive")
    }
