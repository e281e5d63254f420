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
from pipeline.database.client import address, connect, in_utc, of_each_shard, ping, unreachable
from pipeline.database.confinement import supported
from pipeline.errors import Retryable
from pipeline.operations.machine_checks import Seen, State, said
from pipeline.reports.buckets import HOUR, bucket
from pipeline.settings.model import Settings
from pipeline.ship.retention import ages
from pipeline.upgrades.schema import VERSION, missing_files, newer_files, recorded_in, restore_is_open

STARRED_SHARE = 0.05
"""Above this share of page views, reports by page leave too much unnamed."""
PUBLISHED_HOURS = 3
"""An hour is published a few minutes after its end; after an outage the backlog comes first."""
FEW_HITS = 100
"""With fewer hits in an hour, one sender of most of them is nothing unusual."""
MAIN_SHARE = 0.5
SEVERAL = 5
"""So many browsers behind one address are several people."""
TURNED_AWAY = ("flood", "foreign_origin", "unknown_site")
"""The refusals that may be visitors; the words `turned_away_<reason>` are their meaning for the operator."""
TURNED_AWAY_SHARE = 0.05
LOST_ON_THE_WAY = ("spool_full", "spool_failed", "blocks_unknown", "internal")
"""Refusals that are not the client's fault: each is a page view that is not counted."""


def engine(settings: Settings) -> Seen:
    """How the embedded engine is contained."""
    if settings.clickhouse.url is not None:
        yield "ok", said("engine_is_server")
        return
    yield ("ok", said("engine_confined")) if supported() else ("note", said("engine_not_confined"))
    if aside := planted.count(settings.clickhouse_dir):
        yield "problem", said("planted", n=aside, place=settings.clickhouse_dir / planted.PLANTED)


def clickhouse(settings: Settings) -> Seen:
    """Whether ClickHouse answers, what it holds, and whether the counts agree."""
    if why := unreachable(settings):
        yield "problem", said("database_away", address=address(settings), why=why)
        return
    client = connect(settings, "pixel_admin", timeout=10)
    try:
        yield "ok", said("database_answers", version=client.server_version, address=address(settings))
        if schema := list(_schema(client)):
            yield from schema  # the questions below are about tables that may not be there
            return
        count, oldest, newest = _row(client, "SELECT count(), min(received_at), max(received_at) FROM pixel.events")
        yield "ok", said("events", events=count, oldest=oldest) if count else said("no_events")
        if count and newest > datetime.now(UTC).replace(tzinfo=newest.tzinfo) + timedelta(days=1):
            yield "problem", said("event_of_the_future", at=newest)
        if unfinished := sum(of_each_shard(settings, "pixel_admin", _unfinished, client, timeout=10)):
            yield "note", said("mutations", n=unfinished)
        yield from _reconciled([_row(client, _RECONCILE)])
        yield from _starred(client)
        yield from _published(client, settings, datetime.now(UTC))
        for reason, hits in client.query(_LOST, parameters={"reasons": list(LOST_ON_THE_WAY)}).result_rows:
            yield "problem", said("hits_lost", hits=hits, reason=reason)
    finally:
        client.close()


def _unfinished(shard: Client) -> int:
    return int(_row(shard, "SELECT count() FROM system.mutations WHERE NOT is_done")[0])


def _schema(client: Client) -> Seen:
    """Whether the tables are those of this version, and no restore is under way."""
    recorded = recorded_in(client)
    if newer := newer_files(recorded):
        yield "problem", said("schema_newer", version=recorded.get(VERSION, "?"), names=", ".join(newer))
    elif missing := missing_files(recorded):
        yield "problem", said("schema_missing", names=", ".join(missing))
    if restore_is_open(recorded):
        yield "problem", said("restore_open")


def _starred(client: Client) -> Seen:
    """The share of page views whose address lost a part."""
    views, starred = _row(client, _STARRED)
    if starred > views * STARRED_SHARE:
        yield "note", said("starred", share=starred / views)


