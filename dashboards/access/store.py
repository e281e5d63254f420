"""The file of people and sessions: SQLite, readable by its owner alone.

Owns the schema and the connection. Rules: secrets (tokens of sessions and links) are stored as hashes only, passwords as argon2id; one
connection for each task, because SQLite's own locks order the writers.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.system.private_files import open_private, private_directory

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS people (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, sites TEXT NOT NULL, added_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    token BLOB PRIMARY KEY, name TEXT NOT NULL REFERENCES people ON DELETE CASCADE, form TEXT NOT NULL,
    started_at REAL NOT NULL, seen_at REAL NOT NULL, purpose TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS links (
    token BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, sites TEXT NOT NULL, until REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS looks (
    name TEXT NOT NULL REFERENCES people ON DELETE CASCADE, list TEXT NOT NULL, at REAL NOT NULL, before_at REAL,
    met TEXT NOT NULL, known TEXT NOT NULL, PRIMARY KEY (name, list)
) STRICT;
"""


def access_file(settings: Settings) -> Path:
    """Return the path of the file."""
    return settings.data / "dashboards" / "access.sqlite"


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Lend a connection whose changes are kept together if the block ends well; the file is made where it is missing.

    Raises `Fatal` where the file is unsafe or cannot be used.
    """
    private_directory(file.parent)
    os.close(open_private(file, os.O_RDWR | os.O_CREAT))
    try:
        with closing(sqlite3.connect(file, timeout=10)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
    except sqlite3.DatabaseError as error:
        raise Fatal(f"{file}: cannot be used: {error}") from None


def hashed(token: str) -> bytes:
    """Return the form in which a random token is stored; it has 256 bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()
