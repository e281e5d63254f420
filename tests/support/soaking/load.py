"""The load: wrk with numbered hits, as fast as the collector answers or at a given rate."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Final, NamedTuple, Self

SCRIPT: Final = Path(__file__).with_name("hits.lua")
CONNECTIONS: Final = 64
A_SLICE: Final = 10_000_000
"""Numbers that one slice may use; no number is used twice."""


class Sent(NamedTuple):
    """What a slice of the load came to; `answered` includes the `refused`, and what is only in `sent` was cut off at its end."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    broken: int = 0
    seconds: float = 0.0

    @property
    def acknowledged(self) -> int:
        """Hits that were answered with a 2xx."""
        return self.answered - self.refused

    def plus(self, other: Self) -> Sent:
        """Return the sum of two slices."""
        return Sent(
            self.sent + other.sent,
            self.answered + other.answered,
            self.refused + other.refused,
            self.broken + other.broken,
            self.seconds + other.seconds,
        )


class Load:
    """The slices of one run, one after the other."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._slices = 0

    def slice(self, seconds: int, per_second: float = 0.0) -> Sent:
        """Send for some seconds, at this rate where the collector answers in time; 0 is as fast as it answers."""
        self._slices += 1
        pause = CONNECTIONS / per_second * 1000 if per_second else 0.0
        given = {"SOAK_FIRST": str(self._slices * A_SLICE), "SOAK_PAUSE_MS": f"{pause:.0f}"}
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), self._url]
        done = subprocess.run(
            command, env={**os.environ, **given}, capture_output=True, text=True, check=True, timeout=seconds + 60
        )
        told = json.loads(done.stdout.strip().splitlines()[-1])
        return Sent(told["sent"], told["answered"], told["refused"], told["broken"], told["microseconds"] / 1e6)
