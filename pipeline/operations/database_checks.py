"""The checks of the database: the embedded engine, the stored rows and counts, and the age of the stored data.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver import Client

from pipeline.database import planted
from pipeline.database.client import address, connect, ping
from pipeline.database.confinement import supported
from pipeline.errors import Retryable
from pipeline.operations.machine_checks import Seen, State
from pipeline.settings import Settings
from pipeline.ship.retention import ages

STARRED_SHARE = 0.05
"""Above this share of page views, reports by page leave too much unnamed."""
LOST_ON_THE_WAY = ("spool_full", "spool_failed", "blocks_unknown", "internal")
"""Refusals that are not the client's fault: each is a page view that is not counted."""


def engine(settings: Settings) -> Seen:
    """How the embedded engine is contained."""
    if settings.clickhouse.url is not None:
        yield "ok", "a server is used in place of the embedded ClickHouse"
        return
    if supported():
        yield "ok", "the system keeps the embedded ClickHouse to its own directory"
    else:
        advice = "run it as another user (deploy/systemd), or use a server"
        yield "note", f"this system has no Landlock: the embedded ClickHouse reaches every file of its user; {advice}"
    if aside := planted.count(settings.clickhouse_dir):
        place = settings.clickhouse_dir / planted.PLANTED
        advice = "find out who has a password or reaches the native port, then delete them"
        yield "problem", f"{aside} planted files were moved to {place} at a start of the engine; {advice}"


def clickhouse(settings: Settings) -> Seen:
    """Whether ClickHouse answers, what it holds, and whether the counts agree."""
    if not ping(settings):
        yield "problem", f"does not answer at {address(settings)}; accepted events wait in the spool"
        return
    client = connect(settings, "pixel_admin", timeout=10)
    try:
        yield "ok", f"{client.server_version} at {address(settings)}"
        count, oldest, newest = _row(client, "SELECT count(), min(received_at), max(received_at) FROM pixel.events")
        yield "ok", f"{count:,} events" + (f", the oldest of {oldest:%Y-%m-%d}" if count else "")
        if count and newest > datetime.now(UTC).replace(tzinfo=newest.tzinfo) + timedelta(days=1):
            yield "problem", f"the newest event is of {newest:%Y-%m-%d %H:%M}, in the future: a clock was wrong"
        (unfinished,) = _row(client, "SELECT count() FROM system.mutations WHERE NOT is_done")
        if unfinished:
            yield "note", f"{unfinished} mutations (erasures of persons) are not finished"
        yield from _reconciled([_row(client, _RECONCILE)])
        yield from _starred(client)
        for reason, hits in client.query(_LOST, parameters={"reasons": list(LOST_ON_THE_WAY)}).result_rows:
            yield "problem", f"{hits:,} hits of the last hour were refused with `{reason}` (docs/refusals.md)"
    finally:
        client.close()


def _starred(client: Client) -> Seen:
    """The share of page views whose address lost a part."""
    views, starred = _row(client, _STARRED)
    if starred > views * STARRED_SHARE:
        advice = "`clinic-pixel pages learn` reads the sitemap, so that public pages are stored as they are (docs/embedding.md)"
        yield (
            "note",
            f"{starred / views:.0%} of the page views of the last 7 days are stored with a `*` in the page: {advice}",
        )


def _row(client: Client, query: str) -> tuple[Any, ...]:
    rows = client.query(query).result_rows
    if not rows:  # seen with a full disk: the status is 200 and the body is empty
        raise Retryable("ClickHouse answers without rows; is its disk full?")
    return tuple(rows[0])


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
                text = f"{age.life.table}: the oldest of {age.oldest:%Y-%m-%d}, {setting} {getattr(settings.retention, setting)}"
                if age.overdue:
                    yield "problem", f"{text}; over its term: is `ship` running, is the disk full?"
                else:
                    yield (
                        "note" if age.expired else "ok",
                        text + ("; `ship` drops it within the hour" if age.expired else ""),
                    )
    finally:
        client.close()


# The last two minutes are left out: their segments may not be sealed and shipped yet.
_RECONCILE = """
    SELECT sumIf(value, name = 'offered') AS offered, sumIf(value, name = 'spooled') AS spooled,
        sumIf(value, name = 'refused') AS refused, sumIf(value, name = 'stored') AS stored,
        sumIf(value, name = 'rejected') AS rejected, sumIf(value, name = 'quarantined') AS quarantined
    FROM pixel.counters WHERE minute < now('UTC') - INTERVAL 2 MINUTE"""


_STARRED = """
    SELECT count() AS views, countIf(position(page, '*') > 0) AS starred FROM pixel.events
    WHERE received_at > now('UTC') - INTERVAL 7 DAY AND kind = 'pageview'"""

_LOST = """
    SELECT reason, sum(value) AS hits FROM pixel.counters
    WHERE name = 'refused' AND reason IN {reasons:Array(String)} AND minute > now('UTC') - INTERVAL 1 HOUR
    GROUP BY reason HAVING hits > 0 ORDER BY hits DESC"""


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
