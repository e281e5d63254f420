"""The ten functions that take most of the time of the collector and of the shipper."""

from __future__ import annotations

from bench.effort import Effort
from bench.figures import Findings
from bench.load import missing
from bench.profile import collector_top, ship_top


def measure(effort: Effort) -> Findings:
    if lacking := missing("wrk"):
        return Findings(tables=(ship_top(effort),), skipped=(f"profile of the collector: {lacking} is not installed",))
    return Findings(tables=(collector_top(effort), ship_top(effort)))
