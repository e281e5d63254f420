"""Every key with its state and the day of its destruction, for the command and the page.

Owns the words of the states. A fingerprint identifies a key without showing it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from pipeline.keys.destruction import due
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.tokens import fingerprint

State = Literal["in use", "kept", "due", "ahead", "destroyed"]


class Listed(NamedTuple):
    """One key; `ends` is the first day on which it may be destroyed by its age, `destroyed` the moment when it was."""

    name: KeyName
    state: State
    fingerprint: str
    ends: date
    destroyed: datetime | None


def listed(files: KeyDirectory, today: date, retention_days: int) -> list[Listed]:
    """Return every key and the record of every destroyed one, in order of their days; raises `Fatal` where a file is unsafe."""
    over = set(due(files, today, retention_days))
    names = sorted({*files.names(), *files.names(DESTROYED)}, key=lambda name: (name.last, name.first))
    return [
        _listed(files, name, today, name.last + timedelta(days=retention_days + 1), is_due=name in over)
        for name in names
    ]


def _listed(files: KeyDirectory, name: KeyName, today: date, ends: date, *, is_due: bool) -> Listed:
    tombstone = files.tombstone(name)
    if tombstone is not None:
        return Listed(name, "destroyed", tombstone.fingerprint, ends, tombstone.at)
    key = files.read(name)
    state: State = "in use"
    if is_due:
        state = "due"
    elif name.last < today:
        state = "kept"
    elif name.first > today:
        state = "ahead"
    return Listed(name, state, fingerprint(key) if key else "", ends, None)
