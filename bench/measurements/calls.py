"""Python calls of a hit and of a shipped event, counted by the interpreter: exact, on any machine and under any load."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import count, islice
from pathlib import Path
from types import FrameType
from typing import Any

from bench import mixes
from bench.effort import Effort
from bench.events import fill
from bench.figures import Figure, Findings
from bench.hit import in_process
from bench.mixes import Mix
from pipeline.clock import now_ms
from pipeline.delivery.build import build
from pipeline.delivery.plan import Plan
from pipeline.durations import DAY_MS
from pipeline.enrich.rows import Row
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.event import Event, Measurement
from pipeline.settings.model import Settings
from pipeline.spool.records import read

WARM_UP, HITS = mixes.TEMPLATES, 2_000
EVENTS = 5_000


def measure(effort: Effort) -> Findings:
    effort.say("hits")
    usual, new = (_of_a_hit(effort.scratch / mix.__name__, mix) for mix in (mixes.design, mixes.adversarial))
    effort.say("shipped events")
    what = "from its bytes to the spool, and its answer"
    return Findings(
        (
            Figure("calls.hit", f"Python calls of a hit, {what}", "", (usual,)),
            Figure("calls.hit_adversarial", "Python calls of a hit whose every part is new", "", (new,)),
            Figure(
                "calls.shipped",
                "Python calls of a shipped event, from the spool to its row",
                "",
                (_of_an_event(effort.scratch),),
            ),
        )
    )


def counted(work: Callable[[], object]) -> int:
    """Return the number of calls that a function makes, of Python's own functions and of those in C."""
    calls = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        if event in ("call", "c_call"):
            calls += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def _of_a_hit(data: Path, mix: Mix) -> float:
    templates, numbers = mix(now_ms() // DAY_MS), count(1)

    def requests(count: int) -> list[bytes]:
        return [mixes.filled(templates[number % len(templates)], number) for number in islice(numbers, count)]

    with in_process(data) as take:
        _all(take, requests(WARM_UP))
        measured = requests(HITS)
        return counted(lambda: _all(take, measured)) / HITS


def _all(take: Callable[[bytes], None], requests: Sequence[bytes]) -> None:
    for request in requests:
        take(request)


def _of_an_event(scratch: Path) -> float:
    full = scratch / "full"
    fill(full, EVENTS)
    tables = EnrichTables.load(Settings(data=scratch / "var"))
    plan = Plan.of({path.name: b"" for path in sorted(full.glob("*.seg"))}, EVENTS)

    def to_row(record: Event | Measurement, batch_id: str, _slot: str) -> Row:
        assert isinstance(record, Event)
        return enrich(record, tables, batch_id)

    def work() -> None:
        build(plan, lambda name: read(full / name), to_row)

    work()
    return counted(work) / EVENTS
