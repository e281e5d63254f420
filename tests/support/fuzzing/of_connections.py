"""Raw bytes over a connection to a real collector: every complete request has its answer, each refusal its count, by both ways alike."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from itertools import pairwise
from typing import Any

from collector import process
from collector.connection import Connection
from collector.direct import DirectConnection
from pipeline.errors import Reason
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector
from pipeline.spool.records import frame
from support.edge import CLINIC
from support.fuzzing.of_hits import NOW_MS
from support.fuzzing.parser import ADDRESS, Parser, scratch, silent
from support.wire import Wire

STATUSES = frozenset({200, 204, 304, 404, 405, 426} | {reason.status for reason in Reason})
"""The statuses of a collector's answers; 500 is none of them."""


class _Both:
    """One collector for each way of a hit, in one loop."""

    def __init__(self) -> None:
        vars(process)["now_ms"] = lambda: NOW_MS  # so that both have the same time
        own = Collector.model_validate({"flood_per_minute": 0})
        settings = Settings(data=scratch() / "connections", sites=(CLINIC,), collector=own)  # one, so that the keys are
        self.loop = asyncio.new_event_loop()
        self.wires = [Wire(settings, way) for way in (DirectConnection, Connection)]
        for wire in self.wires:
            self.loop.run_until_complete(wire.process.start())

    def outcome(self, wire: Wire, pieces: list[bytes]) -> dict[str, Any]:
        """Return what becomes of a stream of bytes."""
        before, seen = wire.counts(), len(wire.events)
        said, closed = self.loop.run_until_complete(wire.exchange(pieces, ADDRESS))
        events, wire.events[:] = wire.events[seen:], []
        added = {key: count - before.get(key, 0) for key, count in wire.counts().items() if count != before.get(key, 0)}
        return {"answers": said, "closed": closed, "events": events, "counts": added}


@cache
def _both() -> _Both:
    return _Both()


def check_connection(data: bytes) -> None:
    """Send bytes, cut where a byte 0xff stands: the answers, the counts and the events are the same by both ways."""
    both = _both()
    places = [found.start() for found in re.finditer(rb"\xff", data)][:6]
    cut = [0, *places, len(data)]
    pieces = [piece for begin, end in pairwise(cut) if (piece := data[begin:end])]
    direct, reference = (both.outcome(wire, pieces) for wire in both.wires)
    statuses = [int(answer[9:12]) for answer in direct["answers"]]
    assert set(statuses) <= STATUSES, statuses
    refused = sum(number for (name, *_), number in direct["counts"].items() if name == "refused")
    # What ends in the middle of a request for another path is answered with 400 and concerns no hit.
    refused += statuses[-1:] == [400]
    assert refused >= sum(status >= 400 and status not in (404, 405, 426) for status in statuses), (
        "a refusal without its count"
    )
    for event in direct["events"]:
        silent(frame(event).decode())
    silent(*(answer.decode("latin-1") for answer in direct["answers"]))
    if ("refused", "bad_http", "") in direct["counts"]:
        # What is no HTTP ends a connection at once: the reference way may have left an answer before it unsent.
        direct.pop("answers")
        reference.pop("answers")
    assert direct == reference


PARSERS = (Parser("connection", check_connection, seconds=5.0),)
