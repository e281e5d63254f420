"""Restores a backup so that nobody gets an answer before erasures, blocks and terms are in force again.

Owns the order. Theory of operation: the tables are made without a view, and readers have rights on views only. The rows within
their term are loaded; the requests of persons, newer than the backup, are carried out again; keys within their life are
placed; then the views are made. After an interruption there is no view either, `migrate` and `ship` refuse from the first
file that was placed (`pipeline.upgrades.stamp`), and the restore is begun again. Of two copies of the requests the newer one counts. The facts count the losses, and name those that nobody can count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.backup import rows
from pipeline.backup.files import empty, place_files, present, waiting_events
from pipeline.backup.key_copies import Keys, place_keys
from pipeline.backup.places import FILES, KEYS, REQUESTS, Manifest, Part, newest, read_manifest, verified
from pipeline.backup.request_copies import OF_PERSONS, head_of, place_requests, replay
from pipeline.database.client import ping, working_as
from pipeline.database.embedded import is_at_work
from pipeline.delivery.journal import doubt, without_ship
from pipeline.delivery.segment_numbers import shipped_since
from pipeline.errors import Fatal
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.holds import blocked_days
from pipeline.operations.migrate import begin_restore, end_restore
from pipeline.settings.model import Settings
from pipeline.ship.retention import clear_sealed_clicks, drop_expired
from pipeline.spool.segments import is_held, listing
from pipeline.system.private_files import private_directory
from pipeline.upgrades.schema import newer_files, newer_schema
from pipeline.upgrades.stamp import mark_restore, try_claim

_QUERY_SECONDS: Final = 3600

Told = Callable[[int, int], object]
"""Learns how many parts of how many are loaded."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The wishes of a person: the backup, the copy of requests, and the treatment of the files and rows that are there."""

    backup: Path
    requests: Path | None = None
    """Place with the newest copy of the requests; None: the place of the backup."""
    without_requests: bool = False
    into_empty: bool = False
    only: Literal["all", "rows"] = "all"


def restore(
    settings: Settings, wanted: Wanted, *, now: datetime, who: str, told: Told = lambda *_: None
) -> dict[str, object]:
    """Restore and return the facts.

    Raises `Fatal` where the backup is damaged, a process is at work, the place is not empty or another engine has the port;
    `Retryable` while ClickHouse is unavailable. Views exist only after success.
    """
    rows.refuse_a_cluster(settings)
    _refuse_another_engine(settings)
    if text := try_claim(settings):
        raise Fatal(text)
    directory = newest(wanted.backup)
    manifest = read_manifest(directory)
    if newer := newer_files(manifest.schema):
        raise Fatal(newer_schema(newer, manifest.version))
    over = manifest.over(now.date())
    parts = list(verified(directory, [part for part in manifest.parts if part not in over]))
    of_rows, of_files = [part for part in parts if part.table], [part for part in parts if not part.table]
    copy = _requests_of(wanted, directory)
    facts: dict[str, object] = {"backup": str(directory), "made": manifest.made}
    with without_ship(settings.journal_dir):
        _refuse_a_writer(settings, wanted)
        mark_restore(settings, is_open=True)
        if wanted.only == "all":
            facts |= _files(settings, wanted, directory, of_files, copy, now)
        else:
            facts |= _doubted(settings, directory, of_files)
        with _engine(settings):
            Audit(settings.audit_dir).record(Action.RESTORE, {"backup": directory.name}, now=now, who=who)
            _load(settings, wanted, directory, of_rows, told)
            facts |= replay(settings, now)
            drop_expired(settings)
            clear_sealed_clicks(settings)
            if wanted.only == "all":
                keys = _keys(settings, directory, copy, now)
                facts |= {"keys": len(keys.copied), "keys_left_out": len(keys.ended)}
            facts |= _counts(settings, manifest, over)
            mark_restore(settings, is_open=False)
            end_restore(settings)
    return facts


def _requests_of(wanted: Wanted, directory: Path) -> Path | None:
    places = {place / REQUESTS for place in (wanted.requests or directory.parent, directory.parent)}
    if copies := sorted((place for place in places if place.is_dir()), key=lambda place: head_of(place).seq):
        if head_of(copies[-1]).seq < head_of(directory / FILES).seq and wanted.only == "all":
            raise Fatal(
                f"{copies[-1]}: older than the backup: persons who were erased between the two would come back; name the newest copy with"
                " --requests"
            )
        return copies[-1]
    if wanted.only == "all" and not wanted.without_requests:
        raise Fatal(
            f"{(wanted.requests or directory.parent) / REQUESTS}: missing: persons who were erased after the backup would come back; name the place of `backup --requests`"
            " with --requests, or, if there is no copy any more, pass --without-requests and carry out the requests again by hand"
        )
    return None


