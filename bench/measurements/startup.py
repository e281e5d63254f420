"""`up` until the first accepted hit: on a new directory, with all its migrations, and on one that was used before."""

from __future__ import annotations

import time

from bench.effort import Effort
from bench.figures import Figure, Findings, at_most
from bench.product import product


def measure(effort: Effort) -> Findings:
    new: list[float] = []
    again: list[float] = []
    for run in range(effort.runs):
        for seconds, kind in ((new, "a new directory"), (again, "a used directory")):
            effort.say(f"run {run + 1} of {effort.runs}: {kind}")
            begun = time.perf_counter()
            with product(effort.scratch / f"var{run}"):
                seconds.append(time.perf_counter() - begun)
    return Findings(
        (
            Figure("startup.new_s", "`up` to the first accepted hit, new directory", "s", tuple(new), at_most(5)),
            Figure("startup.again_s", "`up` to the first accepted hit, used directory", "s", tuple(again), at_most(5)),
        )
    )
