"""Removes a segment when every record in it has its outcome, and keeps the lines that could not be read.

Owns the last step of a plan. Rules: bad lines are in quarantine, on disk, before the segment is removed; every step may
run twice, because the worker may be killed between any two; a missing file is no error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import Retryable
from pipeline.spool.records import BadLine
from pipeline.spool.segments import QUARANTINE
from pipeline.system.durable_files import LOCAL_FILES, FileSystem, make_directory, replacing, write_all


def set_bad_lines_aside(
    spool: Path, bad_lines: Mapping[str, Sequence[BadLine]], files: FileSystem = LOCAL_FILES
) -> None:
    """Copy the lines that are not records to `quarantine/<segment>.bad` and sync them.

    Raises `Retryable` when the disk refuses.
    """
    if not bad_lines:
        return
    aside = spool / QUARANTINE
    try:
        make_directory(aside)
        for segment, lines in bad_lines.items():
            _copy_lines(spool / segment, aside / f"{segment}.bad", lines, files)
    except OSError as error:
        raise Retryable(f"{aside}: bad lines cannot be copied to quarantine: {error.strerror}") from None


def retire(spool: Path, segments: Sequence[str], *, keep: bool, files: FileSystem = LOCAL_FILES) -> None:
    """Remove these segments, or with `keep` move them to quarantine.

    Raises `Retryable` when the disk refuses.
    """
    aside = spool / QUARANTINE
    try:
        if keep:
            make_directory(aside)
        for name in segments:
            if (spool / name).exists():
                if keep:
                    files.rename(spool / name, aside / name)
                else:
                    files.unlink(spool / name)
        # A power cut must not bring a name back after the journal has dropped its record of the segment.
        files.fsync_directory(spool)
        if keep:
            files.fsync_directory(aside)
    except OSError as error:
        raise Retryable(f"{spool}: shipped segments cannot be removed: {error.strerror}") from None


def _copy_lines(source: Path, target: Path, lines: Sequence[BadLine], files: FileSystem) -> None:
    with source.open("rb") as stream, replacing(target, files=files) as fd:
        for line in lines:
            stream.seek(line.offset)
            write_all(files, fd, stream.read(line.size))
