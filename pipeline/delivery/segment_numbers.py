"""Notices segments that vanished from the spool before they were shipped.

Owns `segments.json` beside the journal. A writer numbers its segments from 1 without a gap. The numbers of segments that
are about to be removed are written here first, so a number that is neither here nor in the spool belongs to a segment that
something else deleted: its events are lost, and its counts with them.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from pipeline.clock import now_ms
from pipeline.errors import BAD_JSON, Retryable
from pipeline.spool.segments import Segment, parse_name
from pipeline.system.durable_files import replace

FILE: Final = "segments.json"
MOST_WRITERS: Final = 200
"""Incarnations of writers that are remembered; of those without a segment in the spool the oldest are forgotten."""
MOST_NAMED: Final = 1_000
"""Segments of one writer that one look names as lost, of a gap that is longer: a file with a wild number in its name makes a billion."""

log = logging.getLogger(__name__)


class _Numbers(msgspec.Struct):
    """All numbers below `next` and those in `beyond` are accounted for."""

    next: int = 1
    beyond: set[int] = set()

    def add(self, number: int) -> None:
        self.beyond.add(number)
        while self.next in self.beyond:
            self.beyond.remove(self.next)
            self.next += 1


class _Content(msgspec.Struct):
    writers: dict[str, _Numbers] = {}
    lost: dict[str, int] = {}
    """Name without ending -> when the loss was noticed, Unix milliseconds."""


def shipped_since(directory: Path, earlier: Path | None) -> int:
    """Return how many segments left the spool since an earlier copy of the file; all of them without a copy."""

    def numbers(file: Path) -> dict[str, int]:
        if not file.exists():
            return {}
        writers = msgspec.json.decode(file.read_bytes(), type=_Content).writers
        return {writer: known.next - 1 + len(known.beyond) for writer, known in writers.items()}

    before = numbers(earlier) if earlier else {}
    return sum(max(0, number - before.get(writer, 0)) for writer, number in numbers(directory / FILE).items())


class SegmentNumbers:
    """The numbers of one spool; two threads may use it. Raises `Retryable` where the disk refuses."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        self._lock = threading.Lock()
        self._suspected: set[str] = set()
        try:
            self._content = msgspec.json.decode(self._file.read_bytes(), type=_Content)
            self._begun = True
        except FileNotFoundError:
            self._content, self._begun = _Content(), False
        except (OSError, *BAD_JSON) as error:
            log.error("%s: cannot be read (%s); gaps are looked for from now on", self._file, type(error).__name__)  # noqa: TRY400
            self._content, self._begun = _Content(), False

    @property
    def lost(self) -> list[str]:
        """The segments that vanished, without the ending of their names, oldest first."""
        with self._lock:
            return list(self._content.lost)

    def account_for(self, names: Iterable[str]) -> None:
        """Take note that these segments are about to be removed or moved to quarantine; on disk when this returns."""
        with self._lock:
            for name in names:
                if (parsed := parse_name(name)) is not None:
                    writer, number = parsed
                    self._content.writers.setdefault(writer, _Numbers()).add(number)
            self._write()

    def look_for_gaps(self, present: Iterable[Segment]) -> list[str]:
        """Return the segments that vanished since the last look and take note of them.

        A gap counts when two looks in a row see it: a file may be renamed while the directory is read.
        """
        with self._lock:
            numbers: dict[str, set[int]] = {}
            for segment in present:
                numbers.setdefault(segment.writer, set()).add(segment.seq)
            if not self._begun:  # the first look of this version: what was shipped before is unknown
                for writer, found in numbers.items():
                    self._content.writers.setdefault(writer, _Numbers()).next = min(found)
                self._begun = True
            gaps = {
                name for writer in self._content.writers.keys() | numbers.keys() for name in self._gaps(writer, numbers)
            }
            vanished = sorted(gaps & self._suspected)
            self._suspected = gaps
            for name in vanished:
                writer, _, number = name.rpartition("-")
                self._content.writers.setdefault(writer, _Numbers()).add(int(number))
                self._content.lost[name] = now_ms()
            for writer, times in Counter(name.rpartition("-")[0] for name in vanished).items():
                if times == MOST_NAMED:
                    self._content.writers[writer] = _Numbers(max(numbers.get(writer, {0})))
                    log.error("%s: at least %d segments vanished; no more of this gap are named", writer, times)
            if vanished or len(self._content.writers) > MOST_WRITERS:
                self._forget(numbers)
                self._write()
            return vanished

    def _gaps(self, writer: str, numbers: dict[str, set[int]]) -> Iterable[str]:
        known = self._content.writers.get(writer, _Numbers())
        found = numbers.get(writer, set()) | known.beyond
        missing = (number for number in range(max(1, known.next), max(found, default=0)) if number not in found)
        return (f"{writer}-{number:06d}" for number in islice(missing, MOST_NAMED))

    def _forget(self, present: dict[str, set[int]]) -> None:
        absent = sorted(self._content.writers.keys() - present.keys(), key=lambda writer: writer.partition("-")[2])
        for writer in absent[: max(0, len(self._content.writers) - MOST_WRITERS)]:
            del self._content.writers[writer]

    def _write(self) -> None:
        try:
            replace(self._file, msgspec.json.encode(self._content))
        except OSError as error:
            raise Retryable(f"{self._file}: cannot be written: {error.strerror}") from None
