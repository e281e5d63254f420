"""The file operations that durability needs, behind one interface so that tests can make each of them fail.

Owns `FileSystem`, the operations of the spool and its recovery, `LocalFiles`, the real ones, and the replacement of a
whole file. Rules: no function here retries, hides or translates an error. A file that is replaced or created has its
old content or all of the new content at every moment: the new content is written to a draft `.NAME.<16 hex>.new` in the
same directory, synced and renamed. A failure removes the draft; after a kill `sweep_drafts` removes it. A new file is its owner's
alone, except in a directory that the administrator shares with a group (`is_shared`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final, Protocol

MB = 1024 * 1024
PRIVATE_FILE = 0o600  # spool files hold raw user agents until shipped
PRIVATE_DIRECTORY = 0o700
SHARED_FILE: Final = 0o660
SHARED_DIRECTORY: Final = stat.S_ISGID | 0o770
DRAFT: Final = ".new"
READABLE: Final = 0o644  # for files without private content, which other users may read


class FileSystem(Protocol):
    """The operations of an append-only log; every method raises `OSError` as the system call would."""

    def create(self, path: Path) -> int:
        """Create a file that must not exist; return a descriptor that reads anywhere and writes at the end."""
        ...

    def open(self, path: Path) -> int:
        """Open an existing file in the same way."""
        ...

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        ...

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """Return up to `size` bytes from `offset`."""
        ...

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Append and return the number of bytes written, which may be fewer than given."""
        ...

    def fdatasync(self, fd: int) -> None:
        """Sync the file's content to the disk."""
        ...

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file; an existing `new` is replaced."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        ...

    def fsync_directory(self, directory: Path) -> None:
        """Sync the names in `directory` to the disk."""
        ...

    def free_bytes(self, directory: Path) -> int:
        """Return the free bytes for an ordinary user."""
        ...


class LocalFiles:
    """The machine's own file system."""

    def create(self, path: Path) -> int:
        """Create with O_EXCL, mode 0600, or 0660 in a shared directory."""
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        if is_shared(path.parent.stat()):
            os.fchmod(fd, SHARED_FILE)  # not by the call above: a umask would take the group away
        return fd

    def open(self, path: Path) -> int:
        """Open without following a symbolic link."""
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)

    def close(self, fd: int) -> None:
        """See `FileSystem`."""
        os.close(fd)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """See `FileSystem`."""
        return os.pread(fd, size, offset)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """See `FileSystem`."""
        return os.write(fd, data)

    def fdatasync(self, fd: int) -> None:
        """See `FileSystem`."""
        os.fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """See `FileSystem`."""
        os.ftruncate(fd, size)

    def rename(self, old: Path, new: Path) -> None:
        """See `FileSystem`."""
        old.rename(new)

    def unlink(self, path: Path) -> None:
        """See `FileSystem`."""
        path.unlink()

    def fsync_directory(self, directory: Path) -> None:
        """See `FileSystem`."""
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free_bytes(self, directory: Path) -> int:
        """See `FileSystem`; root's reserve is not counted."""
        numbers = os.statvfs(directory)
        return numbers.f_bavail * numbers.f_frsize


LOCAL_FILES = LocalFiles()


def write_all(files: FileSystem, fd: int, data: bytes) -> None:
    """Append all of `data`, continuing after a short write.

    Raises `OSError`; the number of written bytes is then unknown, and the caller truncates.
    """
    taken = files.write(fd, data)
    while taken < len(data):
        more = files.write(fd, memoryview(data)[taken:])
        if more == 0:
            raise OSError("a write wrote no bytes")
        taken += more


@contextmanager
def replacing(
    path: Path, *, sync: bool = True, mode: int = PRIVATE_FILE, files: FileSystem = LOCAL_FILES
) -> Iterator[int]:
    """Replace a file's content by the bytes that the block writes to the yielded descriptor, whole or not at all.

    With `sync` it is on the disk when the block has ended. Raises `OSError`; the old content then stays, except after a
    failed sync of the directory: after a power cut the file then has either the old or the new content.
    """
    with _draft(path, mode, files) as (draft, fd):
        yield fd
        if sync:
            files.fdatasync(fd)
        files.rename(draft, path)
    if sync:
        files.fsync_directory(path.parent)


def replace(
    path: Path, content: bytes, *, sync: bool = True, mode: int = PRIVATE_FILE, files: FileSystem = LOCAL_FILES
) -> None:
    """Replace a file's content, whole or not at all; see `replacing`."""
    with replacing(path, sync=sync, mode=mode, files=files) as fd:
        write_all(files, fd, content)


def create_once(path: Path, content: bytes) -> bool:
    """Create a private file with this content unless the file exists; return whether this call created it.

    In both cases the file is on the disk when this returns. Raises `OSError`; this call then leaves no file behind.
    """
    with _draft(path, PRIVATE_FILE, LOCAL_FILES) as (draft, fd):
        write_all(LOCAL_FILES, fd, content)
        LOCAL_FILES.fdatasync(fd)
        try:
            os.link(draft, path)
            made = True
        except FileExistsError:
            made = False
        LOCAL_FILES.unlink(draft)
    LOCAL_FILES.fsync_directory(path.parent)
    return made


def sweep_drafts(directory: Path, *, before: float) -> None:
    """Remove drafts of killed processes, last written before a time (Unix seconds); raises `OSError`."""
    for draft in directory.glob(f".*{DRAFT}"):
        with suppress(FileNotFoundError):
            if draft.lstat().st_mtime < before:
                draft.unlink()


@contextmanager
def _draft(path: Path, mode: int, files: FileSystem) -> Iterator[tuple[Path, int]]:
    draft = path.with_name(f".{path.name}.{token_hex(8)}{DRAFT}")
    fd = files.create(draft)
    with ExitStack() as undo:
        undo.callback(files.close, fd)
        undo.callback(_remove_quietly, draft, files)
        if mode != PRIVATE_FILE:
            os.fchmod(fd, mode)
        give_to_owner(fd, path.parent)
        yield draft, fd
        undo.pop_all()
    files.close(fd)


def _remove_quietly(draft: Path, files: FileSystem) -> None:
    with suppress(OSError):
        files.unlink(draft)


def give_to_owner(fd: int, directory: Path) -> None:
    """Give a file made by root to the owner of its directory: a `sudo` must not lock the service out."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)


def is_shared(directory: os.stat_result) -> bool:
    """Return whether the processes of a group share a directory: setgid, and all rights for the group and none for others (2770).

    Only an administrator makes such a directory, never this software; the kernel gives its new files to the group.
    """
    return stat.S_IMODE(directory.st_mode) == SHARED_DIRECTORY


def make_directory(directory: Path) -> None:
    """Create a directory (0700, inside of a shared one 2770) and its missing parents, so that they survive a power cut, unless it exists.

    Raises `OSError`.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    if is_shared(directory.parent.stat()):
        with suppress(
            PermissionError
        ):  # a unit of systemd may forbid this bit; tmpfiles.d made the directories that matter
            directory.chmod(SHARED_DIRECTORY)
    LOCAL_FILES.fsync_directory(directory.parent)
