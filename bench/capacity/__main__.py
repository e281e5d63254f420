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
