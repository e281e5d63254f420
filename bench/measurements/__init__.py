"""The measurements, in the order of the page: each is a module with one function `measure(effort)`."""

from __future__ import annotations

from collections.abc import Callable

from bench.effort import Effort
from bench.figures import Findings
from bench.measurements import (
    calls,
    chain,
    collector,
    disk,
    drain,
    groups,
    memory,
    naive,
    pages,
    problems,
    profiles,
    reports,
    startup,
    tag,
)

Measure = Callable[[Effort], Findings]

ALL: dict[str, Measure] = {
    "collector": collector.measure,  # CPU and latency of a hit, beside an empty ASGI app, by mix
    "naive": naive.measure,  # the same beside one insert a request
    "chain": chain.measure,  # CPU of all processes for a stored event, beside nginx and GoAccess; memory of `up`
    "drain": drain.measure,  # `ship` on a full spool, beside ready-made rows
    "groups": groups.measure,  # a group of the spool: its CPU time and its wait for the disk
    "disk": disk.measure,  # bytes of a stored event
    "reports": reports.measure,  # every report over a million rows and more
    "pages": pages.measure,  # every page of the dashboards over the same tables
    "problems": problems.measure,  # one evaluation of all problems on a day of a million events and more
    "memory": memory.measure,  # a worker, idle and after many hits
    "startup": startup.measure,  # `up` until the first accepted hit
    "tag": tag.measure,  # size of the tag
    "calls": calls.measure,  # Python calls of a hit and of a shipped event: exact
    "profiles": profiles.measure,  # the ten functions that take most of collector and shipper
}
