"""Makes a backup while everything runs, and removes the backups of the place whose time is over.

Owns the order: the requests of persons first, then rows, then with `ship` kept waiting the partitions that changed, journal,
spool and other files, then the keys, then the manifest. So each event is in the rows or in the spool of the backup, never in
both, and an open plan of the journal is as certain as it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client

from pipeline import __version__
from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.backup import rows
from pipeline.backup.files import copy_files, waiting_events
from pipeline.backup.key_copies import copy_keys
from pipeline.backup.places import (
    FORMAT,
    KEYS,
    MANIFEST,
    Manifest,
    Part,
    backups,
    made_at,
    name_of,
    one_backup,
    read_manifest,
    write_manifest,
)
from pipeline.backup.request_copies import copy_requests
from pipeline.database.client import working_as
from pipeline.delivery.journal import kept_quiet
from pipeline.errors import Fatal
from pipeline.keys.directory import KeyDirectory
from pipeline.settings.model import Settings
from pipeline.system.private_files import private_directory
from pipeline.upgrades.schema import recorded_in
from pipeline.upgrades.stamp import claim

KEEP_DAYS: Final = 7
"""Long enough to notice a loss, short enough that an erased person's rows are soon in no backup."""
MOST_KEEP_DAYS: Final = 30
_QUERY_SECONDS: Final = 3600

Told = Callable[[int, int], object]
"""Learns how many partitions of how many are exported."""


def back_up(
    settings: Settings,
    place: Path,
    *,
    now: datetime,
    who: str,
    keep_days: int = KEEP_DAYS,
    told: Told = lambda *_: None,
) -> dict[str, object]:
    """Make one backup in `place` and return the facts about it.

    Raises `Fatal` on a cluster and where the place is unsafe, of another machine or of a backup at work, `Retryable` while ClickHouse is unavailable, `OSError`
    where the disk refuses; the unfinished backup is then removed by a later one.
    """
    rows.refuse_a_cluster(settings)
    claim(settings)
    refuse_inside(settings, place)
    with one_backup(place):
        return _back_up(settings, place, now, who, keep_days, told)


def _back_up(settings: Settings, place: Path, now: datetime, who: str, keep_days: int, told: Told) -> dict[str, object]:
    copy_requests(settings, place)
    Audit(settings.audit_dir).record(Action.BACKUP, {"place": str(place)}, now=now, who=who)
    # Before anything is written: on a full disk no later step would come to it. The lock says that nobody works on one.
    cleared = [path for path in backups(place) if not (path / MANIFEST).exists()]
    for path in cleared:
        shutil.rmtree(path)
    directory = place / name_of(now)
    if directory.exists():
        raise Fatal(f"{directory}: exists; another backup began in this second")
    private_directory(directory)
    with working_as(settings, "pixel_admin", timeout=_QUERY_SECONDS) as client:
        exported = _rows(client, settings, directory, {}, told)
        with kept_quiet(settings.journal_dir):
            exported = _rows(client, settings, directory, exported, told)
            files = copy_files(settings, directory)
            waiting = waiting_events(settings.spool_dir)
        schema = tuple(sorted(name for name in recorded_in(client) if name[:4].isdigit()))
    keys = copy_keys(
        KeyDirectory.of(settings),
        KeyDirectory(place / KEYS),
        today=now.date(),
        retention_days=settings.retention.keys_days,
    )
    copy_requests(settings, place)
    parts = tuple(part for _, part in exported.values()) + tuple(files)
    manifest = Manifest(format=FORMAT, version=__version__, made=now, schema=schema, parts=parts)
    write_manifest(directory, manifest)
    pruned = prune(place, now, keep_days)
    return {
        "backup": str(directory),
        "rows": sum(part.rows for part in parts),
        "events": sum(part.rows for part in parts if part.table == "events"),
        "waiting_in_spool": waiting,
        "files": len(files),
        "bytes": sum(part.size for part in parts),
        "keys_copied": len(keys.copied),
        "keys_ended": len(keys.ended),
        "backups_removed": len(cleared) + len(pruned.removed),
        "backups_damaged": ", ".join(pruned.damaged),
    }


class Pruned(NamedTuple):
    """Names of the removed backups, and of those that no restore can use: their rows stay until the backup itself is removed."""

    removed: list[str]
    damaged: list[str]


def prune(place: Path, now: datetime, keep_days: int) -> Pruned:
    """Remove backups older than `keep_days`, older unfinished ones, and rows beyond their term.

    Only directories that `backup` made are touched, and the newest finished one stays.
    """
    removed: list[str] = []
    finished = [path for path in backups(place) if (path / MANIFEST).exists()]
    for path in backups(place):
        made = made_at(path)
        if made is None or path in finished[-1:]:
            continue
        over = path not in finished or made < now - timedelta(days=keep_days)
        if over and made < now:
            shutil.rmtree(path)
            removed.append(path.name)
    damaged: list[str] = []
    for path in (path for path in finished if path.name not in removed):
        try:
            manifest = read_manifest(path)
        except Fatal:  # one damaged backup must not keep the rows of all others beyond their term
            damaged.append(path.name)
            continue
        for part in manifest.over(now.date()):
            (path / part.path).unlink(missing_ok=True)
    return Pruned(removed, damaged)


def refuse_inside(settings: Settings, place: Path) -> None:
    """Raise `Fatal` where the place is in the data directory, or the data directory in the place."""
    here, data = place.resolve(), settings.data.resolve()
    if here.is_relative_to(data) or data.is_relative_to(here):
        raise Fatal(f"{place}: is inside of the data directory, or around it; expected another disk or directory")


Exported = dict[rows.Partition, tuple[rows.State, Part]]


def _rows(client: Client, settings: Settings, directory: Path, known: Exported, told: Told) -> Exported:
    """Export each partition that is not exported as it is now; return all that exist now."""
    present = rows.partitions(client)
    for gone in known.keys() - present.keys():
        (directory / known[gone][1].path).unlink(missing_ok=True)
    exported: Exported = {}
    for number, (partition, state) in enumerate(present.items(), start=1):
        if partition in known and known[partition][0] == state:
            exported[partition] = known[partition]
        else:
            exported[partition] = state, rows.export(client, directory, partition, settings.retention)
        told(number, len(present))
    return exported
