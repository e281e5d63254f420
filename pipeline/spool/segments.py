"""The spool's files: their names, their order, and the process that holds them.

Owns the directory as a reader sees it. One file per segment, named `<slot>-<incarnation>-<seq>` and a suffix for its
state:

* `.open`     being written by the process that holds the slot's lock, or left behind by one that was killed;
* `.seg`      sealed: complete, never written again, may be shipped;
* `.suspect`  an fsync failed on it; evidence only, never shipped (its acknowledged events were copied, see `writer`);
* `.copy`     that copy while it is made; it becomes the `.seg` of the same name.

A slot is a name held by `flock` on `<slot>.lock`, which the kernel releases when the holder ends. The lock file keeps
the last incarnation, so that the next one is greater even when the clock was set back and every file has been shipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from pipeline.errors import Fatal, Retryable
from pipeline.system import locks
from pipeline.system.durable_files import make_directory

QUARANTINE = "quarantine"
MAX_SLOTS = 256  # four times the largest number of workers: one may restart while its old slot is still held
_NAME = re.compile(
    r"(?P<slot>[a-z][a-z0-9]{0,15})-(?P<incarnation>\d{14,18})-(?P<seq>\d{6,9})\.(?P<state>open|seg|suspect|copy)",
    re.ASCII,
)


class Segment(NamedTuple):
    """One file of the spool; `size` in bytes, `modified_ms` Unix time in milliseconds of its last write."""

    path: Path
    slot: str
    incarnation: int
    seq: int
    state: str
    size: int
    modified_ms: int

    @property
    def writer(self) -> str:
        """The process that wrote it: slot and incarnation, as in its name."""
        return self.path.name.rpartition("-")[0]


def parse_name(name: str) -> tuple[str, int] | None:
    """Return the writer and the number in the name of a segment; None for another name."""
    if _NAME.fullmatch(name) is None:
        return None
    writer, _, end = name.rpartition("-")
    return writer, int(end.partition(".")[0])


def segment_path(directory: Path, slot: str, incarnation: int, seq: int, state: str = "open") -> Path:
    """Return the path of a segment; incarnation and seq have fixed widths, so that names sort as numbers."""
    return directory / f"{slot}-{incarnation:014d}-{seq:06d}.{state}"


def listing(directory: Path) -> list[Segment]:
    """Return every segment in any state, oldest first; files that vanish meanwhile are left out."""
    found: list[Segment] = []
    if not directory.is_dir():
        return found
    with os.scandir(directory) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            found.append(
                Segment(
                    Path(entry.path),
                    match["slot"],
                    int(match["incarnation"]),
                    int(match["seq"]),
                    match["state"],
                    facts.st_size,
                    facts.st_mtime_ns // 1_000_000,
                )
            )
    # Across slots only the time of the last write shows which is older; equal times are ordered by name.
    return sorted(found, key=lambda segment: (segment.modified_ms, segment.incarnation, segment.seq, segment.slot))


def is_known(name: str) -> bool:
    """Return whether this is the name of a spool file."""
    return name.endswith(".lock") or _NAME.fullmatch(name) is not None


def sealed(directory: Path) -> list[Segment]:
    """Return the segments that may be shipped, oldest first."""
    return [segment for segment in listing(directory) if segment.state == "seg"]


def used_bytes(directory: Path) -> int:
    """Return the bytes of all files in the spool, quarantine included."""
    total = 0
    for place in (directory, directory / QUARANTINE):
        if place.is_dir():
            with os.scandir(place) as entries:
                for entry in entries:
                    try:
                        total += entry.stat(follow_symlinks=False).st_size
                    except FileNotFoundError:
                        continue  # shipped or set aside meanwhile
    return total


def is_held(directory: Path, slot: str) -> bool:
    """Return whether a running process holds the slot."""
    return locks.is_held(directory / f"{slot}.lock")


class Slot:
    """A held slot: this process alone writes and recovers its files until `release` or its end."""

    def __init__(self, directory: Path, name: str, lock: int) -> None:
        self.directory = directory
        self.name = name
        self._lock = lock

    @classmethod
    def take(cls, directory: Path, name: str) -> Self | None:
        """Return the slot, or None when another process holds it.

        Raises `OSError` when the lock file cannot be made, `Fatal` when it is not private.
        """
        make_directory(directory)
        try:
            lock = locks.take(directory / f"{name}.lock")
        except locks.Held:
            return None
        return cls(directory, name, lock)

    @classmethod
    def take_free(cls, directory: Path) -> Self:
        """Return the first free slot.

        Raises `Fatal` when the directory is not writable or every slot is held, `Retryable` when the disk fails.
        """
        try:
            for number in range(MAX_SLOTS):
                slot = cls.take(directory, f"w{number}")
                if slot is not None:
                    return slot
        except PermissionError:
            raise Fatal(f"{directory}: the spool directory must be writable for this user") from None
        except OSError as error:
            raise Retryable(f"{directory}: no slot of the spool can be locked: {error.strerror}") from None
        raise Fatal(f"{directory}: all {MAX_SLOTS} slots are held; stop collectors that need not run")

    def next_incarnation(self, now_ms: int) -> int:
        """Return a number greater than all earlier ones of this slot: the time, or one more than the last.

        Raises `OSError` when it cannot be kept on disk.
        """
        text = os.pread(self._lock, 20, 0).strip()
        last = int(text) if text.isdigit() else 0
        places = (self.directory, self.directory / QUARANTINE)
        seen = [int(match["incarnation"]) for place in places for match in _names(place) if match["slot"] == self.name]
        incarnation = max(now_ms, last + 1, *(number + 1 for number in seen))
        os.pwrite(self._lock, b"%014d\n" % incarnation, 0)
        os.fsync(self._lock)
        return incarnation

    def release(self) -> None:
        """Release the slot; the lock file stays, because it keeps the incarnation."""
        os.close(self._lock)


def _names(place: Path) -> Iterator[re.Match[str]]:
    if place.is_dir():
        for name in os.listdir(place):  # noqa: PTH208  names are enough here; no Path object for each
            match = _NAME.match(name)
            if match is not None:
                yield match
