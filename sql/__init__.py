"""All SQL, in files: migrations, views, roll-ups, access, reports.

Owns the folders, the splitting of a file into statements and the insertion of shared pieces into a query; nothing here
opens a connection. Rules of a file: a statement ends with a semicolon at the end of its line, a comment has lines of its
own. `$name` is replaced by a piece: a value given by the caller, an expression of `views/words.toml` or the file
`views/<name>.sql`. `clinic-pixel report --sql NAME` prints a query with all pieces in place, which can be run by hand.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

SQL_DIR = Path(__file__).parent
MIGRATIONS_DIR = SQL_DIR / "migrations"
REPORTS_DIR = SQL_DIR / "reports"
ROLLUP_DIR = SQL_DIR / "rollup"
ACCESS_DIR = SQL_DIR / "access"
VIEWS_DIR = SQL_DIR / "views"
PROBLEMS_DIR = SQL_DIR / "problems"
FRAUD_DIR = SQL_DIR / "fraud"

_COMMENT_LINE = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_END = re.compile(r";[ \t]*$", re.MULTILINE)
_PIECE = re.compile(r"\$(\w+)")


def statements(text: str) -> list[str]:
    """Return the statements of a file in order, without comment lines and closing semicolons."""
    pieces = _END.split(without_comments(text))
    return [piece.strip() for piece in pieces if piece.strip()]


def without_comments(text: str) -> str:
    """Return the text without its comment lines."""
    return _COMMENT_LINE.sub("", text)


def fill(text: str, given: Mapping[str, str]) -> str:
    """Return the text with each `$name` replaced; values of `given` come first, are inserted unchanged and may hold a `$`.

    Raises `KeyError` for an unknown name.
    """

    def piece(match: re.Match[str]) -> str:
        name = match[1]
        return given[name] if name in given else fill(_shared()[name], given)

    return _PIECE.sub(piece, text)


@cache
def _shared() -> Mapping[str, str]:
    words = tomllib.loads((VIEWS_DIR / "words.toml").read_text(encoding="utf-8"))
    files = {file.stem: file for file in VIEWS_DIR.glob("*.sql")}
    return words | {
        name: without_comments(file.read_text(encoding="utf-8")).strip().removesuffix(",")
        for name, file in files.items()
    }
