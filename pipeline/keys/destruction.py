"""Destroys keys that are due, and keeps those that an open block holds.

Owns the order of the steps. Theory of operation: the record of destruction (`NAME.destroyed`) is written first and is
final; from then on no process reads the key or makes another. Then the bytes are overwritten, the audit line is written,
and the file is deleted last. While the file exists, the next run repeats these steps. So after a crash or a full disk at any
point the key is either unchanged or its destruction continues, and the audit never records a step that did not happen.

A key is held while an open block covers one of its days, because a blocked person's rows must stay findable. Limit:
overwriting in place does not reach copies in a snapshot, in a backup or in spare cells of a flash disk.
"""

from __future__ import annotations

import time
from collections.abc import Container
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

import msgspec

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.errors import Fatal, Retryable
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName, Tombstone
from pipeline.keys.tokens import fingerprint

RETENTION: Final = "older than the retention of keys"
STEADY_DAYS: Final = 7
_LEFTOVER_SECONDS: Final = 3600  # no process takes that long to make a key


def due(files: KeyDirectory, today: date, retention_days: int) -> list[KeyName]:
    """Return the keys whose last day is more than `retention_days` ago, and those whose destruction was interrupted."""
    limit = today - timedelta(days=retention_days)
    return [name for name in files.names() if name.last < limit or files.exists(name, DESTROYED)]


def destroy_due(
    files: KeyDirectory,
    audit: Audit,
    *,
    now: datetime,
    retention_days: int,
    holds: Container[date] = (),
    by: str,
) -> list[KeyName]:
    """Destroy every due key that no open block holds (`holds`: the blocked days) and return their names.

    A key that cannot be destroyed does not stop the others: its error is raised at the end. Raises `Fatal` where the
    clock was set back, seems to have jumped ahead, or a file is unsafe, `Retryable` or `OSError` where the disk refuses.
    """
    audit.refuse_an_old_clock(now)
    today = now.astimezone(UTC).date()
    fresh = [name for name in due(files, today, retention_days) if not files.exists(name, DESTROYED)]
    if fresh and not _came_day_by_day(files, today):
        raise Fatal(
            f"{files.path}: {len(fresh)} keys are due, but there is no key of the {STEADY_DAYS} days before {today}: the clock"
            " may have jumped ahead; expected the right time. If it is right, the keys are destroyed on the second day on which the"
            " collector runs; where none runs any more, `clinic-pixel keys destroy` destroys them"
        )
    files.sweep(before=time.time() - _LEFTOVER_SECONDS)
    destroyed: list[KeyName] = []
    trouble: list[Exception] = []
    for name in due(files, today, retention_days):
        try:
            if not held_days(name, holds) or files.exists(name, DESTROYED):
                destroy(files, audit, name, now=now, by=by, reason=RETENTION, cause="retention")
                destroyed.append(name)
        except (Fatal, Retryable, OSError) as error:
            trouble.append(error)
    if trouble:
        raise trouble[0]
    return destroyed


def _came_day_by_day(files: KeyDirectory, today: date) -> bool:
    # A key is made every day, so some key of the last days exists unless the clock jumped ahead.
    return any(timedelta() < today - day <= timedelta(days=STEADY_DAYS) for day in files.living())


def destroy(
    files: KeyDirectory,
    audit: Audit,
    name: KeyName,
    *,
    now: datetime,
    by: str,
    reason: str,
    cause: Literal["retention", "order"] = "order",
    holds: Container[date] = (),
) -> None:
    """Destroy one key; does nothing where it is destroyed already.

    Raises `Fatal` where an open block holds it, there is no such key or the file is unsafe; `Retryable` or `OSError` where
    the disk refuses.
    """
    tombstone = files.tombstone(name)
    if tombstone is None:
        tombstone = _begin(files, name, now, by, reason, cause, holds)
    if files.exists(name):
        try:
            files.overwrite(name)
        except FileNotFoundError:
            return  # another process finished the destruction meanwhile
        audit.record(Action.KEY_DESTROYED, msgspec.to_builtins(tombstone), now=now, who=by)
        files.unlink(name)


def held_days(name: KeyName, holds: Container[date]) -> list[date]:
    """Return the days of a key that open blocks cover."""
    return [day for day in name.days() if day in holds]


def _begin(
    files: KeyDirectory,
    name: KeyName,
    now: datetime,
    by: str,
    reason: str,
    cause: Literal["retention", "order"],
    holds: Container[date],
) -> Tombstone:
    held = held_days(name, holds)
    if held:
        raise Fatal(f"{files.file(name)}: an open block needs this key for {held[0]}; expected `subject unblock` first")
    try:
        key = files.content(name)  # an incomplete key can be destroyed, too
    except FileNotFoundError:
        raise Fatal(f"{files.file(name)}: missing; expected one of `clinic-pixel keys list`") from None
    tombstone = Tombstone(key=name.text, fingerprint=fingerprint(key), at=now, by=by, cause=cause, reason=reason)
    files.create(name, msgspec.json.encode(tombstone) + b"\n", DESTROYED)
    return files.tombstone(name) or tombstone  # of two processes, the first one is on record
