"""The lines of the journal, and the state of a plan that follows from them.

Owns the kinds of lines of `pipeline.delivery.journal`, as JSON in the lines of `pipeline.spool.framing`; pure. Rules: every
line is complete in itself (only the last one about a batch counts), and is true or harmless even when its write was reported
as failed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pipeline.delivery.plan import Plan
from pipeline.errors import BAD_JSON
from pipeline.spool.framing import framed, unframed


class _Line(msgspec.Struct, frozen=True, tag_field="is"):
    pass


class Begun(_Line, frozen=True, tag="begun"):
    """A plan was opened: its segments belong together until it is closed."""

    plan: Plan


class _BatchLine(_Line, frozen=True):
    plan: str
    batch: str


class Intent(_BatchLine, frozen=True, tag="intent"):
    """A batch of `rows` rows is about to be sent with the token `batch/generation`."""

    generation: int
    rows: int


class Done(_BatchLine, frozen=True, tag="done"):
    """All rows of the batch were read back; `rows` is their number."""

    rows: int


class Split(_BatchLine, frozen=True, tag="split"):
    """The batch holds a row that the table refuses: its two halves are sent as separate batches."""


class Unstorable(_BatchLine, frozen=True, tag="unstorable"):
    """The batch is one row that the table refuses; the row is rejected."""


class Stuck(_BatchLine, frozen=True, tag="stuck"):
    """Not all rows were read back, `rows` is their number: the batch is left as it is, its segments go to quarantine."""

    rows: int


class Finished(_Line, frozen=True, tag="finished"):
    """Every batch of the plan has its outcome: the segments may be removed."""

    plan: str


class Closed(_Line, frozen=True, tag="closed"):
    """The plan's segments are removed; the journal may forget the plan."""

    plan: str


BatchLine = Intent | Done | Split | Unstorable | Stuck
Line = Begun | Finished | Closed | BatchLine


class OpenPlan:
    """A plan and the last line about each of its batches."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.batches: dict[str, BatchLine] = {}
        self.finished = False

    @property
    def stuck(self) -> bool:
        """Whether a batch of it is stuck."""
        return any(isinstance(line, Stuck) for line in self.batches.values())

    def lines(self) -> list[Line]:
        """Return the fewest lines that give this state."""
        end: list[Line] = [Finished(self.plan.id)] if self.finished else []
        return [Begun(self.plan), *self.batches.values(), *end]


_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def frames(lines: Iterable[Line]) -> bytes:
    """Return lines as the text of the journal."""
    return b"".join(framed(_encode(line)) for line in lines)


def parse(raw: bytes) -> Line | None:
    """Return the line of its text (with its newline), or None for a damaged one."""
    body = unframed(raw)
    if isinstance(body, str):
        return None
    try:
        return _decoder.decode(body)
    except BAD_JSON:
        return None
