"""The files of the data directory in a backup: spool, journal, secrets, audit, requests, pages, people of the dashboards.

Owns which files are copied and how each is consistent. Rules:

* The caller keeps `ship` waiting, so that journal, spool and rows are of one moment. Collectors go on: a segment is copied up
  to its last whole line, which is all that was acknowledged at some moment.
* Left out: keys (`key_copies`), what ClickHouse and the lists are made of, and the state of running processes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from pipeline.backup.places import FILES, Part, make_parents, write_part
from pipeline.settings.model import Settings
from pipeline.spool.records import count_events
from pipeline.spool.segments import listing
from pipeline.system import locks
from pipeline.system.durable_files import DRAFT, LOCAL_FILES, replace
from pipeline.system.private_files import open_private

KEPT_STATE: Final = ("alerts.json", "marks.json", "releases.json")
"""Of `run/`: alerts that were sent or wait, and the last looks at versions; the rest is of running processes."""
_COPIED: Final = ("audit", "blocks", "cases", "dashboards", "journal", "pages", "secrets", "spool")
PASSWORDS: Final = "secrets/clickhouse.json"
"""An engine that already runs has passwords of its own: a restore leaves them."""


def copy_files(settings: Settings, directory: Path) -> list[Part]:
    """Copy the files into a backup and return their parts."""
    # Twice: a segment that is renamed while the directory is read may be missed once.
    paths = {path.removesuffix(".open"): path for _ in range(2) for path in sorted(_paths(settings))}
    parts = [
        _copied(settings.data / path, directory, path) for name, path in paths.items() if f"{name}.seg" not in paths
    ]
    return [part for part in parts if part is not None]


def place_files(settings: Settings, directory: Path, parts: list[Part], *, but: frozenset[str]) -> int:
    """Put the files of a backup into the data directory, but those whose first directory is in `but`; return their number."""
    placed = 0
    for part in parts:
        path = part.path.removeprefix(f"{FILES}/")
        if path.partition("/")[0] in but or (path == PASSWORDS and (settings.data / path).exists()):
            continue
        target = make_parents(settings.data, path)
        replace(target, (directory / part.path).read_bytes())
        placed += 1
    return placed


def present(settings: Settings) -> list[str]:
    """Return the files of the data directory that a restore would replace."""
    names = sorted(_paths(settings)) + [f"keys/{file.name}" for file in settings.keys_dir.glob("*.key")]
    return [name for name in names if name != PASSWORDS and not name.startswith("pages/") and not _is_lock(name)]


def waiting_events(spool: Path) -> int:
    """Return the number of events in the spool."""
    return sum(count_events(one.path) for one in listing(spool) if one.state in ("seg", "open"))


def _is_lock(name: str) -> bool:
    return name.endswith(".lock") or name.rpartition("/")[2] in ("lock", "quiet", "working")


def _is_made_again(name: str) -> bool:
    """Return whether a file is a copy of passwords for one process, which `secrets` makes of `PASSWORDS` at each start."""
    return name.startswith("secrets/") and name.endswith("/clickhouse.json") and name != PASSWORDS


def _paths(settings: Settings) -> Iterator[str]:
    for top in _COPIED:
        for path in (settings.data / top).rglob("*"):
            name = str(path.relative_to(settings.data))
            if path.is_symlink() or not path.is_file() or path.suffix == DRAFT or path.name.endswith("-journal"):
                continue
            if _is_made_again(name) or (top != "spool" and _is_lock(name)):
                continue
            yield name
    for name in KEPT_STATE:
        if (settings.run_dir / name).exists():
            yield f"run/{name}"


def _copied(source: Path, directory: Path, path: str) -> Part | None:
    try:
        if source.suffix == ".sqlite":
            content = _database(source)
        elif path.startswith("audit/"):
            content = audit_file(source)
        else:
            content = _content(source)
    except FileNotFoundError:
        return None  # a block that was lifted, a file that was removed from quarantine
    return write_part(directory, f"{FILES}/{path}", [content])


def _content(source: Path) -> bytes:
    try:
        content = source.read_bytes()
    except FileNotFoundError:  # sealed since the directory was read
        content = source.with_suffix(".seg").read_bytes()
    return content[: content.rfind(b"\n") + 1] if source.suffix == ".open" else content


def audit_file(source: Path) -> bytes:
    """Return a file of the audit while no act is being written."""
    log = source.with_name("audit.log")
    if not log.exists():
        return b""
    with locks.locked(log, os.O_RDONLY, shared=True):
        return source.read_bytes()


def _database(source: Path) -> bytes:
    os.close(open_private(source, os.O_RDONLY))
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as opened:
        return opened.serialize()


def empty(settings: Settings, aside: Path) -> None:
    """Move everything that a restore would replace to `aside`; ClickHouse's own directory and the passwords stay."""
    for name in present(settings):
        make_parents(aside, name)
        LOCAL_FILES.rename(settings.data / name, aside / name)
