"""A table of so many events in a running ClickHouse, with published cells, for the measurement of the reports.

The events are made inside of ClickHouse: 28 days, three sites of which one has eight of ten events, 200 pages, visitors who come
again, robots, errors, clients that send attacks, deliveries twice. The last day is published by the publisher itself; the cells of
the 27 days before it are copies of its cells under dates and ids of their own, because publishing them takes minutes of CPU.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import time as clock

from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.publish.publisher import Publisher
from pipeline.settings.model import Settings

SITES = ("portal", "clinic", "dentist")
BUSY = SITES[0]
DAYS = 28
DAY = timedelta(days=1)

# One person makes five hits on a day: `one` draws for the person, `hit` for the hit. Of 1,000 hits the last is the one before it again.
EVENTS = """\
INSERT INTO pixel.events (
    received_at, event_id, site, kind, mode, policy, epoch, visitor, visitor_kind, cookie_state, ip_token, net_token, ip_version,
    country, asn, as_org, net_class, browser, browser_major, os, os_major, device, robot, ua_token, ua_raw, page_host, page, attack,
    status, referrer_kind, referrer_page, nonce, batch_id
)
WITH
    toDate({day:String}) AS its_day,
    number - (number % 1000 = 999) AS of,
    sipHash64('hit', its_day, of) AS hit,
    intDiv(of, 5) AS client,
    sipHash64('one', its_day, client) AS one,
    -- Every third visitor comes again on many days.
    if(one % 3 = 0, sipHash64('old', intDiv(client, 3)), one) AS person,
    multiIf(person % 100 < 6, 'robot', person % 1000 < 62, 'probe', person % 100 < 80, 'cookie', 'day') AS who,
    ['portal', 'clinic', 'dentist'][1 + (person % 1009 >= 807) + (person % 1009 >= 958)] AS its_site,
    -- A quiet night and a busy noon.
    arrayFirstIndex(share -> share > one % 249, arrayCumSum([1, 1, 1, 1, 1, 2, 4, 8, 16, 20, 22, 20, 16, 18, 20, 18, 14, 12, 10, 8, 6, 4, 3, 2, 21])) AS drawn,
    if(drawn = 25, 11, drawn - 1) AS its_hour,
    its_hour * 3600000 + (hit % 3600000) + (number != of) * 1500 AS at_ms,
    concat('/page/', toString(toUInt8(200 * pow((hit % 10007) / 10007, 3)))) AS its_page,
    who = 'probe' OR hit % 100 < 3 AS fails,
    [(12389, 'Rostelecom', 'RU'), (8359, 'MTS', 'RU'), (25513, 'MGTS', 'RU'), (3216, 'Beeline', 'RU'), (9198, 'Kazakhtelecom', 'KZ')]
        [1 + toUInt8(5 * pow((person % 997) / 997, 2))] AS network,
    [('Chrome', 142), ('Chrome', 141), ('Safari', 18), ('Yandex Browser', 25), ('Firefox', 145), ('Edge', 142)]
        [1 + toUInt8(6 * pow((person % 991) / 991, 2))] AS its_browser
