"""The key directory: one file per key, made atomically, read only where no other user can reach it.

Owns the names and every system call on key files; `pipeline.keys.ring` decides which key may be made. Rules:

* `YYYY-MM-DD.key` is one UTC day's key, `visitor-YYYY.key` the visitor key of a year, `click-YYYY-qN.key` that of the clicks of
  a quarter: 32 random bytes each, never
  derived from anything, so a destroyed key cannot be computed again.
* Processes agree on one key without coordination: each writes a file of its own and links it to the final name; the first
  link wins and every process reads that file.
* `NAME.destroyed` is written before a key is overwritten and is never removed. From then on the key is not read, and a
  new one under its name is never made.
* The directory must not be inside one that other programs read or back up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from pipeline.errors import BAD_JSON, Fatal
from pipeline.keys.tokens import KEY_BYTES
from pipeline.settings.model import Settings
from pipeline.system.durable_files import LOCAL_FILES, create_once, sweep_drafts
from pipeline.system.private_files import open_private, private_directory

KEY, DESTROYED = ".key", ".destroyed"
FileMark = tuple[int, int, int]
"""Inode, time of the last change (ns) and size of a file: another one means another content."""
_NAME: Final = re.compile(r"visitor-(?P<year>\d{4})|click-(?P<quarter>\d{4}-q[1-4])|(?P<day>\d{4}-\d\d-\d\d)", re.ASCII)


class KeyName(NamedTuple):
    """The name of a key, and the first and last day of its use."""

    text: str
    first: date
    last: date

    @classmethod
    def of_day(cls, epoch: date) -> KeyName:
        """Return the name of a day's key."""
        return cls(epoch.isoformat(), epoch, epoch)

    @classmethod
    @lru_cache(maxsize=4)  # asked for each hit with an id cookie
    def of_year(cls, epoch: date) -> KeyName:
        """Return the name of the visitor key of the year of `epoch`."""
        return cls(f"visitor-{epoch.year:04}", date(epoch.year, 1, 1), date(epoch.year, 12, 31))

    @classmethod
    def of_quarter(cls, epoch: date) -> KeyName:
        """Return the name of the click key of the quarter of `epoch`."""
        number = (epoch.month - 1) // 3 + 1
        first = date(epoch.year, 3 * number - 2, 1)
        last = date(epoch.year, 12, 31) if number == 4 else date(epoch.year, 3 * number + 1, 1) - timedelta(1)
        return cls(f"click-{epoch.year:04}-q{number}", first, last)

    @classmethod
    def parse(cls, text: str) -> KeyName | None:
        """Return the name that `text` spells, or None."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        try:
            if match["day"]:
                return cls.of_day(date.fromisoformat(match["day"]))
            if match["quarter"]:
                year, number = match["quarter"].split("-q")
                return cls.of_quarter(date(int(year), 3 * int(number), 1))
            return cls.of_year(date(int(match["year"]), 1, 1))
        except ValueError:
            return None

    def days(self) -> Iterator[date]:
        """Yield every day of its use."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(offset)


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """The record that a key was destroyed: when (UTC), by whom, and whether by its age or on a person's order."""

    key: str
    fingerprint: str
    at: datetime
    by: str
    cause: Literal["retention", "order"]
    reason: str


