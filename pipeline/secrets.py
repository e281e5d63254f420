"""Small random secrets in files of mode 0600, made once by whoever comes first.

Owns the atomic creation (temporary file, fsync, link: the loser reads the winner) that keys and passwords share.
"""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex, token_urlsafe


def make_directory(directory: Path) -> None:
    """Make a private directory (0700) with its parents."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def create_once(file: Path, content: bytes) -> bool:
    """Create a 0600 file with this content unless it is there; return whether it was us. Raises OSError."""
    draft = file.with_name(f".{file.name}.{token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return False
        sync_directory(file.parent)
        return True
    finally:
        draft.unlink()


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_or_make_secret(file: Path) -> str:
    """Return the secret in a file, making a random one first if there is none."""
    make_directory(file.parent)
    if not file.exists():
        create_once(file, token_urlsafe(32).encode())
    return file.read_text().strip()
