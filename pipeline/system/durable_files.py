"""The few file operations durability rests on, behind one seam so that tests can make each of them fail.

Owns `FileSystem`, what the spool and its recovery ask of a file system, and `LocalFiles`, the real one. Rules: nothing
here retries, hides or translates an error; a short write is returned, not completed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

MB = 1024 * 1024
PRIVATE_FILE = 0o600  # spool files hold raw user agents until shipped
PRIVATE_DIRECTORY = 0o700


class FileSystem(Protocol):
    """What an append-only log needs; every method raises `OSError` as the system call would."""

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
        """Append and return how many bytes were taken, which may be fewer than given."""
        ...

    def fdatasync(self, fd: int) -> None:
        """Return when the file's content is on the disk."""
        ...

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name; an existing `new` is replaced."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        ...

    def fsync_directory(self, directory: Path) -> None:
        """Return when the names in `directory` are on the disk."""
        ...

    def free_bytes(self, directory: Path) -> int:
        """Return the bytes an ordinary user may still write there."""
        ...


class LocalFiles:
    """The machine's own file system."""

    def create(self, path: Path) -> int:
        """Create with O_EXCL, mode 0600."""
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)

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
        """See `FileSystem`; counts what is free to an ordinary user, not to root."""
        numbers = os.statvfs(directory)
        return numbers.f_bavail * numbers.f_frsize


LOCAL_FILES = LocalFiles()


def write_all(files: FileSystem, fd: int, data: bytes) -> None:
    """Append all of `data`, going on after a short write.

    Raises `OSError`; how much was written is then unknown, and the caller truncates.
    """
    taken = files.write(fd, data)
    while taken < len(data):
        more = files.write(fd, memoryview(data)[taken:])
        if more == 0:
            raise OSError("a write took no bytes")
        taken += more


def make_directory(directory: Path) -> None:
    """Make a directory (0700) and those above it, so that they survive a power cut; nothing where it exists.

    Raises `OSError`.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    LOCAL_FILES.fsync_directory(directory.parent)