def _published(client: Client, settings: Settings, now: datetime) -> Seen:
    """Yield for each site with hits of the last two days how many hours its published numbers are behind."""
    late: State = "problem" if settings.ship.publish else "note"
    advice = said("publish_here" if settings.ship.publish else "publish_elsewhere")
    zones = {site.id: site.zone for site in settings.sites}
    rows = client.query(_PUBLISHED, parameters={"sites": list(zones)}).result_rows
    for site, *times in rows:
        first, hours, days = map(in_utc, times)
        behind = (now - max(first, hours)) // HOUR
        if behind > PUBLISHED_HOURS:
            yield late, said("hours_unpublished", site=site, hours=behind, advice=advice)
        elif (day := _missing_day(now, zones[site], first, days)) is not None:
            yield late, said("day_unpublished", site=site, day=day, advice=advice)
        elif not hours.timestamp():
            yield "ok", said("none_published", site=site)
        else:
            yield "ok", said("published", site=site, until=hours)


def _missing_day(now: datetime, zone: ZoneInfo, first: datetime, published: datetime) -> datetime | None:
    """Return the begin of the last closed day if nothing of it is published; a part is after a change of the time zone."""
    closed = bucket("day", now - PUBLISHED_HOURS * HOUR, zone).start
    day = bucket("day", closed - HOUR, zone)
    return day.start.astimezone(zone) if first < closed and published <= day.start else None


def visitors(settings: Settings) -> Seen:
    """Whether the last hour looks as if each visitor were himself: one sender of most hits, hits refused at the edge."""
    if not ping(settings):
        yield "note", said("last_hour_unknown")
        return
    client = connect(settings, "pixel_admin", timeout=10)
    try:
        findings = [*_main_sender(client), *_turned_away(client)]
    finally:
        client.close()
    yield from findings or [("ok", said("last_hour_usual"))]


def _main_sender(client: Client) -> Seen:
    for what, column in (("address", "ip_token"), ("network", "net_token")):
        hits, most, agents = _row(client, _SENDERS.format(column=column))
        if hits < FEW_HITS or most <= hits * MAIN_SHARE:
            continue
        told = said("main_sender", what=said(what), share=most / hits, hits=hits, agents=agents)
        if agents < SEVERAL:
            yield "note", said("sender_is_one", told=told)
        else:
            yield "problem", said("sender_is_proxy", told=told)
        return


def _turned_away(client: Client) -> Seen:
    for reason, hits, offered in client.query(_TURNED_AWAY, parameters={"reasons": list(TURNED_AWAY)}).result_rows:
        meaning = said(f"turned_away_{reason}")
        text = said("turned_away", hits=hits, share=hits / max(offered, hits), reason=reason, meaning=meaning)
        yield "problem" if hits > offered * TURNED_AWAY_SHARE else "note", text


def _row(client: Client, query: str) -> tuple[Any, ...]:
    rows = client.query(query).result_rows
    if not rows:  # seen with a full disk: the status is 200 and the body is empty
        raise Retryable("ClickHouse answers without rows; is its disk full?")
    return tuple(rows[0])


def retention(settings: Settings) -> Seen:
    """Whether stored data is within its term."""
    if not ping(settings):
        yield "note", said("ages_unknown")
        return
    client = connect(settings, "pixel_admin", timeout=30)
    try:
        for age in ages(client, settings.retention):
            if age.oldest is not None:
                setting = age.life.setting
                term = getattr(settings.retention, setting)
                text = said("oldest", table=age.life.table, oldest=age.oldest, setting=setting, term=term)
                if age.overdue:
                    yield "problem", said("oldest_over", oldest=text)
                else:
                    yield ("note", said("oldest_expired", oldest=text)) if age.expired else ("ok", text)
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
            yield "ok", said("offered_agrees", offered=offered, spooled=spooled, refused=refused)
        else:
            yield "problem", said("offered_differs", offered=offered, spooled=spooled, refused=refused)
        pending = spooled - stored - rejected - quarantined
        state: State = "ok" if pending == 0 else "note"
        counts = {"stored": stored, "rejected": rejected, "quarantined": quarantined, "pending": pending}
        yield state, said("spooled", spooled=spooled, **counts)
