"""One record of the spool as one line of text, and the reading of a file of such lines.

Owns the records as JSON in the lines of `pipeline.spool.framing`. Rules:

* A line that fails any check is reported by place and reason, never by content, and never stops the reading.
* Memory is bounded by `MAX_LINE` for any file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from pipeline.errors import BAD_JSON
from pipeline.event import SpoolRecord
from pipeline.reasons import QuarantineReason
from pipeline.spool.framing import ADDED, framed, unframed

MAX_LINE = 256 * 1024  # an event is under 20 KB and a full counts record under 200 KB; a longer line is damaged

_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes], SpoolRecord] = msgspec.json.Decoder(SpoolRecord).decode


class BadLine(NamedTuple):
    """A line that is not a record: its first byte, the reason, and its size in bytes with its newline."""

    offset: int
    reason: QuarantineReason
    size: int


def frame(record: SpoolRecord) -> bytes:
    """Return the record's line.

    Raises `ValueError` on text that is not valid Unicode and on a record over `MAX_LINE`, which readers refuse.
    """
    body = _encode(record)
    if len(body) + ADDED > MAX_LINE:
        raise ValueError(f"a record of {len(body)} bytes is over {MAX_LINE}")
    return framed(body)


def parse(line: bytes) -> SpoolRecord | QuarantineReason:
    """Return the record of a whole line (with its newline), or the reason why it is not one."""
    body = unframed(line)
    if isinstance(body, str):
        return body
    try:
        return _decode(body)
    except BAD_JSON:
        return QuarantineReason.RECORD


def scan(stream: BinaryIO) -> Iterator[tuple[int, SpoolRecord | BadLine]]:
    """Yield every line of an open file, good or bad, with its end: the place of the first byte after it."""
    start = 0
    while line := stream.readline(MAX_LINE):
        record = parse(line)
        end = start + len(line)
        if isinstance(record, str):
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                record, end = QuarantineReason.TOO_LONG, end + _rest_of_line(stream)
            yield end, BadLine(start, record, end - start)
        else:
            yield end, record
        start = end


def _rest_of_line(stream: BinaryIO) -> int:
    size = 0
    while piece := stream.readline(MAX_LINE):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def read(path: Path) -> Iterator[SpoolRecord | BadLine]:
    """Yield the records of a segment in order, with a `BadLine` in the place of each damaged one.

    Raises `OSError` where the file cannot be read.
    """
    with path.open("rb") as stream:
        for _, record in scan(stream):
            yield record


def count_events(path: Path) -> int:
    """Return the number of events and measurements in a file, by first bytes and without a check: for display.

    Raises `OSError` where the file cannot be read.
    """
    with path.open("rb") as stream:
        return sum(
            1 for line in stream if line[8:27] == b' {"record":"event",' or line[8:31] == b' {"record":"technical",'
        )
