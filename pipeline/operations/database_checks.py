"""The checks of the database: the stored rows and counts, and the age of the stored data.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.database.client import address, connect, ping
from pipeline.operations.machine_checks import Seen, State
from pipeline.settings import Settings
from pipeline.ship.retention import ages

# The last two minutes are left out: their segments may not be sealed and shipped yet.
_RECONCILE = """
    SELECT sumIf(value, name = 'offered') AS offered, sumIf(value, name = 'spooled') AS spooled,
        sumIf(value, name = 'refused') AS refused, sumIf(value, name = 'stored') AS stored,
        sumIf(value, name = 'rejected') AS rejected, sumIf(value, name = 'quarantined') AS quarantined
    FROM pixel.counters WHERE minute < now('UTC') - INTERVAL 2 MINUTE"""


def clickhouse(settings: Settings) -> Seen:
    """Whether ClickHouse answers, what it holds, and whether the counts agree."""
    if not ping(settings):
        yield "problem", f"does not answer at {address(settings)}; accepted events wait in the spool"
        return
    client = connect(settings, "pixel_admin", timeout=10)
    try:
        yield "ok", f"{client.server_version} at {address(settings)}"
        rows = client.query("SELECT count(), min(received_at) FROM pixel.events").result_rows[0]
        yield "ok", f"{rows[0]:,} events" + (f", the oldest of {rows[1]:%Y-%m-%d}" if rows[0] else "")
        unfinished = client.query("SELECT count() FROM system.mutations WHERE NOT is_done").result_rows[0][0]
        if unfinished:
            yield "note", f"{unfinished} mutations (erasure or retention) are not finished"
        yield from _reconciled(client.query(_RECONCILE).result_rows)
    finally:
        client.close()


def retention(settings: Settings) -> Seen:
    """Whether stored data is within its term."""
    if not ping(settings):
        yield "note", "ClickHouse does not answer, so the age of the stored data is unknown"
        return
    client = connect(settings, "pixel_admin", timeout=30)
    try:
        for age in ages(client, settings.retention):
            if age.oldest is not None:
                setting = age.life.setting
                text = f"{age.life.what}: the oldest of {age.oldest:%Y-%m-%d}, {setting} {getattr(settings.retention, setting)}"
                if age.overdue:
                    yield "problem", f"{text}; more than a month over its term: is `ship` running, is the disk full?"
                else:
                    yield (
                        "note" if age.expired else "ok",
                        text + ("; the next merge deletes it" if age.expired else ""),
                    )
    finally:
        client.close()


def _reconciled(rows: Iterable[Iterable[int]]) -> Seen:
    for offered, spooled, refused, stored, rejected, quarantined in rows:
        if offered == spooled + refused:
            yield "ok", f"offered {offered:,} = spooled {spooled:,} + refused {refused:,}"
        else:
            yield "problem", f"offered {offered:,} is not spooled {spooled:,} + refused {refused:,}"
        pending = spooled - stored - rejected - quarantined
        state: State = "ok" if pending == 0 else "note"
        yield (
            state,
            (
                f"spooled {spooled:,} = stored {stored:,} + rejected {rejected:,} + quarantined {quarantined:,}"
                f" + pending {pending:,}"
            ),
        )
