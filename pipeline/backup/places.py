"""The directories of a backup and its manifest, the list of its files.

Owns the names. A place (`backup DIR`) holds:

* `clinic-pixel-<UTC time>/`: one backup. `rows/<table>/<partition>.native.gz` are the rows of one day or month; `files/`
  are files of the data directory; `manifest.json` is written last, so a directory without it is no backup.
* `keys/`: the copies of the secret keys, one for all backups of the place, so that one file must end when its key ends.
* `lock`, `requests.lock`: held by the backup at work, and by the one that copies requests.
* `requests/`: the newest copy of the requests of persons, the blocks, the audit and the records of destroyed keys.

Rules: directories 0700, files 0600; a file of rows has the day on which its term ends.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

import msgspec

from pipeline.errors import Fatal
from pipeline.system import locks
from pipeline.system.durable_files import LOCAL_FILES, replace
from pipeline.system.private_files import open_private, private_directory
from pipeline.upgrades import stamp

FORMAT: Final = 1
LOCK, REQUESTS_LOCK = "lock", "requests.lock"
KEYS, REQUESTS, FILES, ROWS, MANIFEST = "keys", "requests", "files", "rows", "manifest.json"
_NAME: Final = re.compile(r"clinic-pixel-(\d{8}T\d{6}Z)")
_WORD: Final = re.compile(r"\w+", re.ASCII)
_PIECE: Final = 1024 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a backup: its path in it, size in bytes and SHA-256; rows also table, columns, number and last day."""

    path: str
    size: int
    sha256: str
    table: str = ""
    partition: str = ""
    columns: tuple[str, ...] = ()
    rows: int = 0
    ends: date | None = None
    """The first day on which these rows must not be kept any more."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for a path or a name that `backup` never writes: a manifest may have been edited by hand."""
        top, *below = PurePosixPath(self.path).parts
        if top != (ROWS if self.table else FILES) or not below or ".." in below or "\0" in self.path:
            raise ValueError("path")
        if not all(_WORD.fullmatch(name) for name in (*self.columns, *([self.table] if self.table else []))):
            raise ValueError("table or column")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The list of a backup's files; nothing that came after `made` is in it."""

    format: int
    version: str
    made: datetime
    schema: tuple[str, ...]
    data_format: int = stamp.FORMAT
    """Of spool and journal, as in `pipeline.upgrades.stamp`."""
    parts: tuple[Part, ...]

    def over(self, today: date) -> list[Part]:
        """Return the parts whose rows are beyond their term."""
        return [part for part in self.parts if part.ends is not None and part.ends <= today]


def name_of(made: datetime) -> str:
    """Return the name of the directory of a backup."""
    return f"clinic-pixel-{made.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def made_at(directory: Path) -> datetime | None:
    """Return when a backup was begun, by its name; None for another directory."""
    match = _NAME.fullmatch(directory.name)
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None


def backups(place: Path) -> list[Path]:
    """Return the directories of all backups of a place, finished or not, oldest first."""
    return sorted(
        path for path in place.glob("clinic-pixel-*") if path.is_dir() and not path.is_symlink() and made_at(path)
    )


@contextmanager
def one_backup(place: Path) -> Iterator[None]:
    """Keep other backups out of a place: the later one would remove the unfinished one. Raises `Fatal` where one is at work."""
    private_directory(place)
    try:
        lock = locks.take(place / LOCK)
    except locks.Held:
        raise Fatal(f"{place}: another backup is at work here; wait for its end") from None
    try:
        yield
    finally:
        os.close(lock)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Finish a backup; on disk when this returns."""
    replace(directory / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of a backup; raises `Fatal` for an unfinished or foreign one and for one of a newer version."""
    try:
        with os.fdopen(open_private(directory / MANIFEST, os.O_RDONLY), "rb") as stream:
            content = stream.read()
        form = msgspec.json.decode(content)
        numbers = (form.get("format"), form.get("data_format")) if isinstance(form, dict) else ()
        newest_known = (FORMAT, stamp.FORMAT)
        if any(
            isinstance(number, int) and number > known for number, known in zip(numbers, newest_known, strict=False)
        ):
            raise Fatal(
                f"{directory}: made by the newer clinic-pixel {form.get('version', '(version not recorded)')}; restore it with that version or a newer one"
            )
        return msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        raise Fatal(
            f"{directory}: no finished backup (no {MANIFEST}); expected a directory that `backup` made"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Fatal(f"{directory / MANIFEST}: damaged; restore another backup") from None


def newest(place: Path) -> Path:
    """Return the backup to restore: `place` itself, or the newest finished one in it; raises `Fatal` if there is none."""
    if (place / MANIFEST).exists():
        return place
    finished = [path for path in backups(place) if (path / MANIFEST).exists()]
    if not finished:
        raise Fatal(f"{place}: no finished backup; expected the DIR of `clinic-pixel backup DIR`")
    return finished[-1]


def verified(directory: Path, parts: Iterable[Part]) -> Iterator[Part]:
    """Yield each part after its size and checksum were compared; raises `Fatal` that names a missing or damaged file."""
    for part in parts:
        digest, size = hashlib.sha256(), 0
        try:
            with (directory / part.path).open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
        except FileNotFoundError:
            raise Fatal(f"{directory / part.path}: missing; this backup is not complete: restore another one") from None
        if (size, digest.hexdigest()) != (part.size, part.sha256):
            raise Fatal(f"{directory / part.path}: damaged (its checksum differs); restore another backup")
        yield part


def make_parents(directory: Path, path: str) -> Path:
    """Return the full path of a file in a private directory, after making the directories above it."""
    target = directory / path
    for parent in reversed([above for above in target.parents if above.is_relative_to(directory)]):
        private_directory(parent)
    return target


class _Counted:
    """A file for writing that knows its size and checksum."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size, self.digest = 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self.digest.update(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()


def write_part(directory: Path, path: str, pieces: Iterable[bytes], *, packed: bool = False, **facts: object) -> Part:
    """Write one file of a backup, on disk when this returns, and return its part; an earlier one is replaced."""
    target = make_parents(directory, path)
    target.unlink(missing_ok=True)
    with os.fdopen(LOCAL_FILES.create(target), "wb") as stream:
        counted = _Counted(stream)
        if packed:
            with gzip.GzipFile("", "wb", compresslevel=1, fileobj=counted, mtime=0) as pack:
                for piece in pieces:
                    pack.write(piece)
        else:
            for piece in pieces:
                counted.write(piece)
        stream.flush()
        os.fsync(stream.fileno())
    return msgspec.convert({"path": path, "size": counted.size, "sha256": counted.digest.hexdigest(), **facts}, Part)
