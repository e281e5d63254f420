"""One collector worker beside an empty ASGI app on the same settings: CPU time, hits a second, p99, by mix of requests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from bench import mixes
from bench.effort import Effort
from bench.figures import Figure, Findings, at_least, at_most, ratios
from bench.load import Load, Slice, interleaved, missing
from bench.mixes import Mix
from bench.processes import LOAD_CORE, Program
from bench.servers import asgi, collector
from bench.yardsticks import nginx

EMPTY, FSYNC, INTERVAL = "empty ASGI app", "collector, fsync", "collector, interval"
ADVERSARIAL = "collector, adversarial mix"
EMPTY_BROWSERS, BROWSERS = "empty ASGI app, browsers' headers", "collector, browsers' headers"
EMPTY_BEHIND, BEHIND = "empty ASGI app behind nginx", "collector behind nginx"

Taken = dict[str, list[Slice]]


def measure(effort: Effort) -> Findings:
    if lacking := missing("wrk"):
        return Findings(skipped=(f"collector: {lacking} is not installed",))
    with ExitStack() as stack:
        empty = stack.enter_context(asgi("bench.yardsticks.empty:app"))
        fsync, interval, attacked = (
            stack.enter_context(collector(effort.scratch / name, durability))
            for name, durability in (("fsync", "fsync"), ("interval", "interval"), ("attacked", "fsync"))
        )
        slices = {
            EMPTY: slice_of(effort, mixes.design, empty),
            FSYNC: slice_of(effort, mixes.design, fsync),
            INTERVAL: slice_of(effort, mixes.design, interval),
            ADVERSARIAL: slice_of(effort, mixes.adversarial, attacked),
            EMPTY_BROWSERS: slice_of(effort, mixes.browsers, empty),
            BROWSERS: slice_of(effort, mixes.browsers, fsync),
        }
        lacking = missing("nginx")
        if not lacking:
            slices[EMPTY_BEHIND] = _behind(stack, effort, "empty", empty)
            slices[BEHIND] = _behind(stack, effort, "behind", fsync)
        taken = take(slices, effort)
    skipped = (f"behind nginx: {lacking} is not installed",) if lacking else ()
    return Findings((*beside_empty(taken), *_mixes(taken), *_faults(taken)), skipped=skipped)


def guarded(effort: Effort) -> Findings:
    """Measure only what `bench.check` compares."""
    if lacking := missing("wrk"):
        return Findings(skipped=(f"collector: {lacking} is not installed",))
    with (
        asgi("bench.yardsticks.empty:app") as empty,
        collector(effort.scratch / "fsync") as fsync,
        collector(effort.scratch / "attacked") as attacked,
    ):
        taken = take(
            {
                EMPTY: slice_of(effort, mixes.design, empty),
                FSYNC: slice_of(effort, mixes.design, fsync),
                ADVERSARIAL: slice_of(effort, mixes.adversarial, attacked),
            },
            effort,
        )
    return Findings((*beside_empty(taken), adversarial_ratio(taken)))


def take(slices: dict[str, Callable[[], Slice]], effort: Effort) -> Taken:
    """Return the interleaved slices, after one of each that only warms up."""
    interleaved(slices, 1, lambda text: effort.say(f"warm-up: {text}"))
    return interleaved(slices, effort.runs, effort.say)


def beside_empty(taken: Taken) -> list[Figure]:
    """Return the figures of the design's mix, for each durability that was measured."""
    empty = taken[EMPTY]
    found = [
        Figure("collector.empty.cpu_us", "CPU of an empty ASGI app for a request", "us", _cpu(empty)),
        Figure("collector.empty.hits", "answers of an empty ASGI app", "/s", _rate(empty)),
    ]
    for name, slices in ((name, taken[name]) for name in (FSYNC, INTERVAL) if name in taken):
        key = "collector." + name.rpartition(" ")[2]
        is_default = name == FSYNC
        found += [
            Figure(f"{key}.cpu_us", f"CPU of the {name}, for an accepted hit", "us", _cpu(slices)),
            Figure(
                f"{key}.cpu_ratio",
                f"CPU of the {name}, to an empty ASGI app",
                "x",
                ratios(_cpu(slices), _cpu(empty)),
                at_most(1.0) if is_default else None,
            ),
            Figure(f"{key}.hits", f"hits of the {name}", "/s", _rate(slices)),
            Figure(
                f"{key}.hits_ratio",
                f"hits a second of the {name}, to an empty ASGI app",
                "x",
                ratios(_rate(slices), _rate(empty)),
                at_least(1.0) if is_default else None,
            ),
            Figure(
                f"{key}.p99_ratio",
                f"p99 of the {name}, to an empty ASGI app",
                "x",
                ratios([one.p99_ms for one in slices], [one.p99_ms for one in empty]),
                at_most(2.0) if is_default else None,
            ),
        ]
    return found


def adversarial_ratio(taken: Taken) -> Figure:
    return Figure(
        "collector.adversarial.cpu_ratio",
        "CPU of a hit when every address, page, agent and cookie is new, to the usual mix",
        "x",
        ratios(_cpu(taken[ADVERSARIAL]), _cpu(taken[FSYNC])),
        at_most(3.0),
    )


def _mixes(taken: Taken) -> list[Figure]:
    found = [
        adversarial_ratio(taken),
        Figure(
            "collector.browsers.cpu_ratio",
            "CPU of a hit with the fifteen headers of a browser, to an empty ASGI app with the same",
            "x",
            ratios(_cpu(taken[BROWSERS]), _cpu(taken[EMPTY_BROWSERS])),
        ),
    ]
    if BEHIND not in taken:
        return found
    behind = [one.cpu_us_of("server") for one in taken[BEHIND]]
    empty = [one.cpu_us_of("server") for one in taken[EMPTY_BEHIND]]
    return [
        *found,
        Figure(
            "collector.behind.cpu_ratio",
            "CPU of a hit behind nginx, to an empty ASGI app behind nginx",
            "x",
            ratios(behind, empty),
        ),
        Figure(
            "collector.behind.nginx_us",
            "CPU of nginx as a proxy, for a hit",
            "us",
            tuple(one.cpu_us_of("nginx") for one in taken[BEHIND]),
        ),
    ]


def _faults(taken: Taken) -> list[Figure]:
    refused = sum(one.refused + one.lost for slices in taken.values() for one in slices)
    what = "requests of all slices without a 2xx answer; the rate limit is on"
    return [Figure("collector.refused", what, "", (refused,), at_most(0))]


def slice_of(effort: Effort, mix: Mix, server: Program) -> Callable[[], Slice]:
    """Return the function that puts one slice of load on a server."""
    return partial(Load(mix, effort.scratch).slice, server.url, effort.seconds, {"server": server})


def _behind(stack: ExitStack, effort: Effort, name: str, server: Program) -> Callable[[], Slice]:
    upstream = server.url.removeprefix("http://")
    # Beside wrk, so that the server's core has nothing but the server.
    front = stack.enter_context(nginx.proxy(effort.scratch / f"nginx-{name}", upstream, LOAD_CORE))
    programs = {"server": server, "nginx": front}
    load = Load(mixes.design, effort.scratch)
    return lambda: load.slice(front.url.rstrip("/"), effort.seconds, programs)


def _cpu(slices: list[Slice]) -> tuple[float, ...]:
    return tuple(one.cpu_us for one in slices)


def _rate(slices: list[Slice]) -> tuple[float, ...]:
    return tuple(one.per_second for one in slices)