SELECT
    fromUnixTimestamp64Milli(toInt64(toUnixTimestamp(its_day)) * 1000 + least(at_ms, 86399999), 'UTC'),
    reinterpretAsUUID(sipHash128('id', its_day, number)),
    its_site,
    if(hit % 20 = 0, 'impression', 'pageview'),
    if(hit % 31 = 0, 'noscript', 'js'),
    '1',
    its_day,
    person,
    if(who = 'cookie' AND of % 5 != 0, 'cookie', 'day'),
    if(who = 'cookie', if(of % 5 = 0, 'new', 'returning'), 'refused'),
    toIPv6(IPv6NumToString(sipHash128('address', its_day, if(who = 'probe', person % 50, person)))),
    toIPv6(IPv6NumToString(sipHash128('network', its_day, person % 5000))),
    if(person % 5 = 0, 6, 4),
    network.3, network.1, network.2,
    multiIf(who = 'robot' AND person % 2 = 0, 'crawler', person % 500 = 499, 'own', network.1 = 8359, 'mobile', 'other'),
    its_browser.1, its_browser.2,
    ['Windows', 'Android', 'iOS', 'Linux'][1 + person % 4], 10, ['desktop', 'mobile'][1 + person % 2],
    if(who = 'robot', ['Googlebot', 'YandexBot', 'GPTBot', 'bingbot'][1 + person % 4], ''),
    sipHash64('agent', its_day, person),
    if(who = 'robot', 'robot/2.1', ''),
    concat(its_site, '.example'),
    if(fails, concat('/gone/', toString(hit % 40)), its_page),
    if(who = 'probe' AND hit % 4 = 0, 'path', ''),
    if(fails, if(hit % 11 = 0, 500, 404), 0),
    if(of % 5 = 0, 'search', 'internal'),
    if(of % 5 = 0, '', concat('/page/', toString(hit % 200))),
    sipHash64('nonce', its_day, of),
    reinterpretAsUUID(sipHash128('batch', its_day, intDiv(number, 5000)))
FROM numbers({events:UInt64})
SETTINGS max_insert_threads = 1
"""
COUNTERS = """\
INSERT INTO pixel.counters (minute, collector, name, reason, site, value, batch_id)
SELECT
    toDateTime({since:DateTime('UTC')}) + number * 60, 'a', counted.1, counted.2, counted.3, 1 + sipHash64(number, counted) % 50,
    generateUUIDv4()
FROM numbers({minutes:UInt64})
ARRAY JOIN [
    ('offered', '', ''), ('spooled', '', ''), ('refused', 'flood', ''), ('refused', 'unknown_site', ''),
    ('stored', '', 'portal'), ('stored', '', 'clinic'), ('stored', '', 'dentist')
] AS counted
"""
SPANS_BEFORE = """\
INSERT INTO pixel.publications
SELECT * EXCEPT ago REPLACE (
    start - toIntervalDay(ago) AS start, end - toIntervalDay(ago) AS end, reinterpretAsUUID(sipHash128(id, ago)) AS id
)
FROM (SELECT *, arrayJoin(range(1, {days:UInt8})) AS ago FROM pixel.publications)
"""
CELLS_BEFORE = """\
INSERT INTO pixel.cells
SELECT * EXCEPT ago REPLACE (
    start - toIntervalDay(ago) AS start, end - toIntervalDay(ago) AS end, reinterpretAsUUID(sipHash128(publication, ago)) AS publication
)
FROM (SELECT *, arrayJoin(range(1, {days:UInt8})) AS ago FROM pixel.cells)
"""


def midnight() -> datetime:
    """Return the end of the last closed day."""
    return datetime.combine(datetime.now(UTC).date(), clock.min, UTC)


def fill(settings: Settings, events: int) -> None:
    """Store the events, the same number on each day, and a count of each minute."""
    client = connect(settings, "pixel_writer", timeout=3600)
    until = midnight()
    for ago in range(DAYS, 0, -1):
        fill_day(client, until - ago * DAY, events // DAYS)
    client.command(COUNTERS, parameters={"since": until - DAYS * DAY, "minutes": DAYS * 24 * 60})
    client.close()


def fill_day(client: Client, day: datetime, events: int) -> None:
    """Store the events of one day."""
    client.command(EVENTS, parameters={"day": f"{day:%Y-%m-%d}", "events": events})


def publish(settings: Settings) -> None:
    """Publish the last day of all sites."""
    until = midnight()
    # Only the last day is young enough.
    kept = settings.retention.model_copy(update={"rows_days": 1})
    Publisher(settings.model_copy(update={"retention": kept})).run(until, until, wait=False)


def copy_cells(settings: Settings) -> None:
    """Copy the published cells of the last day to the days before."""
    client = connect(settings, "pixel_writer", timeout=3600)
    for copied in (CELLS_BEFORE, SPANS_BEFORE):
        client.command(copied, parameters={"days": DAYS})
    client.close()
