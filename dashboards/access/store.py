"""The file of people and sessions: SQLite, readable by its owner alone.

Owns the schema and the connection. Rules: secrets (tokens of sessions and links) are stored as hashes only, passwords as argon2id; one
connection for each task, because SQLite's own locks order the writers; who only reads takes no lock that keeps others waiting, and can do so
on a disk that is full or takes no writes.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system import locks
from pipeline.system.private_files import open_private, private_directory

LOCKED_SECONDS: Final = 5.0
"""How long a task waits for the others that write."""
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


class AccessAway(Retryable):
    """The file is locked by another program, or its disk is full or takes no writes."""


def access_file(settings: Settings) -> Path:
    """Return the path of the file."""
    return settings.data / "dashboards" / "access.sqlite"


@contextmanager
def opened(file: Path, seconds: float = LOCKED_SECONDS) -> Iterator[sqlite3.Connection]:
    """Lend a connection whose changes are kept together if the block ends well; the file is made where it is missing.

    Raises `AccessAway` where the changes cannot be kept now, `Fatal` where the file is unsafe or no database.
    """
    private_directory(file.parent)
    with _connected(file, os.O_RDWR | os.O_CREAT, seconds) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


@contextmanager
def deciding(settings: Settings) -> Iterator[None]:
    """Let one decision of all processes of the dashboards be made at a time: it looks at the newest state first."""
    with locks.locked(access_file(settings).with_name("deciding.lock")):
        yield


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Lend a connection that only reads. Raises as `opened` does."""
    if not file.exists():
        with opened(file):
            pass
    private_directory(file.parent)
    with _connected(file, os.O_RDONLY, LOCKED_SECONDS) as connection:
        yield connection


@contextmanager
def _connected(file: Path, flags: int, seconds: float) -> Iterator[sqlite3.Connection]:
    try:
        os.close(open_private(file, flags))
        with closing(sqlite3.connect(file, timeout=seconds)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(_SCHEMA)
            yield connection
    except sqlite3.OperationalError as error:  # locked, full, read-only, cannot be opened
        raise AccessAway(f"{file}: cannot be used now: {error}") from None
    except sqlite3.DatabaseError as error:
        raise Fatal(f"{file}: cannot be used: {error}") from None
    except UnicodeDecodeError:  # of damaged text in it, or of the error that SQLite makes of that
        raise Fatal(f"{file}: cannot be used: it is damaged; restore it from a copy") from None
    except OSError as error:
        raise AccessAway(f"{file}: cannot be opened: {error.strerror}") from None


def hashed(token: str) -> bytes:
    """Return the form in which a random token is stored; it has 256 bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()
