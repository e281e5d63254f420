"""The key directory: one file per key, made atomically, refused unless only its owner can read it.

Owns the names, the permissions and every system call on key files; `pipeline.keys` decides which key may exist. Rules:

* `YYYY-MM-DD.key` is one UTC day's key, `visitor-YYYY.key` the visitor key of a year: 32 random bytes each, never
  derived from anything, so nothing can bring a destroyed day back.
* Processes converge without coordination: each writes a file of its own and links it to the final name; one link wins
  and everybody reads the winner.
* `NAME.destroyed` is written before a key is overwritten and stays for good. From then on the key is not read, and a
  new one under its name is never made.
* Directory 0700, files 0600, own user, no symlink; never inside a directory that other programs read or back up.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.errors import Fatal
from pipeline.tokens import KEY_BYTES

KEY, DESTROYED, _TEMPORARY = ".key", ".destroyed", ".new"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_NAME: Final = re.compile(r"(?:visitor-(?P<year>\d{4})|(?P<day>\d{4}-\d\d-\d\d))", re.ASCII)


class KeyName(NamedTuple):
    """The name of a key and the days it is used on, first and last."""

    text: str
    first: date
    last: date

    @classmethod
    def of_day(cls, epoch: date) -> KeyName:
        """Return the name of a day's key."""
        return cls(epoch.isoformat(), epoch, epoch)

    @classmethod
    def of_year(cls, epoch: date) -> KeyName:
        """Return the name of the visitor key of the year that `epoch` lies in."""
        return cls(f"visitor-{epoch.year:04}", date(epoch.year, 1, 1), date(epoch.year, 12, 31))

    @classmethod
    def parse(cls, text: str) -> KeyName | None:
        """Return the name that `text` spells, or None."""
        match = _NAME.fullmatch(text)
        if match is None:
            return None
        try:
            if match["day"]:
                return cls.of_day(date.fromisoformat(match["day"]))
            return cls.of_year(date(int(match["year"]), 1, 1))
        except ValueError:
            return None

    def days(self) -> Iterator[date]:
        """Yield every day the key is used on."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(offset)


class KeyDirectory:
    """The files of one key directory; made with 0700 where it is missing.

    Raises `Fatal` where the directory is a symlink, is open to others, or stands in one of the `forbidden` directories.
    """

    def __init__(self, path: Path, *, forbidden: Sequence[Path] = ()) -> None:
        self.path = path
        for other in forbidden:
            if path.resolve().is_relative_to(other.resolve()):
                raise Fatal(f"{path}: keys must not stand in {other}; expected a directory that nothing else uses")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        self._check(path, path.lstat(), stat.S_ISDIR, "a directory", 0o700)

    def names(self, suffix: str = KEY) -> list[KeyName]:
        """Return the names that have a file with this suffix, in order of their days."""
        files = (entry.name for entry in self.path.iterdir() if entry.name.endswith(suffix))
        names = (KeyName.parse(entry.removesuffix(suffix)) for entry in files)
        return sorted((name for name in names if name is not None), key=lambda name: (name.last, name.first))

    def exists(self, name: KeyName, suffix: str = KEY) -> bool:
        """Tell whether the key, or with `DESTROYED` the record of its destruction, has a file."""
        return os.path.lexists(self.file(name, suffix))

    def file(self, name: KeyName, suffix: str = KEY) -> Path:
        """Return the path of a key or of its record of destruction."""
        return self.path / f"{name.text}{suffix}"

    def read(self, name: KeyName) -> bytes | None:
        """Return the 32 bytes of a key; None where there is none or it is destroyed.

        Raises `Fatal` on a file that others can reach, or that does not hold one whole key.
        """
        if self.exists(name, DESTROYED):
            return None
        try:
            key = self.content(name)
        except FileNotFoundError:
            return None
        if len(key) != KEY_BYTES or not any(key):
            raise Fatal(
                f"{self.file(name)}: not a whole key ({len(key)} bytes); expected {KEY_BYTES} random bytes:"
                " copy it again from the host that made it"
            )
        return key

    def content(self, name: KeyName, suffix: str = KEY) -> bytes:
        """Return what a file holds; raises `Fatal` where others can reach it, `OSError` where it cannot be read."""
        file = self.file(name, suffix)
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            if file.is_symlink():
                raise Fatal(f"{file}: is a symlink; expected a regular file") from None
            raise
        with os.fdopen(descriptor, "rb") as stream:
            self._check(file, os.fstat(descriptor), stat.S_ISREG, "a regular file", 0o600)
            return stream.read(64 * 1024)

    def create(self, name: KeyName, content: bytes, suffix: str = KEY) -> bool:
        """Make a file that was not there, whole and on disk before it has its name; tell whether ours is the one.

        Raises `OSError` where the disk fails; nothing is left behind then.
        """
        final = self.file(name, suffix)
        with self._temporary(final, content) as temporary:
            try:
                os.link(temporary, final)
                made = True
            except FileExistsError:
                made = False
        if made and suffix == KEY and self.exists(name, DESTROYED):
            final.unlink(missing_ok=True)  # destroyed while we made it
            made = False
        self.sync()
        return made

    def overwrite(self, name: KeyName) -> None:
        """Replace a key's bytes by zeros in place, on disk when this returns."""
        with os.fdopen(
            os.open(self.file(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "wb", buffering=0
        ) as stream:
            stream.write(bytes(max(KEY_BYTES, os.fstat(stream.fileno()).st_size)))
            os.fsync(stream.fileno())

    def unlink(self, name: KeyName) -> None:
        """Take a key's file away, on disk when this returns."""
        self.file(name).unlink(missing_ok=True)
        self.sync()

    def sync(self) -> None:
        """Put the directory itself on disk."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sweep(self, *, before: float) -> None:
        """Take away what processes that died while making a key left, older than `before` (Unix time in seconds)."""
        for left in self.path.glob(f".*{_TEMPORARY}"):
            with suppress(FileNotFoundError):
                if left.lstat().st_mtime < before:
                    left.unlink()

    @contextmanager
    def _temporary(self, final: Path, content: bytes) -> Iterator[Path]:
        temporary = self.path / f".{final.name}.{secrets.token_hex(8)}{_TEMPORARY}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
                if os.geteuid() == 0:  # run with sudo: the collector's own user must still be able to read it
                    owner = self.path.stat()
                    os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @staticmethod
    def _check(path: Path, status: os.stat_result, kind: Callable[[int], bool], expected: str, mode: int) -> None:
        if not kind(status.st_mode):
            what = "is a symlink" if stat.S_ISLNK(status.st_mode) else "is something else"
            raise Fatal(f"{path}: {what}; expected {expected}")
        if status.st_mode & _OTHERS:
            found = stat.S_IMODE(status.st_mode)
            raise Fatal(f"{path}: others can reach it (mode {found:04o}); expected {mode:04o}: chmod {mode:o} {path}")
        if status.st_uid != os.geteuid() and os.geteuid() != 0:
            raise Fatal(f"{path}: belongs to user {status.st_uid}; expected {os.geteuid()}, who runs this")
