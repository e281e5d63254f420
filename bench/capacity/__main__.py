"""`python -m bench.capacity`: write docs/capacity.md from the costs in bench/results.json."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from bench.capacity.backlog import outage
from bench.capacity.group_commit import LoopCosts, simulate, uneven
from bench.capacity.parts import BUSY, DAY, Costs, limits, machines_for, spool_seconds, stored_gb
from pipeline.settings import sections

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE.parent / "results.json"
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
DISKS: Final = (0.00005, 0.001, 0.005, 0.008)
LOADS: Final = (0.1, 0.5, 0.8, 0.95)
SPREAD: Final = 0.5
HITS: Final = 50_000
CLIENTS: Final = 64
OUTAGES: Final = ((20, 1), (20, 8), (20, 72), (1_000, 1), (1_000, 8))
"""Mean events a second, and hours without ClickHouse."""


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__).parse_args()
    if not RESULTS.exists():
        raise SystemExit(f"{RESULTS.name} is missing: run `make bench`, which measures the costs")
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


def page(results: dict[str, Any]) -> str:
    """Return docs/capacity.md for measured results."""
    costs, loop = costs_of(results), loop_of(results)
    spool_mb = sections.Spool().max_mb
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 - Markdown
    environment.globals.update(us=_us, ms=_ms, number=_number, percent=_percent, gb=_gb, hours=_hours)
    return environment.from_string((HERE / "page.md.jinja").read_text()).render(
        machine=results["machine"]["described"],
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
        check=simulate(
            loop, uneven(results["groups"]["sync_ms"] / 1e3, spread=SPREAD), hits=HITS, seed=1, clients=CLIENTS
        ),
        measured=results["collector"],
        drain=results["drain"]["rate"],
        spool_mb=spool_mb,
        outages=[_outage(costs, results["drain"]["rate"], spool_mb, *one) for one in OUTAGES],
    )


def _machine(costs: Costs, name: str, machines: int, cores: int) -> dict[str, Any]:
    first, second = limits(costs, machines=machines, cores=cores)
    return {"name": name, "first": first, "second": second, "a_day": first.rate / BUSIEST * DAY}


def _installation(costs: Costs, name: str, a_day: int) -> dict[str, Any]:
    rate = a_day / DAY * BUSIEST
    return {
        "name": name,
        "a_day": a_day,
        "rate": rate,
        "small": machines_for(costs, rate, cores=2),
        "large": machines_for(costs, rate, cores=16),
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


if __name__ == "__main__":
    main()
