"""CPU time of all processes for a stored event, beside nginx with a log that GoAccess reads; memory of the whole `up`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import mixes
from bench.effort import Effort
from bench.figures import Figure, Findings, at_most, ratios
from bench.load import Load, missing
from bench.processes import SERVER_CORE, Program
from bench.product import Product, product
from bench.servers import PARTS
from bench.yardsticks import nginx

SETTLE_SECONDS = 3.0
"""ClickHouse still merges parts after the last insert."""

LONGER = 2
"""Slices are so much longer than elsewhere: the work that every insert costs, whatever its size, counts less."""

Sample = dict[str, float]
_WORDS = {"collect": "the collector", "ship": "the shipper", "clickhouse": "ClickHouse", "up": "the supervisor"}


def measure(effort: Effort) -> Findings:
    if lacking := missing("wrk"):
        return Findings(skipped=(f"chain: {lacking} is not installed",))
    lacking = missing("nginx", "goaccess")
    load = Load(mixes.design, effort.scratch)
    ours: list[Sample] = []
    theirs: list[Sample] = []
    memory: list[float] = []
    effort.say("starting `up`")
    with product(effort.scratch / "var") as up:
        parts = up.parts()
        time.sleep(SETTLE_SECONDS)
        idle = _memory(parts)
        effort.say("warm-up")
        _stored(up, parts, load, effort.seconds)
        for run in range(effort.runs):
            effort.say(f"run {run + 1} of {effort.runs}: clinic-pixel")
            ours.append(_stored(up, parts, load, LONGER * effort.seconds))
            memory.append(_memory(parts)["all"])
            if not lacking:
                effort.say(f"run {run + 1} of {effort.runs}: nginx and GoAccess")
                theirs.append(_logged(effort.scratch / f"nginx-{run}", load, effort.seconds))
        busy = _memory(parts)
    skipped = (f"nginx and GoAccess: {lacking} is not installed",) if lacking else ()
    return Findings((*_figures(ours), *_beside(ours, theirs), *_memories(idle, busy, memory)), skipped=skipped)


def _stored(up: Product, parts: Mapping[str, Program], load: Load, seconds: float) -> Sample:
    """Return the CPU microseconds of each process for an event, from its request until it is stored and merged."""
    events = up.stored()
    before = {name: part.cpu_seconds() for name, part in _alone(parts)}
    load.slice(up.program.url, seconds, {})
    up.wait_until_shipped()
    time.sleep(SETTLE_SECONDS)
    after = {name: part.cpu_seconds() for name, part in _alone(parts)}
    return {name: (after[name] - before[name]) * 1e6 / (up.stored() - events) for name in after}


def _alone(parts: Mapping[str, Program]) -> Iterator[tuple[str, Program]]:
    """Yield the processes that work on events; the supervisor's own time would count theirs again."""
    return ((name, parts[name]) for name in PARTS)


def _logged(home: Path, load: Load, seconds: float) -> Sample:
    with nginx.logging_gif(home, SERVER_CORE) as (server, log):
        one = load.slice(server.url.rstrip("/"), seconds, {"nginx": server})
        with log.open("rb") as lines:
            logged = sum(1 for _ in lines)
        return {"nginx": one.cpu_us, "goaccess": nginx.goaccess_cpu_seconds(log) * 1e6 / logged}


def _figures(ours: list[Sample]) -> list[Figure]:
    what = "CPU of all processes for a stored event"
    return [
        Figure("chain.cpu_us", what, "us", tuple(sum(one.values()) for one in ours), at_most(90)),
        *(
            Figure(f"chain.{part}_us", f"of it {_WORDS[part]}", "us", tuple(one[part] for one in ours))
            for part in PARTS
        ),
    ]


def _beside(ours: list[Sample], theirs: list[Sample]) -> list[Figure]:
    if not theirs:
        return []
    mine, yardstick = ([sum(one.values()) for one in samples] for samples in (ours, theirs))
    return [
        Figure("chain.nginx_us", "CPU of nginx for a logged hit", "us", tuple(one["nginx"] for one in theirs)),
        Figure("chain.goaccess_us", "CPU of GoAccess for a logged hit", "us", tuple(one["goaccess"] for one in theirs)),
        Figure(
            "chain.cpu_ratio",
            "CPU of all processes for a stored event, to nginx and GoAccess",
            "x",
            ratios(mine, yardstick),
            at_most(5),
        ),
    ]


def _memory(parts: Mapping[str, Program]) -> Sample:
    each = {name: part.memory_mb() for name, part in _alone(parts)}
    return each | {"all": parts["up"].memory_mb()}


def _memories(idle: Sample, busy: Sample, all_of_it: list[float]) -> list[Figure]:
    return [
        Figure("chain.up_idle_mb", "memory of all processes of `up`, idle", "MB", (idle["all"],), at_most(900)),
        Figure("chain.up_mb", "memory of all processes of `up`, after each load", "MB", tuple(all_of_it), at_most(900)),
        *(Figure(f"chain.{part}_mb", f"of it {_WORDS[part]}, after the last", "MB", (busy[part],)) for part in PARTS),
    ]
