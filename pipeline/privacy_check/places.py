"""Searches everything a running system wrote for canaries.

Owns the places to search: every file under the data directory that was written since the run began (without the keys),
ClickHouse's compressed data unpacked, every row of every table written since then, `/metrics`, and the files of `--also`.
A file's change time cannot be set back, so an older file cannot hold the run's canaries.

Rules: a canary of the user agent may be in the spool until shipped; no other may be found. A find is reported by place and
form; its text is never shown.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver import Client

from pipeline.database.client import of_each_shard
from pipeline.errors import Fatal, Retryable
from pipeline.privacy_check.byte_search import Find, Search
from pipeline.privacy_check.canaries import CONTROL
from pipeline.privacy_check.compressed import gunzipped, unpacked
from pipeline.settings.model import Settings
from pipeline.system.answers import answer_of

CLOCK_SECONDS = 1.0
"""Allowed lag of the file system's clock."""


WINDOW = 4 * 2**20
CLICKHOUSE_DATA = "ClickHouse data"
_TABLES = (  # the others hold no rows
    "SELECT name FROM system.tables WHERE database = 'pixel' AND engine NOT LIKE '%View' AND engine != 'Distributed'"
)


class Leak(NamedTuple):
    """One canary that was found: file or table and column, byte offset, form."""

    area: str
    where: str
    offset: int
    kind: str
    sent_in: str
    form: str


class Area(NamedTuple):
    """One kind of searched places: number of files or tables, bytes; `marked`: the run's marker was found there."""

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
        """Return one area, an empty one if it was not searched."""
        return next((area for area in self.areas if area.name == name), Area(name, 0, 0, marked=False))


class Searching:
    """Collects the results of one search, piece by piece."""

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

        finds = self._search.finds(counted())
        alike = Counter(find.form.name for find in finds if find.form.weak)
        for find in finds:
            canary = find.form.canary
            if find.form.weak and alike[find.form.name] < 2:
                continue
            if canary.place == CONTROL:
                marked = True
            elif may_wait and canary.waits:
                self._waiting.add((where, canary.kind))
            else:
                self._leaks.append(_leak(area, where, find))
        self._areas[area] = Area(area, seen.pieces + 1, size, marked)

    def proof(self) -> Proof:
        """Return the result."""
        areas = tuple(self._areas.values())
        chance = self._search.chance(sum(area.size for area in areas))
        return Proof(areas, tuple(self._leaks), len(self._waiting), self.older, chance)


def search_files(searching: Searching, settings: Settings, roots: Sequence[Path], *, since_ns: int) -> None:
    """Search all files under `roots` but the keys; `since_ns` is Unix time in nanoseconds.

    Raises `Fatal` for an unreadable file.
    """
    oldest = since_ns - int(CLOCK_SECONDS * 1e9)
    seen: set[Path] = set()
    missed = True
    while missed:
        missed = False
        for path in sorted({path for root in roots for path in _files(root, settings.keys_dir)} - seen):
            seen.add(path)
            try:
                with path.open("rb") as file:
                    if os.fstat(file.fileno()).st_ctime_ns < oldest:
                        searching.older += 1
                    else:
                        _search_file(searching, settings, path, file)
            except FileNotFoundError:
                missed = True  # removed or renamed: list the files again
            except OSError as error:
                raise Fatal(f"{path}: cannot be searched: {error.strerror}; run this as the collector's user") from None


def search_tables(searching: Searching, settings: Settings, *, since_ns: int) -> None:
    """Search every column of every table for rows written since then, as text and as ClickHouse's own bytes, on every shard.

    Raises `Retryable` when ClickHouse is unavailable.
    """
    of_each_shard(settings, "pixel_admin", lambda shard: _search_shard(searching, shard, since_ns))


def _search_shard(searching: Searching, client: Client, since_ns: int) -> None:
    for table in [row[0] for row in client.query(_TABLES).result_rows]:
        columns = client.query(f"DESCRIBE TABLE pixel.`{table}`").result_rows
        times = [row[0] for row in columns if row[1].startswith("DateTime")]
        recent = _recent(times, since_ns)
        rows = client.query(f"SELECT count() FROM pixel.`{table}` WHERE {recent}").result_rows[0][0]  # noqa: S608
        for column in (row[0] for row in columns) if rows else ():
            where = f"pixel.{table}.{column}"
            searching.piece("tables", where, _column(client, table, column, recent))


def search_metrics(searching: Searching, url: str) -> None:
    """Search the collector's `/metrics`; raises `Retryable` when it does not answer."""
    answer = answer_of(f"{url}/metrics", timeout=10.0)
    if answer is None:
        raise Retryable(f"no collector answers at {url}; start one with `clinic-pixel up`")
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


def _recent(times: Sequence[str], since_ns: int) -> str:
    """Return the condition for rows with a time since then, rounded down to the minute like the counters."""
    since = datetime.fromtimestamp(since_ns // 60_000_000_000 * 60, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return " OR ".join(f"{name} >= toDateTime('{since}', 'UTC')" for name in times) or "1"


def _column(client: Client, table: str, column: str, recent: str) -> Iterator[bytes]:
    for form in ("RowBinary", "TabSeparatedRaw"):
        # Names come from the server, the time from our clock.
        yield client.raw_query(f"SELECT `{column}` FROM pixel.`{table}` WHERE {recent}", fmt=form)  # noqa: S608


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
    return Leak(area, where, find.offset, form.canary.kind, form.canary.place, form.name)
