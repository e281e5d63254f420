"""Small random secrets in private files, made by the first process that needs them: passwords, a replay's ticket."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_urlsafe

from pipeline.errors import Fatal
from pipeline.system.durable_files import create_once
from pipeline.system.private_files import open_private, private_directory


def read_or_make_secret(file: Path) -> str:
    """Return the secret in a file, after making a random one if it is missing; raises `Fatal` if it is not private or no text."""
    private_directory(file.parent)
    if not file.exists():
        create_once(file, token_urlsafe(32).encode())
    with os.fdopen(open_private(file, os.O_RDONLY), encoding="utf-8") as stream:
        try:
            return stream.read().strip()
        except UnicodeDecodeError:
            raise Fatal(f"{file}: not a text; restore it from a copy, or delete it and a new one is made") from None
