"""Small random secrets in private files, made once by whoever comes first: passwords, the ticket of a replay.

Owns the atomic creation (temporary file, fsync, link: the loser reads the winner); what makes a file private is
`pipeline.system.private_files`.
"""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex, token_urlsafe

from pipeline.system.private_files import open_private, private_directory, sync_directory


def create_once(file: Path, content: bytes) -> bool:
    """Create a private file with this content unless it is there; return whether it was us. Raises `OSError`."""
    draft = file.with_name(f".{file.name}.{token_hex(8)}")
    try:
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as stream:
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
        draft.unlink(missing_ok=True)


def read_or_make_secret(file: Path) -> str:
    """Return the secret in a file, making a random one first if there is none; raises `Fatal` where it is not private."""
    private_directory(file.parent)
    if not file.exists():
        create_once(file, token_urlsafe(32).encode())
    with os.fdopen(open_private(file, os.O_RDONLY)) as stream:
        return stream.read().strip()