class KeyDirectory:
    """The files of one key directory; made where it is missing.

    Raises `Fatal` where the directory is unsafe or inside one of the `forbidden` directories.
    """

    def __init__(self, path: Path, *, forbidden: Sequence[Path] = ()) -> None:
        for other in forbidden:
            if path.resolve().is_relative_to(other.resolve()):
                raise Fatal(f"{path}: keys must not be inside {other}; expected a directory that nothing else uses")
        self.path = private_directory(path)

    @classmethod
    def of(cls, settings: Settings) -> KeyDirectory:
        """Return the key directory of the settings; raises `Fatal` where it is unsafe."""
        return cls(settings.keys_dir, forbidden=(settings.spool_dir, settings.clickhouse_dir))

    def names(self, suffix: str = KEY) -> list[KeyName]:
        """Return the names that have a file with this suffix, in order of their days."""
        files = (entry.name for entry in self.path.iterdir() if entry.name.endswith(suffix))
        names = (KeyName.parse(file.removesuffix(suffix)) for file in files)
        return sorted((name for name in names if name is not None), key=lambda name: (name.last, name.first))

    def living(self) -> list[date]:
        """Return the days whose keys can be read, oldest first."""
        return [name.last for name in self.names() if name.first == name.last and self.lives(name)]

    def lives(self, name: KeyName) -> bool:
        """Return whether the key exists and its destruction has not begun."""
        return self.exists(name) and not self.exists(name, DESTROYED)

    def file(self, name: KeyName, suffix: str = KEY) -> Path:
        """Return the path of a key, or with `DESTROYED` of the record of its destruction."""
        return self.path / f"{name.text}{suffix}"

    def exists(self, name: KeyName, suffix: str = KEY) -> bool:
        """Return whether the file exists."""
        return os.path.lexists(self.file(name, suffix))

    def mark(self, name: KeyName) -> FileMark | None:
        """Return what tells the file of a key from another one that was put in its place, None without a file."""
        try:
            status = self.file(name).lstat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def read(self, name: KeyName) -> bytes | None:
        """Return the 32 bytes of a key; None where it is missing or destroyed.

        Raises `Fatal` where the file is unsafe or is not one complete key, `OSError` where it cannot be read.
        """
        if self.exists(name, DESTROYED):
            return None
        try:
            key = self.content(name)
        except FileNotFoundError:
            return None
        if len(key) != KEY_BYTES or not any(key):
            raise Fatal(
                f"{self.file(name)}: not a complete key ({len(key)} bytes); expected {KEY_BYTES} random bytes:"
                " copy it again from the host that made it"
            )
        return key

    def year_key(self, year: int) -> bytes | None:
        """Return the visitor key of a year; raises what `read` raises."""
        return self.read(KeyName.of_year(date(year, 1, 1)))

    def content(self, name: KeyName, suffix: str = KEY) -> bytes:
        """Return the content of a file; raises `Fatal` where it is unsafe, `OSError` where it cannot be read."""
        with os.fdopen(open_private(self.file(name, suffix), os.O_RDONLY), "rb") as stream:
            return stream.read(64 * 1024)

    def tombstone(self, name: KeyName) -> Tombstone | None:
        """Return the record of a key's destruction, or None; raises `Fatal` where the file is not such a record."""
        try:
            return msgspec.json.decode(self.content(name, DESTROYED), type=Tombstone)
        except FileNotFoundError:
            return None
        except BAD_JSON:
            raise Fatal(f"{self.file(name, DESTROYED)}: expected the record of a destroyed key (JSON)") from None

    def create(self, name: KeyName, content: bytes, suffix: str = KEY) -> bool:
        """Make a new file, complete and on disk before it has its name; return whether this call made it.

        Raises `OSError` where the disk fails; nothing is left behind then.
        """
        made = create_once(self.file(name, suffix), content)
        if made and suffix == KEY and self.exists(name, DESTROYED):
            self.unlink(name)  # destroyed while we made it
            made = False
        return made

    def overwrite(self, name: KeyName) -> None:
        """Replace a key's bytes by zeros in place, on disk when this returns."""
        with os.fdopen(open_private(self.file(name), os.O_WRONLY), "wb", buffering=0) as stream:
            stream.write(bytes(max(KEY_BYTES, os.fstat(stream.fileno()).st_size)))
            os.fsync(stream.fileno())

    def unlink(self, name: KeyName) -> None:
        """Delete a key's file, on disk when this returns."""
        self.file(name).unlink(missing_ok=True)
        self.sync()

    def sync(self) -> None:
        """Put the directory's names on disk."""
        LOCAL_FILES.fsync_directory(self.path)

    def sweep(self, *, before: float) -> None:
        """Delete the drafts of processes that ended while making a key, older than `before` (Unix time in seconds)."""
        sweep_drafts(self.path, before=before)
