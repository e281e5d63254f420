"""The proof over a running system: nothing of the canaries was written, anywhere.

Owns what is searched: every file under the data directory that was written since the attack began (keys apart), what
ClickHouse compressed in it unpacked, every row of every table written since then, `/metrics`, and files named besides.
A file's change time cannot be set back, so an older file holds none of canaries that did not exist yet.

Rules: a canary of the user agent may stand in the spool, until shipped; nothing else may stand anywhere. What is found
is named by place and form, never shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

import urllib3
from clickhouse_connect.driver import Client

from pipeline.canary import CONTROL, Find, Search
from pipeline.clickhouse import connect
from pipeline.errors import Fatal
from pipeline.settings import Settings
from pipeline.unpack import gunzipped, unpacked

CLOCK_SECONDS = 1.0
"""By how much the clock of the file system may be behind ours."""


WINDOW = 4 * 2**20
CLICKHOUSE_DATA = "ClickHouse data"


class Leak(NamedTuple):
    """One canary where none may be: file or table and column, byte, and how it is written."""

    area: str
    where: str
    offset: int
    kind: str
    sent_in: str
    form: str
    bits: float


class Area(NamedTuple):
    """What was searched of one kind: files or tables, bytes; `marked`: the marker that may be there was found."""

    name: str
    pieces: int
    size: int
    marked: bool


class Proof(NamedTuple):
    """The result of one search. `waiting`: canaries of the user agent that `ship` has not read yet."""

    areas: tuple[Area, ...]
    leaks: tuple[Leak, ...]
    waiting: int
    older: int
    """Files left out because they were written before the attack."""
    chance: float

    def area(self, name: str) -> Area:
        """Return one area, empty when nothing of it was there."""
        return next((area for area in self.areas if area.name == name), Area(name, 0, 0, marked=False))


class Searching:
    """Gathers the figures of one proof while piece after piece is searched."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._areas: dict[str, Area] = {}
        self._leaks: list[Leak] = []
        self._waiting: set[tuple[str, str]] = set()
        self.older = 0

    def piece(self, area: str, where: str, chunks: Iterable[bytes], *, may_wait: bool = False) -> None:
        """Search one file, table or answer."""
        seen = self._areas.get(area, Area(area, 0, 0, marked=False))
        size, marked = seen.size, seen.marked

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                size += len(chunk)
                yield chunk

        for find in self._search.finds(counted()):
            canary = find.form.canary
            if canary.place == CONTROL:
                marked = True
            elif may_wait and canary.waits:
                self._waiting.add((where, canary.kind))
            else:
                self._leaks.append(_leak(area, where, find))
        self._areas[area] = Area(area, seen.pieces + 1, size, marked)

    def proof(self) -> Proof:
        """Return what was found."""
        areas = tuple(self._areas.values())
        chance = self._search.chance(sum(area.size for area in areas))
        return Proof(areas, tuple(self._leaks), len(self._waiting), self.older, chance)


def search_files(searching: Searching, settings: Settings, roots: Sequence[Path], *, since_ns: int) -> None:
    """Search all files under `roots` but the keys; `since_ns` is Unix time in nanoseconds.

    Raises `Fatal` for a file it may not read.
    """
    oldest = since_ns - int(CLOCK_SECONDS * 1e9)
    for path in sorted({path for root in roots for path in _files(root, settings.keys_dir)}):
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_ctime_ns < oldest:
                    searching.older += 1
                else:
                    _search_file(searching, settings, path, file)
        except FileNotFoundError:
            continue  # shipped or merged away meanwhile
        except OSError as error:
            raise Fatal(f"{path}: cannot be searched: {error.strerror}; run it as the user of the collector") from None


def search_tables(searching: Searching, settings: Settings, *, since_ns: int) -> None:
    """Search every column of every table for rows written since then, as text and as ClickHouse's own bytes.

    Raises `Retryable` when ClickHouse is away.
    """
    client = connect(settings, "pixel_admin")
    try:
        for table in [row[0] for row in client.query("SHOW TABLES FROM pixel").result_rows]:
            columns = client.query(f"DESCRIBE TABLE pixel.{table}").result_rows
            times = [row[0] for row in columns if row[1].startswith("DateTime")]
            for column in (row[0] for row in columns):
                where = f"pixel.{table}.{column}"
                searching.piece("tables", where, _column(client, table, column, times, since_ns))
    finally:
        client.close()


def search_metrics(searching: Searching, url: str) -> None:
    """Search what `/metrics` answers on this machine."""
    answer = urllib3.request("GET", f"{url}/metrics", timeout=10.0, retries=False)
    searching.piece("metrics", "/metrics", [answer.data])


def _search_file(searching: Searching, settings: Settings, path: Path, file: BufferedReader) -> None:
    def windows() -> Iterator[bytes]:
        file.seek(0)
        return iter(partial(file.read, WINDOW), b"")

    area = _area(path, settings)
    searching.piece(area, str(path), windows(), may_wait=path.is_relative_to(settings.spool_dir.resolve()))
    if path.suffix == ".gz":
        searching.piece(area, f"{path}, unpacked", gunzipped(windows()))
    elif area == CLICKHOUSE_DATA and os.fstat(file.fileno()).st_size:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            searching.piece("ClickHouse data, unpacked", f"{path}, unpacked", unpacked(data))


def _column(client: Client, table: str, column: str, times: Sequence[str], since_ns: int) -> Iterator[bytes]:
    since = datetime.fromtimestamp(since_ns // 60_000_000_000 * 60, UTC).strftime("%Y-%m-%d %H:%M:%S")
    recent = " OR ".join(f"{name} >= toDateTime('{since}', 'UTC')" for name in times) or "1"
    for form in ("RowBinary", "TabSeparatedRaw"):
        # Names come from the server, the time from our clock.
        yield client.raw_query(f"SELECT `{column}` FROM pixel.{table} WHERE {recent}", fmt=form)  # noqa: S608


def _files(root: Path, keys: Path) -> Iterator[Path]:
    if root.is_file():
        yield root.resolve()
    for directory, folders, names in os.walk(root):
        place = Path(directory).resolve()
        folders[:] = [folder for folder in folders if place / folder != keys.resolve()]
        yield from (place / name for name in names if (place / name).is_file())


def _area(path: Path, settings: Settings) -> str:
    data = settings.data.resolve()
    if not path.is_relative_to(data):
        return "given with --also"
    first, *rest = path.relative_to(data).parts
    if first != settings.clickhouse_dir.name:
        return first if rest else "other files"
    return CLICKHOUSE_DATA if rest[0] == "data" else "ClickHouse logs and settings"


def _leak(area: str, where: str, find: Find) -> Leak:
    form = find.form
    return Leak(area, where, find.offset, form.canary.kind, form.canary.place, form.name, form.bits)
