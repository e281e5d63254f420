"""Directories and files that only their owner can read: keys, audit, secrets.

Owns the check and the opening of such files. Rules: directory 0700, file 0600, own user, no symlink; a wider mode is
refused, not corrected, because somebody may already have read the file. Root may work in another user's directory; its
new files there belong to that user, so that an operator's `sudo` does not lock the service out.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

from pipeline.errors import Fatal
from pipeline.system.durable_files import give_to_owner, replace


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


def _check(path: Path, status: os.stat_result, kind: int, mode: int) -> None:
    expected = f"expected a {'directory' if kind == stat.S_IFDIR else 'regular file'} of mode {mode:04o}"
    if stat.S_IFMT(status.st_mode) != kind:
        raise Fatal(f"{path}: is {'a symlink' if stat.S_ISLNK(status.st_mode) else 'something else'}; {expected}")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Fatal(f"{path}: others can reach it (mode {stat.S_IMODE(status.st_mode):04o}); {expected}")
    if os.geteuid() not in (0, status.st_uid):
        raise Fatal(f"{path}: belongs to user {status.st_uid}; {expected} of user {os.geteuid()}, who runs this")
