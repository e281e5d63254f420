"""Memory of one collector worker: idle, after many hits of the usual mix, after as many of the adversarial one."""

from __future__ import annotations

from pathlib import Path

from bench import mixes
from bench.effort import Effort
from bench.figures import Figure, Findings, at_most
from bench.load import Load, missing
from bench.mixes import Mix
from bench.processes import Program
from bench.servers import collector

PARTS = 4
SLICE_SECONDS = 2.0


def measure(effort: Effort) -> Findings:
    if lacking := missing("wrk"):
        return Findings(skipped=(f"memory: {lacking} is not installed",))
    data = effort.scratch / "var"
    with collector(data) as worker:
        idle = worker.memory_mb()
        usual = _after(effort, worker, data / "spool", mixes.design)
        attacked = _after(effort, worker, data / "spool", mixes.adversarial)
    return Findings(
        (
            Figure("memory.idle_mb", "memory of a worker, idle", "MB", (idle,), at_most(120)),
            *_figures("usual", f"{effort.hits:,} hits", usual),
            *_figures("adversarial", f"{effort.hits:,} more whose every part is new", attacked),
        )
    )


def _after(effort: Effort, worker: Program, spool: Path, mix: Mix) -> list[float]:
    """Return the memory in MB after each quarter of the hits."""
    load = Load(mix, effort.scratch)
    memory: list[float] = []
    hits = 0
    for part in range(1, PARTS + 1):
        while hits < effort.hits * part / PARTS:
            effort.say(f"{mix.__name__} mix, {hits:,} of {effort.hits:,} hits")
            hits += load.slice(worker.url, SLICE_SECONDS, {}).answered
            for segment in spool.glob("*.seg"):  # as if shipped
                segment.unlink()
        memory.append(worker.memory_mb())
    return memory


def _figures(key: str, hits: str, memory: list[float]) -> list[Figure]:
    flat = at_most(1.05)
    return [
        Figure(f"memory.{key}_mb", f"memory of a worker after {hits}", "MB", (memory[-1],), at_most(120)),
        Figure(f"memory.{key}_growth", "of it grown in the second half of them", "x", (memory[-1] / memory[1],), flat),
    ]
