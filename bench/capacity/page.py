"""`python -m bench.capacity`: write docs/capacity.md from the costs in bench/results.json; `make bench` does it as well."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from bench import results
from bench.capacity.backlog import outage
from bench.capacity.group_commit import LoopCosts, simulate, uneven
from bench.capacity.parts import BUSY, DAY, Costs, limits, machines_for, spool_seconds, stored_gb
from bench.load import CONNECTIONS
from bench.results import Result
from pipeline.settings import sections

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "docs" / "capacity.md"

MACHINES: Final = (("1 with 2 cores", 1, 2), ("1 with 16 cores", 1, 16), ("8 with 16 cores", 8, 16))
INSTALLATIONS: Final = (
    ("clinic", 20_000),
    ("network of 500 clinics", 10_000_000),
    ("national portal", 200_000_000),
    ("internet scale", 6_000_000 * DAY),
)
BUSIEST: Final = 2.0
"""The busiest hour of a day beside the day's mean."""
SITES: Final = 3
"""Sites of the table over which the reports are measured."""
DISKS: Final = (0.00005, 0.001, 0.005, 0.008)
LOADS: Final = (0.1, 0.5, 0.8, 0.95)
SPREAD: Final = 0.5
HITS: Final = 50_000
OUTAGES: Final = ((20, 1), (20, 8), (20, 72), (1_000, 1), (1_000, 8))
"""Mean events a second, and hours without ClickHouse."""


NEEDED: Final = ("collector", "chain", "drain", "groups", "disk")
"""The measurements whose figures the page needs."""


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__).parse_args()
    known = results.read()
    if missing := [name for name in NEEDED if name not in known]:
        raise SystemExit(
            f"bench.capacity: run `make bench`, which measures the costs; not measured: {', '.join(missing)}"
        )
    write(known)


def write(known: Mapping[str, Result]) -> None:
    """Write docs/capacity.md; leave it as it is while a measurement is missing."""
    if all(name in known for name in NEEDED):
        PAGE.write_text(as_text(known))


def as_text(known: Mapping[str, Result]) -> str:
    """Return docs/capacity.md for measured results."""
    of = {key: figure.median for key, figure in results.by_key(known).items()}
    costs = Costs(
        collector_us=of["chain.collect_us"],
        ship_us=of["chain.ship_us"],
        clickhouse_us=of["chain.clickhouse_us"],
        spool_bytes=of["groups.line_bytes"],
        stored_bytes=of["disk.clinic.bytes"],
    )
    loop = loop_costs(of)
    spool_mb = sections.Spool().max_mb
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 - Markdown
    environment.globals.update(us=_us, ms=_ms, number=_number, percent=_percent, gb=_gb, hours=_hours)
    facts = known["chain"].machine
    return environment.from_string((HERE / "page.md.jinja").read_text()).render(
        machine=f"{facts['processor']}, {facts['cores']} cores, {facts['memory']} of memory, Python {facts['Python']}",
        costs=costs,
        loop=loop,
        busy=BUSY,
        machines=[_machine(costs, *machine) for machine in MACHINES],
        installations=[_installation(costs, *one) for one in INSTALLATIONS],
        internet_gb=stored_gb(costs, INSTALLATIONS[-1][1], days=1),
        rows_days=sections.Retention().rows_days,
        spread=SPREAD,
        loads=LOADS,
        waits=[_waits(loop, disk) for disk in DISKS],
        model=simulate(loop, uneven(of["groups.sync_ms"] / 1e3, spread=SPREAD), hits=HITS, seed=1, clients=CONNECTIONS),
        measured_rate=of["collector.fsync.hits"],
        publishing=of.get("reports.1000000.publishing", 0.0) / SITES,
        drain=of["drain.ship_rows"],
        spool_mb=spool_mb,
        outages=[_outage(costs, of["drain.ship_rows"], spool_mb, *one) for one in OUTAGES],
    )


def loop_costs(of: Mapping[str, float]) -> LoopCosts:
    """Return the costs of the event loop from the medians by key; under load about half of the connections are in one group."""
    group, answer = of["groups.group_us"] / 1e6, of["groups.answer_us"] / 1e6
    hit = of["collector.fsync.cpu_us"] / 1e6 - answer - group / (CONNECTIONS / 2)
    return LoopCosts(hit=hit, group=group, answer=answer)


def _machine(costs: Costs, name: str, machines: int, cores: int) -> dict[str, Any]:
    first, second = limits(costs, machines=machines, cores=cores)
    return {"name": name, "first": first, "second": second, "a_day": first.rate / BUSIEST * DAY}


def _installation(costs: Costs, name: str, a_day: int) -> dict[str, Any]:
    rate = a_day / DAY * BUSIEST
    large = machines_for(costs, rate, cores=16)
    return {
        "name": name,
        "a_day": a_day,
        "rate": rate,
        "small": machines_for(costs, rate, cores=2),
        "large": large,
        "away": spool_seconds(costs, rate / large, spool_mb=sections.Spool().max_mb),
        "kept_gb": stored_gb(costs, a_day, days=sections.Retention().rows_days),
        "year_gb": stored_gb(costs, a_day, days=365),
    }


def _waits(loop: LoopCosts, disk: float) -> dict[str, Any]:
    answers = [
        simulate(loop, uneven(disk, spread=SPREAD), hits=HITS, seed=1, rate=load * loop.most_hits) for load in LOADS
    ]
    return {"disk": f"{1e3 * disk:g} ms", "answers": answers}


def _outage(costs: Costs, drain: float, spool_mb: int, mean: int, hours: int) -> dict[str, Any]:
    backlog = outage(mean, drain, begins=8 * 3600.0, lasts=hours * 3600.0)
    size = backlog.most * costs.spool_bytes
    return {
        "mean": mean,
        "lasts": hours * 3600.0,
        "backlog": backlog,
        "gb": size / 1e9,
        "is_over": size > spool_mb * 1024 * 1024,
    }


def _us(value: float) -> str:
    return f"{value:.0f} µs"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f}" if seconds < 0.1 else f"{1e3 * seconds:.0f}"


def _number(value: float) -> str:
    """Return a number with two significant digits at most where it is large: a model is not more exact."""
    if value < 100:
        return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
    digits = len(str(int(value))) - 2
    return f"{round(value, -digits):,.0f}"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _gb(value: float) -> str:
    if value < 1:
        return f"{_number(1e3 * value)} MB"
    return f"{_number(value)} GB" if value < 1e3 else f"{_number(value / 1e3)} TB"


def _hours(seconds: float) -> str:
    if math.isinf(seconds):
        return "never"
    if seconds < 3600:
        return f"{math.ceil(seconds / 60)} min"
    return f"{_number(seconds / 3600)} h"
