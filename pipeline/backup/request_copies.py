"""The newest copy of the requests of persons beside the backups, and its replay after a restore.

Owns `requests/` of a place: cases, blocks, the audit and the records of destroyed keys. It is small, so it can be written every
minute (`backup --requests`) and to another disk than the backups. It has pseudonyms only, as `cases/` itself. Theory of
operation: an erasure, a block and a destroyed key are facts that are newer than a backup. They survive here, and `replay`
does them again on the restored rows before a view exists, so no reader can meet an erased person.

The audit only grows, which shows that a copy is older: a copy is never replaced by that of a machine whose audit does not
continue it, such as an empty one after a disaster.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.audit.chain import Head
from pipeline.audit.log import Audit
from pipeline.backup.files import audit_file
from pipeline.backup.key_copies import end_copies
from pipeline.backup.places import KEYS, REQUESTS, REQUESTS_LOCK
from pipeline.errors import Fatal
from pipeline.keys.directory import DESTROYED, KeyDirectory
from pipeline.settings.model import Settings
from pipeline.subjects.erasure import Erasures, clean_quarantine
from pipeline.subjects.requests import CaseBook, PersonRequest
from pipeline.subjects.rows import SubjectRows, subject_rows
from pipeline.system import locks
from pipeline.system.durable_files import replace
from pipeline.system.private_files import private_directory

AUDIT_HEAD: Final = "audit.head"
OF_PERSONS: Final = ("cases", "blocks", "audit")
"""The directories of `data` that a restore takes from here instead of from the backup."""


def copy_requests(settings: Settings, place: Path) -> int:
    """Bring the copy up to date, destroy the copies of destroyed keys, and return the number of files that changed.

    Raises `Fatal` where this machine's audit does not continue the copied one.
    """
    target = private_directory(place / REQUESTS)
    with locks.locked(place / REQUESTS_LOCK):
        return _copy(settings, place, target)


def _copy(settings: Settings, place: Path, target: Path) -> int:
    refuse_another_machine(settings, target)
    wanted = dict(_files(settings))
    changed = 0
    kept = settings.audit_dir / AUDIT_HEAD
    head = audit_file(kept) if kept.exists() else b""  # read before the log and written after it: the log has its line
    for name, path in wanted.items():
        copy = target / name
        private_directory(copy.parent)
        try:
            if path.parent != settings.audit_dir:
                content = path.read_bytes()
            else:
                content = head if path.name == AUDIT_HEAD else audit_file(path)
        except FileNotFoundError:
            continue  # lifted meanwhile: removed by the next run
        if not copy.exists() or copy.read_bytes() != content:
            replace(copy, content)
            changed += 1
    for copy in (target / "blocks").glob("*.json"):
        if f"blocks/{copy.name}" not in wanted:
            copy.unlink()
            changed += 1
    if (place / KEYS).is_dir() and settings.keys_dir.is_dir():
        end_copies(KeyDirectory.of(settings), KeyDirectory(place / KEYS))
    return changed


def refuse_another_machine(settings: Settings, target: Path) -> None:
    """Raise `Fatal` where the audit copied to `target` is not the beginning of this machine's audit."""
    known = head_of(target)
    if known == Head():
        return
    try:
        Audit(settings.audit_dir).verify_chain({known})
    except Fatal as error:
        raise Fatal(
            f"{target}: the copy of another machine, or of this one before its disk was lost: restore it, or name another place ({error})"
        ) from None


def head_of(copy: Path) -> Head:
    """Return the newest act of a copied audit; the empty head without one."""
    return Audit(copy / "audit").head() if (copy / "audit" / "audit.log").exists() else Head()


def place_requests(settings: Settings, copy: Path) -> int:
    """Put the copied requests, blocks and audit into the data directory; return the number of files."""
    placed = 0
    for top in OF_PERSONS:
        for file in sorted((copy / top).glob("*")):
            if file.is_file() and not file.name.startswith(".") and file.suffix != ".lock" and file.name != "lock":
                private_directory(settings.data / top)
                replace(settings.data / top / file.name, file.read_bytes())
                placed += 1
    return placed


def replay(settings: Settings, now: datetime) -> dict[str, int]:
    """Erase, block and unblock again what the requests in the data directory say; return the numbers of each.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` where a row of an erased person stays.
    """
    cases = CaseBook(settings.cases_dir).all()
    erased = blocked = rows_erased = 0
    with subject_rows(settings) as rows:
        for case in cases:
            if case.state in ("erasing", "erased") and case.closed is not None:
                rows_erased += sum(rows.erase(case, case.closed).values())
                erased += 1
            if case.blocked is not None:
                rows.set_block(case, _block_state(case), now)
                blocked += case.state == "blocked"
        _hold(settings, rows, now)
    clean_quarantine(settings.spool_dir, Erasures.of(cases))
    return {"persons_erased_again": erased, "rows_erased_again": rows_erased, "blocks_in_force": blocked}


def _hold(settings: Settings, rows: SubjectRows, now: datetime) -> None:
    rows.hold(settings, now)
    rows.release()


def _block_state(case: PersonRequest) -> str:
    return "erased" if case.state in ("erasing", "erased") else case.state


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    # The audit last: an act is in it before its case is written, so no copied case lacks its act.
    for top in (settings.cases_dir, settings.blocks_dir):
        yield from ((f"{top.name}/{file.name}", file) for file in top.glob("*.json"))
    yield from ((f"keys/{file.name}", file) for file in settings.keys_dir.glob(f"*{DESTROYED}"))
    for name in ("audit.log", AUDIT_HEAD):
        if (settings.audit_dir / name).exists():
            yield f"audit/{name}", settings.audit_dir / name
