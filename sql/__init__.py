"""All SQL, in files a person can run by hand: migrations, views, access, reports.

Owns where the files are and how a file is cut into statements; nothing here opens a connection. Rules of a file: a
statement ends with a semicolon at the end of its line, a comment stands on lines of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

SQL_DIR = Path(__file__).parent
MIGRATIONS_DIR = SQL_DIR / "migrations"
REPORTS_DIR = SQL_DIR / "reports"
ACCESS_DIR = SQL_DIR / "access"
VIEWS_DIR = SQL_DIR / "views"

_COMMENT_LINE = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_END = re.compile(r";[ \t]*$", re.MULTILINE)


def statements(text: str) -> list[str]:
    """Return the statements of a file in order, without comment lines and closing semicolons."""
    pieces = _END.split(_COMMENT_LINE.sub("", text))
    return [piece.strip() for piece in pieces if piece.strip()]
