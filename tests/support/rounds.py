"""The harness of the tests under faults: how many rounds, by which seed, and the table of what each round left.

`make test` runs each fault in a few rounds; `make faults` (`FAULTS=long`) in many, or in a `SHARE` of them, and keeps the table. A test asks the
fixture `rounds` for its number of rounds and its random choices, and hands each round's ledger to `book`, which audits it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from support.auditor import KEPT, Stored, audit
from support.ledger import Ledger

LONG: Final = os.environ.get("FAULTS") == "long"
SEED: Final = int(os.environ.get("SEED") or random.randrange(2**32))
SHARE: Final = float(os.environ.get("SHARE") or 1)
"""Of the rounds of a long run: less than 1 where there is little time."""
PATIENCE: Final = 300.0
"""Seconds until a wait under faults is given up: no verdict may rest on the speed of the machine."""
T = TypeVar("T")


@dataclass
class Line:
    """One line of the table: a fault, and what all its rounds left together."""

    fault: str
    rounds: int = 0
    sent: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    twice: int = 0
    recovery_seconds: float | None = None
    """The longest time from the end of the fault until all was as before; None where no process had to recover."""
    day: str = ""
    seed: str = str(SEED)
    share: str = f"{SHARE:g}"


class Rounds:
    """The rounds of one test; `random` gives the same choices for the same seed, whichever tests run beside it."""

    def __init__(self, test: str, table: dict[str, Line]) -> None:
        self.random = random.Random(f"{SEED} {test}")
        self._table = table
        self._test = test

    def number(self, *, quick: int, long: int) -> int:
        """Return how many rounds to run."""
        return max(1, round(long * SHARE)) if LONG else quick

    def some(self, positions: Sequence[T], *, quick: int) -> list[T]:
        """Return all positions in a long run; in a quick one so many: the first, the last and others drawn by lot."""
        wanted = max(quick, round(len(positions) * SHARE)) if LONG else quick
        if wanted >= len(positions):
            return list(positions)
        inner = sorted(self.random.sample(range(1, len(positions) - 1), max(0, wanted - 2)))
        return [positions[number] for number in (0, *inner, len(positions) - 1)]

    def each(self, fault: str, positions: Iterable[T]) -> Iterator[T]:
        """Yield the positions and show on a terminal which of them is in hand."""
        given = list(positions)
        for number, position in enumerate(given, start=1):
            if sys.__stderr__ is not None and sys.__stderr__.isatty():
                sys.__stderr__.write(f"\r{fault}: round {number} of {len(given)}\x1b[K" + "\r" * (number == len(given)))
                sys.__stderr__.flush()
            yield position

    def book(
        self,
        fault: str,
        ledger: Ledger,
        stored: Stored,
        *,
        rounds: int = 1,
        seconds: float | None = None,
        what: object = "",
    ) -> None:
        """Audit one round, or several that share a ledger, and add it to the line of `fault`.

        `seconds` is the longest recovery, `what` tells the round apart.

        Raises `AssertionError` with all that breaks the promise; the line has the round all the same.
        """
        findings = audit(ledger, stored)
        line = self._table.setdefault(fault, Line(fault, day=f"{datetime.now(UTC):%Y-%m-%d}"))
        line.rounds += rounds
        line.sent += len(ledger.sent)
        line.acknowledged += len(ledger.acknowledged)
        line.stored += stored.nonces.total()
        line.lost += len(findings.lost)
        line.twice += len(findings.duplicated)
        if seconds is not None:
            line.recovery_seconds = max(line.recovery_seconds or 0.0, round(seconds, 2))
        assert findings == KEPT, f"{fault}, {what}: {findings}; again with SEED={SEED}"


class Stopwatch:
    """Measures one recovery."""

    seconds = 0.0


@contextmanager
def recovery() -> Iterator[Stopwatch]:
    """Measure the block: it begins where the fault ends and ends where all is as before."""
    watch, begun = Stopwatch(), time.monotonic()
    yield watch
    watch.seconds = time.monotonic() - begun


COLUMNS: Final = ("fault", "rounds", "sent", "acknowledged", "stored", "lost", "twice", "recovery, s")


def cells(line: Line) -> tuple[str, ...]:
    """Return the cells of a line, in the order of `COLUMNS`."""
    numbers = (line.rounds, line.sent, line.acknowledged, line.stored, line.lost, line.twice)
    seconds = "" if line.recovery_seconds is None else f"{line.recovery_seconds:.1f}"
    return (line.fault, *(f"{number:,}" for number in numbers), seconds)


def as_text(table: dict[str, Line]) -> str:
    """Return the table for a terminal."""
    rows = [COLUMNS, *(cells(line) for line in table.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
