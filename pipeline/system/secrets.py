"""Small secrets in private files: passwords, keys of signatures, a replay's ticket.

Owns their reading and making. A secret is made by the first process that needs it, or handed over: systemd puts it into a directory
of the process (`LoadCredential=`), docker compose likewise, and names that directory in `CREDENTIALS_DIRECTORY`. So a process can work
with a secret, and never reach the directory of all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from pipeline.errors import Fatal
from pipeline.system.durable_files import create_once
from pipeline.system.private_files import open_private, private_directory

TICKET: Final = "replay.ticket"
"""The name of the secret by which the collector knows a replay."""


def handed_over(file: Path) -> Path | None:
    """Return the file of this name that was handed to this process, or None."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    given = Path(directory, file.name)
    return given if given.is_absolute() and given.exists() else None


def read_secret(file: Path) -> bytes:
    """Return the content of a secret, the one that was handed over before the one in the file.

    Raises `Fatal` where others may read it, `OSError` where it cannot be read.
    """
    given = handed_over(file)
    if given is None:
        with os.fdopen(open_private(file, os.O_RDONLY), "rb") as stream:
            return stream.read()
    with given.open("rb") as stream:
        # systemd gives it to the user by an access list, whose mask stands in place of the rights of the group.
        if os.fstat(stream.fileno()).st_mode & 0o007:
            raise Fatal(f"{given}: others can reach it; expected a file of mode 0400 of user {os.geteuid()}")
        return stream.read()


def make_once(file: Path, make: Callable[[], bytes]) -> None:
    """Make a secret unless it exists or was handed over; several callers end with the same one. Raises as `read_secret` does."""
    if handed_over(file) is None and not file.exists():
        private_directory(file.parent)
        create_once(file, make())


def read_or_make_secret(file: Path) -> str:
    """Return a secret in one line, after making a random one if it is missing; raises as `read_secret` does, and `Fatal` if it is no text."""
    make_once(file, lambda: token_urlsafe(32).encode())
    try:
        return read_secret(file).decode().strip()
    except UnicodeDecodeError:
        raise Fatal(f"{file}: not a text; restore it from a copy, or delete it and a new one is made") from None
