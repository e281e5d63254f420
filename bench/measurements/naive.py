"""The collector beside the naive build: one insert a request into the same embedded ClickHouse, plain and gathered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from bench import mixes
from bench.effort import Effort
from bench.figures import Figure, Findings, at_least, ratios
from bench.load import Load, Slice, missing
from bench.measurements.collector import take
from bench.processes import Program
from bench.servers import asgi, clickhouse, collector
from pipeline.database.access import read_passwords
from pipeline.database.client import connect
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings

TABLE = """CREATE TABLE IF NOT EXISTS pixel.naive (at DateTime64(3), address String, agent String, page String,
referrer String, cookie String, nonce UInt64) ENGINE = MergeTree ORDER BY at"""
COLLECTOR, PLAIN, GATHERED = "collector, fsync", "one insert a request", "async_insert"


def measure(effort: Effort) -> Findings:
    if lacking := missing("wrk"):
        return Findings(skipped=(f"naive: {lacking} is not installed",))
    effort.say("starting ClickHouse")
    with ExitStack() as stack:
        database, settings = stack.enter_context(clickhouse(effort.scratch / "var"))
        migrate(settings)
        with connect(settings, "pixel_migrator") as client:
            client.command(TABLE)
        load = Load(mixes.design, effort.scratch)
        ours = stack.enter_context(collector(effort.scratch / "collector"))
        slices = {COLLECTOR: lambda: load.slice(ours.url, effort.seconds, {"server": ours})}
        for name, gathered in ((PLAIN, ""), (GATHERED, "1")):
            app = stack.enter_context(asgi("bench.yardsticks.naive:app", _access(settings, gathered)))
            slices[name] = _slice(load, effort, {"server": app, "database": database})
        taken = take(slices, effort)
    return Findings((*_beside(taken, PLAIN, "naive.plain"), *_beside(taken, GATHERED, "naive.async_insert")))


def _slice(load: Load, effort: Effort, programs: Mapping[str, Program]) -> Callable[[], Slice]:
    return lambda: load.slice(programs["server"].url, effort.seconds, programs)


def _access(settings: Settings, gathered: str) -> dict[str, str]:
    return {
        "NAIVE_PORT": str(settings.clickhouse.port),
        "NAIVE_USER": "pixel_migrator",
        "NAIVE_PASSWORD": read_passwords(settings)["pixel_migrator"],
        "NAIVE_ASYNC": gathered,
    }


def _beside(taken: Mapping[str, list[Slice]], name: str, key: str) -> list[Figure]:
    ours, naive = taken[COLLECTOR], taken[name]
    target = at_least(100) if name == PLAIN else None
    return [
        Figure(f"{key}.hits", f"hits of the naive build, {name}", "/s", tuple(one.per_second for one in naive)),
        Figure(
            f"{key}.cpu_us",
            f"CPU of the naive build and its ClickHouse for a hit, {name}",
            "us",
            tuple(one.cpu_us for one in naive),
        ),
        Figure(
            f"{key}.app_us", f"of it the application, {name}", "us", tuple(one.cpu_us_of("server") for one in naive)
        ),
        Figure(
            f"{key}.hits_ratio",
            f"hits a second of the collector, to the naive build, {name}",
            "x",
            ratios([one.per_second for one in ours], [one.per_second for one in naive]),
            target,
        ),
        Figure(
            f"{key}.cpu_ratio",
            f"CPU of the naive build for a hit, to the collector, {name}",
            "x",
            ratios([one.cpu_us for one in naive], [one.cpu_us for one in ours]),
            target,
        ),
    ]
