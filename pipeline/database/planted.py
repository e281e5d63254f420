"""Moves empty files out of the engine's directory that the engine did not make itself.

Owns `planted/` beside the engine's data. A function such as `sqlite()` makes an empty file wherever the engine may
write, and some of these keep the engine from starting: a definition, or a file with an unknown name among the
definitions of a database or the logs of a table. The engine makes no empty file at these places, but for a log.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

PLANTED: Final = "planted"
PLACES: Final = (
    "*",
    "metadata/*",
    "store/*",
    "store/*/*",
    "store/*/*/*",
    "store/*/*/deduplication_logs/*",
    "user_defined/*",
)
"""The places below `data/` to which no empty file belongs: definitions, and the directory of a table beside its parts."""

_EMPTY_LOG = "deduplication_logs/deduplication_log_*.txt"


def set_aside(home: Path) -> int:
    """Move the planted files of the engine in `home` to `home/planted`; return how many were found."""
    found = list(_empty(home / "data"))
    for number, file in enumerate(found, start=count(home)):
        (home / PLANTED).mkdir(mode=0o700, exist_ok=True)
        file.rename(home / PLANTED / f"{number}-{file.name}")
    return len(found)


def count(home: Path) -> int:
    """Return the number of files that were set aside so far."""
    return sum(1 for _ in (home / PLANTED).glob("*"))


def _empty(data: Path) -> Iterator[Path]:
    for place in PLACES:
        for file in data.glob(place):
            if file.is_file() and file.stat().st_size == 0 and not file.match(_EMPTY_LOG):
                yield file
