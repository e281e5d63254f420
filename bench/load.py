"""Makes load with wrk and measures one slice of it: answers, latency, CPU time of the programs under load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bench.mixes import DAY_SECONDS, Mix
from bench.processes import LOAD_CORE, Program, pinned

PLAYER = Path(__file__).with_name("play.lua")
CONNECTIONS = 64
NUMBERS_OF_A_SLICE = 20_000_000
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_ANSWERED = re.compile(r"(\d+) requests in")
_LATENCY = re.compile(r"99%\s+([0-9.]+)(us|ms|s)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_LOST = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Slice:
    """A few seconds of load on one server; `cpu` is CPU seconds by the name of a program."""

    answered: int
    refused: int
    lost: int
    per_second: float
    p99_ms: float
    cpu: Mapping[str, float] = field(default_factory=dict)

    @property
    def cpu_us(self) -> float:
        """Return CPU microseconds of all programs under load, per answered request."""
        return sum(self.cpu.values()) * 1e6 / max(1, self.answered)

    def cpu_us_of(self, name: str) -> float:
        return self.cpu[name] * 1e6 / max(1, self.answered)


class Load:
    """wrk with one mix of requests; the numbers of its hits are never used twice."""

    _slices = count(1)

    def __init__(self, mix: Mix, scratch: Path) -> None:
        self._file = scratch / f"{mix.__name__}.requests"
        if not self._file.exists():
            self._file.write_bytes("\0".join(mix(int(time.time()) // DAY_SECONDS)).encode())

    def slice(self, url: str, seconds: float, programs: Mapping[str, Program]) -> Slice:
        """Load the server at `url`; the CPU time of `programs` is read before and after."""
        first = next(self._slices) * NUMBERS_OF_A_SLICE
        environment = {**os.environ, "BENCH_REQUESTS": str(self._file), "BENCH_FIRST": str(first)}
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", "-s", str(PLAYER), url]
        before = {name: program.cpu_seconds() for name, program in programs.items()}
        done = subprocess.run(
            [*pinned(LOAD_CORE), *command], capture_output=True, text=True, check=True, env=environment
        )
        cpu = {name: program.cpu_seconds() - before[name] for name, program in programs.items()}
        return read(done.stdout, cpu)


def read(said: str, cpu: Mapping[str, float]) -> Slice:
    """Return the slice that wrk tells about."""
    p99, unit = _found(_LATENCY, said).groups()
    refused, lost = _REFUSED.search(said), _LOST.search(said)
    return Slice(
        answered=int(_found(_ANSWERED, said)[1]),
        refused=int(refused[1]) if refused else 0,
        lost=sum(map(int, lost.groups())) if lost else 0,
        per_second=float(_found(_RATE, said)[1]),
        p99_ms=float(p99) * _MS[unit],
        cpu=cpu,
    )


def _found(pattern: re.Pattern[str], said: str) -> re.Match[str]:
    match = pattern.search(said)
    if match is None:
        raise SystemExit(f"bench: wrk told nothing of use:\n{said}")
    return match


def interleaved(
    slices: Mapping[str, Callable[[], Slice]], runs: int, say: Callable[[str], None]
) -> dict[str, list[Slice]]:
    """Return the slices of each name, taken in turns: a slow moment of the machine affects all of them."""
    taken: dict[str, list[Slice]] = {name: [] for name in slices}
    for run in range(runs):
        for name, take in slices.items():
            say(f"run {run + 1} of {runs}: {name}")
            taken[name].append(take())
    return taken


def missing(*programs: str) -> str:
    """Return the first of these programs that is not installed, '' when all are."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    return next((program for program in programs if shutil.which(program, path=path) is None), "")
