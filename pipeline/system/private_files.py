"""Directories and files that only their owner can read: keys, audit, secrets.

Owns the check and the opening of such files. Rules: directory 0700, file 0600, own user, no symlink; a wider mode is
refused, not corrected, because somebody may already have read the file. Root may work in another user's directory; its
new files there belong to that user, so that an operator's `sudo` does not lock the service out. If each process has a user of
its own, the administrator shares a directory with a group of them (`durable_files.is_shared`): its files are 0660.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

from pipeline.errors import Fatal
from pipeline.system.durable_files import SHARED_FILE, give_to_owner, is_shared, replace


class NotOurs(Fatal):
    """A directory or file that is private to another user."""


def private_directory(path: Path) -> Path:
    """Return the directory, created with 0700 if missing; raises `Fatal` if it is unsafe or cannot be created."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise Fatal(f"{path}: cannot be used: {error.strerror}; expected a directory of mode 0700") from None
    _check(path, status, stat.S_IFDIR, 0o700)
    return path


def open_private(file: Path, flags: int) -> int:
    """Return a descriptor of a regular file of mode 0600; `os.O_CREAT` creates it with this mode.

    Raises `Fatal` if the file is unsafe, `OSError` if it cannot be opened.
    """
    try:  # O_NONBLOCK: opening a planted FIFO must not block before it is refused
        descriptor = os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError:
        if file.is_symlink():
            raise Fatal(f"{file}: is a symlink; expected a regular file of mode 0600") from None
        raise
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        if flags & os.O_CREAT:
            _share(descriptor, file.parent)
            give_to_owner(descriptor, file.parent)
        _check(file, os.fstat(descriptor), stat.S_IFREG, 0o600)
        undo.pop_all()
    return descriptor


def replace_private(file: Path, content: bytes) -> None:
    """Replace the content of a file of mode 0600, whole or not at all; it is on disk when this returns.

    Raises `Fatal` if the directory is unsafe, `OSError` if the disk refuses; the old content then stays.
    """
    private_directory(file.parent)
    replace(file, content)


def may_reach(directory: Path) -> bool:
    """Return whether this process may read a directory, or make it where it is missing, as far as the system says."""
    if directory.exists():
        return os.access(directory, os.R_OK | os.X_OK)
    return not directory.parent.exists() or os.access(directory.parent, os.W_OK | os.X_OK)


def others_reach(path: Path, status: os.stat_result) -> bool:
    """Return whether users who must not can reach a private directory, or a private file of a private directory."""
    wide = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return bool(wide & ~stat.S_IRWXG if _group(path, status) == status.st_gid else wide)


def _group(path: Path, status: os.stat_result) -> int | None:
    """Return the group that shares a directory, or the directory of a file."""
    directory = status if stat.S_ISDIR(status.st_mode) else path.parent.stat()
    return directory.st_gid if is_shared(directory) else None


def _share(descriptor: int, directory: Path) -> None:
    status = os.fstat(descriptor)
    is_new = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & ~0o600 == 0
    if is_new and is_shared(directory.stat()):
        os.fchmod(descriptor, SHARED_FILE)


def _check(path: Path, status: os.stat_result, kind: int, mode: int) -> None:
    expected = f"expected a {'directory' if kind == stat.S_IFDIR else 'regular file'} of mode {mode:04o}"
    if stat.S_IFMT(status.st_mode) != kind:
        raise Fatal(f"{path}: is {'a symlink' if stat.S_ISLNK(status.st_mode) else 'something else'}; {expected}")
    if others_reach(path, status):
        raise Fatal(f"{path}: others can reach it (mode {stat.S_IMODE(status.st_mode):04o}); {expected}")
    is_ours = os.geteuid() in (0, status.st_uid) or _group(path, status) in (os.getegid(), *os.getgroups())
    if not is_ours:
        raise NotOurs(f"{path}: belongs to user {status.st_uid}; {expected} of user {os.geteuid()}, who runs this")