def _refuse_another_engine(settings: Settings) -> None:
    # A restore tried beside a living installation has its passwords, too, and would remove the living rows.
    if settings.clickhouse.url is None and ping(settings) and not is_at_work(settings):
        port = settings.clickhouse.port
        raise Fatal(
            f"port {port}: a ClickHouse answers, and it is not the one of {settings.data}; nothing was changed. Stop it, set another"
            " PIXEL_CLICKHOUSE__PORT, or name a server of your own with PIXEL_CLICKHOUSE__URL"
        )


def _refuse_a_writer(settings: Settings, wanted: Wanted) -> None:
    held = sorted({one.slot for one in listing(settings.spool_dir) if is_held(settings.spool_dir, one.slot)})
    if wanted.only == "all" and held:
        raise Fatal(
            f"{settings.spool_dir}: a collector is at work (slot {held[0]}); stop it, and `up`, before a restore"
        )
    there = present(settings) if wanted.only == "all" else []
    if there and not wanted.into_empty:
        raise Fatal(
            f"{settings.data / there[0]}: the data directory is not empty ({len(there)} files); nothing was changed. Name an empty"
            " one with PIXEL_DATA, restore the rows alone with --only rows, or pass --into empty to move these files aside"
        )


def _files(
    settings: Settings, wanted: Wanted, directory: Path, parts: list[Part], copy: Path | None, now: datetime
) -> dict[str, object]:
    facts: dict[str, object] = {}
    private_directory(settings.data)
    if present(settings):
        aside = settings.data / f"replaced-{now:%Y%m%dT%H%M%SZ}"
        facts["moved_aside"] = str(aside)
        facts["waiting_events_moved_aside"] = waiting_events(settings.spool_dir)
        empty(settings, private_directory(aside))
    but = frozenset(OF_PERSONS) if copy is not None else frozenset[str]()
    placed = place_files(settings, directory, parts, but=but)
    if copy is not None:
        placed += place_requests(settings, copy)
    Audit(settings.audit_dir).verify_chain()
    return facts | {"files": placed}


def _doubted(settings: Settings, directory: Path, parts: list[Part]) -> dict[str, object]:
    """Make the journal in place doubt its batches; count the segments that were stored after the backup and are gone."""
    numbers = next((directory / part.path for part in parts if part.path == f"{FILES}/journal/segments.json"), None)
    lost = shipped_since(settings.journal_dir, numbers)
    return {"batches_asked_again": doubt(settings.journal_dir), "segments_lost": lost}


@contextmanager
def _engine(settings: Settings) -> Iterator[None]:
    """Run the embedded engine inside of the block, unless it or a server of one's own answers already."""
    if settings.clickhouse.url is not None or ping(settings):
        yield
        return
    given = {"PIXEL_DATA": str(settings.data), "PIXEL_CLICKHOUSE__PORT": str(settings.clickhouse.port)}
    command = [sys.executable, "-m", "pipeline", "clickhouse"]
    process = subprocess.Popen(command, env={**os.environ, **given}, stdin=subprocess.DEVNULL)
    try:
        while not ping(settings):
            if process.poll() is not None:
                raise Fatal("the embedded ClickHouse ended before it was ready; its own line above gives the reason")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _load(settings: Settings, wanted: Wanted, directory: Path, parts: list[Part], told: Told) -> None:
    begin_restore(settings)
    with working_as(settings, "pixel_migrator", timeout=_QUERY_SECONDS) as client:
        there = rows.filled(client)
        if there and not wanted.into_empty:
            table, number = next(iter(there.items()))
            raise Fatal(
                f"pixel.{table} has {number:,} rows; a restore needs empty tables: pass --into empty to remove the rows of all tables first"
            )
        for table in there:
            client.command(f"TRUNCATE TABLE pixel.{table}")
        for number, part in enumerate(parts, start=1):
            rows.load(client, directory, part)
            told(number, len(parts))


def _keys(settings: Settings, directory: Path, copy: Path | None, now: datetime) -> Keys:
    copies = directory.parent / KEYS
    if not copies.is_dir():
        return Keys([], [])
    return place_keys(
        KeyDirectory(copies),
        KeyDirectory.of(settings),
        KeyDirectory(copy / KEYS) if copy is not None and (copy / KEYS).is_dir() else KeyDirectory(copies),
        today=now.date(),
        retention_days=settings.retention.keys_days,
        holds=blocked_days(settings, now.date()),
    )


def _counts(settings: Settings, manifest: Manifest, over: list[Part]) -> dict[str, object]:
    with working_as(settings, "pixel_admin") as client:
        return {
            "rows_in_backup": sum(part.rows for part in manifest.parts),
            "rows_beyond_their_term": sum(part.rows for part in over),
            "events": rows.count(client, "events"),
            "waiting_in_spool": waiting_events(settings.spool_dir),
        }
