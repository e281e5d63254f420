"""The parts of an installation, and the load at which each of them gives out.

Owns the sums over CPU time, the one shipper of a machine, and disk. Pure: the measured costs are arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

BUSY: Final = 0.7
"""The share of its cores that an installation should use in its busiest hour: reports and upkeep need the rest."""
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs of one event: microseconds of CPU time by process, and bytes in the spool and in ClickHouse."""

    collector_us: float
    ship_us: float
    clickhouse_us: float
    spool_bytes: float
    stored_bytes: float

    @property
    def all_us(self) -> float:
        """Microseconds of CPU time in all processes."""
        return self.collector_us + self.ship_us + self.clickhouse_us


@dataclass(frozen=True, slots=True)
class Limit:
    """A part of the installation and the events a second at which it gives out."""

    part: str
    rate: float


def limits(costs: Costs, *, machines: int, cores: int) -> list[Limit]:
    """Return the limits of equal machines that each run collectors, one shipper and a ClickHouse, the lowest first.

    A collector has one process for each core, so its limit is that of all cores; a machine has one shipper, whose Python runs
    on one core.
    """
    all_parts = machines * cores * BUSY * 1e6 / costs.all_us
    shipper = machines * BUSY * 1e6 / costs.ship_us
    return sorted((Limit("cores", all_parts), Limit("shipper", shipper)), key=lambda limit: limit.rate)


def machines_for(costs: Costs, rate: float, *, cores: int) -> int:
    """Return the number of machines of so many cores that carry `rate` events a second in the busiest hour."""
    return math.ceil(rate / limits(costs, machines=1, cores=cores)[0].rate)


def stored_gb(costs: Costs, events_a_day: float, *, days: int) -> float:
    """Return the GB in ClickHouse after `days` days."""
    return events_a_day * days * costs.stored_bytes / 1e9


def spool_seconds(costs: Costs, rate: float, *, spool_mb: int) -> float:
    """Return the time that ClickHouse may be away before the spool of a machine is full."""
    return spool_mb * 1024 * 1024 / (rate * costs.spool_bytes)
