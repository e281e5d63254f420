"""The checks of the database: the embedded engine, the stored rows and counts, and the age of the stored data.

A check looks at one part and yields its results; `pipeline.operations.doctor` runs it and catches its errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clickhouse_connect.driver import Client

from pipeline.database import planted
from pipeline.database.client import address, connect, in_utc, ping, unreachable
from pipeline.database.confinement import supported
from pipeline.errors import Retryable
from pipeline.operations.machine_checks import Seen, State
from pipeline.reports.buckets import HOUR, bucket
from pipeline.settings.model import Settings
from pipeline.ship.retention import ages

STARRED_SHARE = 0.05
"""Above this share of page views, reports by page leave too much unnamed."""
PUBLISHED_HOURS = 3
"""An hour is published a few minutes after its end; after an outage the backlog comes first."""
FEW_HITS = 100
"""With fewer hits in an hour, one sender of most of them is nothing unusual."""
MAIN_SHARE = 0.5
SEVERAL = 5
"""So many browsers behind one address are several people."""
TURNED_AWAY = {
    "flood": "one address sent more than `collector.flood_per_minute`. Behind a CDN or proxy that is not configured, these are"
    ' visitors who are lost (docs/runbook.md, "Behind a CDN")',
    "foreign_origin": "pages on hosts that no site names. If they are the clinic's, their views are lost: add the hosts to `hosts` or"
    " `ad_hosts`; copies of pages in translators and strangers' pages count here too",
    "unknown_site": "tags with an `s` that no [[sites]] has: their views are lost; compare the tag with `clinic-pixel snippet`",
}
"""By the refusals that may be visitors: their meaning for the operator."""
TURNED_AWAY_SHARE = 0.05
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
    if why := unreachable(settings):
        yield "problem", f"{address(settings)} {why}; accepted events wait in the spool"
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
        yield from _published(client, settings, datetime.now(UTC))
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


def _published(client: Client, settings: Settings, now: datetime) -> Seen:
    """Yield for each site with hits of the last two days how many hours its published numbers are behind."""
    late: State = "problem" if settings.ship.publish else "note"
    if settings.ship.publish:
        advice = "is `ship` running? `clinic-pixel publish` publishes them now and tells an error"
    else:
        advice = "`ship.publish` is false here, so another `ship` of this database publishes them"
    zones = {site.id: site.zone for site in settings.sites}
    rows = client.query(_PUBLISHED, parameters={"sites": list(zones)}).result_rows
    for site, *times in rows:
        first, hours, days = map(in_utc, times)
        behind = (now - max(first, hours)) // HOUR
        if behind > PUBLISHED_HOURS:
            yield late, f"{site}: the numbers of the last {behind} hours are not published; {advice}"
        elif (day := _missing_day(now, zones[site], first, days)) is not None:
            yield (
                late,
                f"{site}: the numbers of {day:%Y-%m-%d} are not published, although those of hours are; {advice}",
            )
        else:
            yield "ok", f"{site}: numbers are published up to {hours:%Y-%m-%d %H:%M} UTC"


def _missing_day(now: datetime, zone: ZoneInfo, first: datetime, published: datetime) -> datetime | None:
    """Return the begin of the last closed day if nothing of it is published; a part is after a change of the time zone."""
    closed = bucket("day", now - PUBLISHED_HOURS * HOUR, zone).start
    day = bucket("day", closed - HOUR, zone)
    return day.start.astimezone(zone) if first < closed and published <= day.start else None


def visitors(settings: Settings) -> Seen:
    """Whether the last hour looks as if each visitor were himself: one sender of most hits, hits refused at the edge."""
    if not ping(settings):
        yield "note", "ClickHouse does not answer, so the hits of the last hour are unknown"
        return
    client = connect(settings, "pixel_admin", timeout=10)
    try:
        findings = [*_main_sender(client), *_turned_away(client)]
    finally:
        client.close()
    yield from findings or [("ok", "no address or network sends most hits, and none were turned away in the last hour")]


def _main_sender(client: Client) -> Seen:
    for what, column in (("address", "ip_token"), ("network", "net_token")):
        hits, most, agents = _row(client, _SENDERS.format(column=column))
        if hits < FEW_HITS or most <= hits * MAIN_SHARE:
            continue
        told = f"one {what} sends {most / hits:.0%} of the {hits:,} hits of the last hour, with {agents} different browsers"
        if agents < SEVERAL:
            yield "note", f"{told}: a program or one person; `report fraud/bursts` shows more"
        else:
            yield (
                "problem",
                (
                    f"{told}: a CDN or proxy, whose visitors count as one and are refused when they are many: docs/runbook.md,"
                    ' "Behind a CDN". If it is the clinic\'s own network, name it in own_networks of the site'
                ),
            )
        return


def _turned_away(client: Client) -> Seen:
    for reason, hits, offered in client.query(_TURNED_AWAY, parameters={"reasons": list(TURNED_AWAY)}).result_rows:
        share = f"{hits:,} hits of the last hour ({hits / max(offered, hits):.0%}) were refused as `{reason}`"
        yield "problem" if hits > offered * TURNED_AWAY_SHARE else "note", f"{share}: {TURNED_AWAY[reason]}"


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


# The times of a site without published numbers are 1970.
_PUBLISHED = """
    SELECT stored.site, stored.first, published.hours, published.days
    FROM (
        SELECT site, toDateTime(min(received_at), 'UTC') AS first FROM pixel.events
        WHERE received_at > now('UTC') - INTERVAL 2 DAY AND site IN {sites:Array(String)} GROUP BY site
    ) AS stored
    LEFT JOIN (
        SELECT site, maxIf(end, grain = 'hour') AS hours, maxIf(end, grain = 'day') AS days FROM pixel.publications GROUP BY site
    ) AS published USING (site)
    ORDER BY site"""

# The last two minutes are left out: their segments may not be sealed and shipped yet.
_RECONCILE = """
    SELECT sumIf(value, name = 'offered') AS offered, sumIf(value, name = 'spooled') AS spooled,
        sumIf(value, name = 'refused') AS refused, sumIf(value, name = 'stored') AS stored,
        sumIf(value, name = 'rejected') AS rejected, sumIf(value, name = 'quarantined') AS quarantined
    FROM pixel.counters WHERE minute < now('UTC') - INTERVAL 2 MINUTE"""


_STARRED = """
    SELECT count() AS views, countIf(position(page, '*') > 0) AS starred FROM pixel.events
    WHERE received_at > now('UTC') - INTERVAL 7 DAY AND kind = 'pageview'"""

# Tokens are keyed pseudonyms of one day: a share is told, and no address. The clinic's own networks hold many people.
_SENDERS = """
    SELECT sum(hits), max(hits), argMax(agents, hits) FROM (
        SELECT {column}, count() AS hits, uniq(ua_token) AS agents FROM pixel.events
        WHERE received_at > now('UTC') - INTERVAL 1 HOUR AND ip_token != toIPv6('::') AND net_class != 'own' GROUP BY {column})"""

_TURNED_AWAY = """
    SELECT reason, sumIf(value, name = 'refused') AS hits,
        (SELECT sum(value) FROM pixel.counters WHERE name = 'offered' AND minute > now('UTC') - INTERVAL 1 HOUR) AS offered
    FROM pixel.counters WHERE reason IN {reasons:Array(String)} AND minute > now('UTC') - INTERVAL 1 HOUR
    GROUP BY reason HAVING hits > 0 ORDER BY hits DESC"""

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
