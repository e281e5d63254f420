"""The numbers of problems and alerts for /metrics: `run/problems.json`.

Owns the form of that file: counts by site, watch and state, and of each sink; no id, no text, no name of a page. `ship` replaces it at
every evaluation, the collector reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from pipeline.errors import BAD_JSON
from pipeline.problems.problem import Problem
from pipeline.system.durable_files import replace

MUTED = "muted"
"""The state of an active problem while somebody muted it."""


class SinkNumbers(msgspec.Struct, frozen=True):
    """Alerts of one sink: delivered, failed tries, given up, and waiting now."""

    sink: str
    delivered: int
    failed: int
    lost: int
    waiting: int


class Gauges(msgspec.Struct, frozen=True):
    """The content of the file: the time of the evaluation (Unix seconds), (site, watch, state, number) and the sinks."""

    at: float
    problems: tuple[tuple[str, str, str, int], ...]
    sinks: tuple[SinkNumbers, ...] = ()


def counted(problems: Iterable[Problem], sinks: Iterable[SinkNumbers], now: datetime) -> Gauges:
    """Return the numbers of all problems that are not closed."""
    numbers = Counter(
        (one.site, one.watch, MUTED if one.is_active and one.is_muted(now) else one.state)
        for one in problems
        if one.state != "closed"
    )
    return Gauges(now.timestamp(), tuple((*key, number) for key, number in sorted(numbers.items())), tuple(sinks))


def gauges_file(run_dir: Path) -> Path:
    """Return the file in the directory of state files."""
    return run_dir / "problems.json"


def write_gauges(run_dir: Path, gauges: Gauges) -> None:
    """Replace the file; raises `OSError`."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(gauges_file(run_dir), msgspec.json.encode(gauges), sync=False)


def read_gauges(run_dir: Path) -> Gauges | None:
    """Return the numbers, or None when the file is missing or damaged."""
    try:
        return msgspec.json.decode(gauges_file(run_dir).read_bytes(), type=Gauges)
    except (OSError, *BAD_JSON):
        return None
