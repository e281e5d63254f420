"""Recovers the files that a killed writer left in the spool; the present holder of its slot does this.

Owns the recovery. Rules: it never deletes data; a failure on one file leaves that file for the next try, so it cannot
become a crash loop; and after a kill between any two of its steps it can begin again from the start. For each `.open`
file:

1. The bytes after the last good line are copied to `quarantine/` and synced, and only then cut off.
2. Events after the last counts record belong to a group that never ended, so they are not counted yet: they get a
   counts record of their own, so that offered = spooled + refused holds even after kill -9.
3. The file is synced and renamed `.seg`. A bad line before the last good one stays: its reader skips and counts it.

A `.copy` becomes the `.seg` of its name if the `.suspect` of that name exists (the copy was complete and synced before
the suspect was renamed); otherwise its source still exists and the copy is set aside. Files of unknown name are set
aside. To set a file aside means to move it to `quarantine/`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pipeline.durations import MINUTE_MS
from pipeline.event import Count, CountName, CountsRecord
from pipeline.spool.records import BadLine, frame, scan
from pipeline.spool.segments import QUARANTINE, Segment, Slot, is_known, listing
from pipeline.system.durable_files import LOCAL_FILES, MB, FileSystem, make_directory, write_all

_COUNTED_TOGETHER: tuple[CountName, ...] = ("offered", "spooled")


class Recovery(NamedTuple):
    """Counts: files sealed, events in them, bytes cut off, bad lines left in, files set aside, files that failed."""

    sealed: int = 0
    events: int = 0
    torn_bytes: int = 0
    bad_lines: int = 0
    set_aside: int = 0
    failed: int = 0

    def plus(self, other: Recovery) -> Recovery:
        """Return the sum of two recoveries."""
        return Recovery(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def recover(directory: Path, slot: str, *, files: FileSystem = LOCAL_FILES, live: int | None = None) -> Recovery:
    """Recover the files of earlier holders of `slot`, and set unknown files aside; the caller holds the slot.

    `live` is the incarnation that the caller itself writes; it is skipped. Errors are counted in `failed`, not raised.
    """
    done = Recovery()
    for segment in listing(directory):
        if segment.slot != slot or segment.incarnation == live:
            continue
        try:
            if segment.state == "open":
                done = done.plus(_recover_open(directory, segment, files))
            elif segment.state == "copy":
                done = done.plus(_recover_copy(directory, segment, files))
        except FileNotFoundError:
            continue  # set aside by another process meanwhile
        except OSError:
            done = done.plus(Recovery(failed=1))
    return done.plus(_set_unknown_aside(directory, files))


def recover_orphans(directory: Path, *, files: FileSystem = LOCAL_FILES) -> Recovery:
    """Recover every slot that has files to recover and no holder; the shipper calls this now and then."""
    done = Recovery()
    for name in sorted({segment.slot for segment in listing(directory) if segment.state in ("open", "copy")}):
        slot = Slot.take(directory, name)
        if slot is None:
            continue
        try:
            done = done.plus(recover(directory, name, files=files))
        finally:
            slot.release()
    return done


def _recover_open(directory: Path, segment: Segment, files: FileSystem) -> Recovery:
    final = segment.path.with_suffix(".seg")
    if final.exists():
        # The sealed file of that name is whole; this one came back after a power cut.
        _set_aside(directory, segment.path, files)
        return Recovery(set_aside=1)
    facts = _survey(segment.path)
    fd = files.open(segment.path)
    try:
        if facts.end < segment.size:
            _copy_tail(directory, segment, fd, facts.end, files)
            files.truncate(fd, facts.end)
        if facts.uncounted:
            write_all(files, fd, frame(_counts_of(segment.slot, facts.uncounted)))
        files.fdatasync(fd)
    finally:
        files.close(fd)
    if facts.end:
        files.rename(segment.path, final)
    else:
        files.unlink(segment.path)  # empty: its bytes are in quarantine
    files.fsync_directory(directory)
    return Recovery(int(facts.end > 0), facts.events, segment.size - facts.end, facts.bad_lines)


class _Survey(NamedTuple):
    end: int
    events: int
    bad_lines: int
    uncounted: Counter[int]


def _survey(path: Path) -> _Survey:
    end = events = bad_lines = bad_since = 0
    uncounted: Counter[int] = Counter()
    with path.open("rb") as stream:
        for line_end, record in scan(stream):
            if isinstance(record, BadLine):
                bad_since += 1
                continue
            end = line_end
            bad_lines, bad_since = bad_lines + bad_since, 0
            if isinstance(record, CountsRecord):
                uncounted.clear()
            else:
                events += 1
                uncounted[record.received_ms - record.received_ms % MINUTE_MS] += 1
    return _Survey(end, events, bad_lines, uncounted)


def _counts_of(slot: str, events_by_minute: Counter[int]) -> CountsRecord:
    counts = [
        Count(minute, name, value=value) for minute, value in events_by_minute.items() for name in _COUNTED_TOGETHER
    ]
    return CountsRecord(collector=slot, counts=counts)


def _copy_tail(directory: Path, segment: Segment, fd: int, start: int, files: FileSystem) -> None:
    target = _free_place(directory, f"{segment.path.name}.{start}.tail", files)
    copy_bytes(files, fd, target, start, segment.size)
    files.fsync_directory(target.parent)


def copy_bytes(files: FileSystem, source: int, target: Path, start: int, end: int) -> None:
    """Copy bytes `start` to `end` of an open file into a new file and sync it.

    Raises `OSError`, also when the source is shorter.
    """
    fd = files.create(target)
    try:
        while start < end:
            piece = files.read(source, min(MB, end - start), start)
            if not piece:
                raise OSError(f"{target.name}: the source ends early")
            write_all(files, fd, piece)
            start += len(piece)
        files.fdatasync(fd)
    finally:
        files.close(fd)


def _recover_copy(directory: Path, segment: Segment, files: FileSystem) -> Recovery:
    final = segment.path.with_suffix(".seg")
    if segment.path.with_suffix(".suspect").exists() and not final.exists():
        files.rename(segment.path, final)
        files.fsync_directory(directory)
        return Recovery(sealed=1, events=_survey(final).events)
    _set_aside(directory, segment.path, files)
    return Recovery(set_aside=1)


def _set_unknown_aside(directory: Path, files: FileSystem) -> Recovery:
    done = Recovery()
    for path in sorted(directory.iterdir()):
        if is_known(path.name) or path.is_dir():
            continue
        try:
            _set_aside(directory, path, files)
        except FileNotFoundError:
            continue
        except OSError:
            done = done.plus(Recovery(failed=1))
        else:
            done = done.plus(Recovery(set_aside=1))
    return done


def _set_aside(directory: Path, path: Path, files: FileSystem) -> None:
    target = _free_place(directory, path.name, files)
    files.rename(path, target)
    files.fsync_directory(target.parent)
    files.fsync_directory(directory)


def _free_place(directory: Path, name: str, files: FileSystem) -> Path:
    """Return an unused path in quarantine: a file set aside before is never overwritten."""
    aside = directory / QUARANTINE
    if not aside.exists():
        make_directory(aside)
        files.fsync_directory(directory)
    target, number = aside / name, 0
    while target.exists():
        number += 1
        target = aside / f"{name}.{number}"
    return target
