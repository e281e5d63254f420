"""The copies of the secret keys in a place of backups, which end on the same day as the keys themselves.

Owns `keys/` of a place. Rules:

* There is one copy of a key for all backups of the place, so a key that is destroyed is destroyed there by the next run:
  overwritten, then removed. Its record of destruction is copied and stays.
* A copy whose term is over is destroyed, too, unless the machine still has the key because a block holds it.
* A restore takes no key that has a record of destruction, and none that is over its term and that no open block holds.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta
from typing import NamedTuple

from pipeline.errors import Fatal
from pipeline.keys.directory import DESTROYED, KEY, KeyDirectory, KeyName


class Keys(NamedTuple):
    """The names of the keys that were copied, and of those that ended."""

    copied: list[str]
    ended: list[str]


def copy_keys(source: KeyDirectory, copies: KeyDirectory, *, today: date, retention_days: int) -> Keys:
    """Make the copies equal to the living keys; raises `Fatal` where a copy differs, `OSError` where the disk refuses."""
    copied: list[str] = []
    ended = end_copies(source, copies)
    for name in source.names():
        key = source.read(name)
        if key is None:
            continue
        if copies.create(name, key):
            copied.append(name.text)
        elif copies.content(name) != key:
            raise Fatal(
                f"{copies.file(name)}: differs from the key of this machine; expected a place of this machine's own backups"
            )
    limit = today - timedelta(days=retention_days)
    over = [name for name in copies.names() if name.last < limit and not source.lives(name)]
    for name in over:
        _end(copies, name)
    return Keys(copied, ended + [name.text for name in over])


def end_copies(source: KeyDirectory, copies: KeyDirectory) -> list[str]:
    """Destroy the copies of the keys that were destroyed, keep the records, and return the names."""
    ended: list[str] = []
    for name in source.names(DESTROYED):
        copies.create(name, source.content(name, DESTROYED), DESTROYED)
        if copies.exists(name):
            _end(copies, name)
            ended.append(name.text)
    return ended


def _end(copies: KeyDirectory, name: KeyName) -> None:
    copies.overwrite(name)
    copies.unlink(name)


def place_keys(
    copies: KeyDirectory,
    target: KeyDirectory,
    records: KeyDirectory,
    *,
    today: date,
    retention_days: int,
    holds: Container[date],
) -> Keys:
    """Copy the keys that may still exist into the key directory; return their names and those that were left out.

    `records` has the records of destroyed keys, which are placed first.
    """
    copied: list[str] = []
    for where in (copies, records):
        for name in where.names(DESTROYED):
            target.create(name, where.content(name, DESTROYED), DESTROYED)
    left: list[str] = []
    limit = today - timedelta(days=retention_days)
    for name in copies.names():
        over = name.last < limit and not any(day in holds for day in name.days())
        if over or target.exists(name, DESTROYED):
            left.append(name.text)
            continue
        target.create(name, copies.content(name), KEY)
        copied.append(name.text)
    return Keys(copied, left)
