"""`clinic-pixel spool`: show the files between collector and ClickHouse, without changing them.

Owns the output of these commands. They only read, so they are safe beside a running collector and shipper; files that
the shipper removes meanwhile are left out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import Fatal
from pipeline.reasons import QuarantineReason
from pipeline.system.console import ConfigOption, FormatOption, Panel, errors, print_rows

if TYPE_CHECKING:
    from pipeline.spool.segments import Segment

_STATUS_COLUMNS = ("slot", "writer", "sealed", "open", "suspect", "bytes", "oldest_s", "events")
_VERIFY_COLUMNS = ("segment", "records", "bad_lines", "first_bad_offset", "reason")

_SegmentArgument = Annotated[
    str | None,
    typer.Argument(help="Name of a segment in the spool, or a path; default: all segments.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the group `spool`."""
    group = typer.Typer(help="Show the spool: events on disk that are not yet in ClickHouse.", no_args_is_help=True)
    group.command()(status)
    group.command()(cat)
    group.command()(verify)
    app.add_typer(group, name="spool", rich_help_panel=Panel.INSIDE)


def status(config: ConfigOption = None, form: FormatOption = None) -> None:
    """Show each slot: whether a collector runs, how many events wait and the age of the oldest."""
    from pipeline.settings import model as settings
    from pipeline.spool.segments import QUARANTINE, listing, used_bytes
    from pipeline.system.durable_files import LOCAL_FILES, MB

    loaded = settings.load(config)
    directory = loaded.spool_dir
    segments = listing(directory)
    names = {path.stem for path in directory.glob("*.lock")} | {segment.slot for segment in segments}
    rows = [_slot_row(directory, name, [one for one in segments if one.slot == name]) for name in sorted(names)]
    note = "No collector has written into this spool yet."
    if directory.is_dir():
        aside = sum(1 for _ in (directory / QUARANTINE).glob("*"))
        used, free = used_bytes(directory) / MB, LOCAL_FILES.free_bytes(directory) / MB
        note = (
            f"{used:,.0f} of {loaded.spool.max_mb:,} MB used; {free:,.0f} MB free on the disk"
            f" (hits are refused below {loaded.spool.min_free_mb:,}); {aside} files in quarantine"
        )
    print_rows(_STATUS_COLUMNS, rows, form, title=f"Spool {directory}", note=note)


def cat(segment: _SegmentArgument = None, config: ConfigOption = None) -> None:
    """Print records as JSON lines. They hold no address, but raw user agents: treat the output accordingly."""
    import msgspec

    from pipeline.spool.records import BadLine, read

    damaged = False
    for path in _present(_chosen(config, segment)):
        for record in read(path):
            if isinstance(record, BadLine):
                damaged = True
                errors.print(f"{path.name}: byte {record.offset}: {record.reason}", highlight=False, markup=False)
            elif not _written(msgspec.json.encode(record) + b"\n"):
                return
    if damaged:
        raise typer.Exit(1)


def verify(segment: _SegmentArgument = None, config: ConfigOption = None, form: FormatOption = None) -> None:
    """Check the checksum of every record, also in quarantine; exit code 1 if a record is damaged."""
    from rich.progress import track

    paths = list(_present(_chosen(config, segment, with_quarantine=True)))
    shown = track(paths, "checking", console=errors, transient=True, disable=not errors.is_terminal)
    rows = [_checked(path) for path in shown]
    bad = sum(1 for row in rows if row[2])
    records = sum(int(str(row[1])) for row in rows)
    note = f"{len(rows)} segments, {records:,} records, " + (f"damage in {bad}" if bad else "no damage")
    print_rows(_VERIFY_COLUMNS, rows, form, title="Spool", note=note)
    if bad:
        raise typer.Exit(1)


def _slot_row(directory: Path, name: str, segments: list[Segment]) -> tuple[object, ...]:
    import time

    from pipeline.spool.records import count_events
    from pipeline.spool.segments import is_held

    states = [one.state for one in segments]
    pending = [one for one in segments if one.state in ("seg", "open")]
    events = sum(count_events(path) for path in _present(one.path for one in pending))
    oldest = min((one.modified_ms for one in pending), default=None)
    age = "" if oldest is None else max(0, int(time.time() - oldest / 1000))
    writer = "running" if is_held(directory, name) else "none"
    size = sum(one.size for one in segments)
    return (name, writer, *(states.count(state) for state in ("seg", "open", "suspect")), size, age, events)


def _chosen(config: Path | None, segment: str | None, *, with_quarantine: bool = False) -> list[Path]:
    from pipeline.settings import model as settings
    from pipeline.spool.segments import QUARANTINE, listing

    directory = settings.load(config).spool_dir
    if segment is None:
        aside = sorted((directory / QUARANTINE).glob("*")) if with_quarantine else []
        return [*(one.path for one in listing(directory) if one.state in ("seg", "open")), *aside]
    for path in (directory / segment, Path(segment)):
        if path.is_file():
            return [path]
    raise Fatal(
        f"{segment}: neither a segment of {directory} nor a file; `clinic-pixel spool verify` lists the segments"
    )


def _present(paths: Iterable[Path]) -> Iterator[Path]:
    # A segment may be sealed or shipped after it was listed.
    for path in paths:
        if path.exists():
            yield path
        elif path.suffix == ".open" and path.with_suffix(".seg").exists():
            yield path.with_suffix(".seg")


def _checked(path: Path) -> tuple[object, ...]:
    from pipeline.spool.records import BadLine, read
    from pipeline.spool.segments import QUARANTINE

    records, bad = 0, list[BadLine]()
    for record in read(path):
        if not isinstance(record, BadLine):
            records += 1
        elif not (
            record.reason is QuarantineReason.TORN and path.suffix == ".open"
        ):  # an unfinished last line is normal there
            bad.append(record)
    first = bad[0] if bad else None
    name = f"{QUARANTINE}/{path.name}" if path.parent.name == QUARANTINE else path.name
    return (name, records, len(bad), first.offset if first else "", first.reason if first else "")


def _written(data: bytes) -> bool:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader closed the pipe, as `spool cat | head` does; without this Python prints an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
