"""`python -m bench.reports --events 1000000`: time and rows read of every report over a table of so many events.

The events are made inside of ClickHouse: 28 days, three sites of which one has eight of ten events, 200 pages, visitors who come
again, robots, errors, clients that send attacks, deliveries twice. The last day is published by the publisher itself; the cells of
the 27 days before it are copies of its cells under dates and ids of their own, because publishing them takes minutes of CPU.
Each report is asked as its reader's role for the last 24 hours and 28 days; rows read and memory are ClickHouse's own figures, CPU
is that of its process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Any, NamedTuple

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, connect
from pipeline.database.embedded import wait_until_ready
from pipeline.operations.migrate import migrate
from pipeline.publish.publisher import Publisher
from pipeline.reports import catalogue
from pipeline.reports.catalogue import Period
from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.settings.site import Site

SITES = ("portal", "clinic", "dentist")
BUSY = SITES[0]
DAYS = 28
WINDOWS = {"24h": 1, "28d": DAYS}
DAY = timedelta(days=1)
PATIENCE = 60.0
"""Seconds for the answers of one report and window."""

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


class Asked(NamedTuple):
    """One answer: seconds until it was there, CPU seconds of ClickHouse, rows read, and the peak of memory in bytes."""

    seconds: float
    cpu: float
    rows: int
    memory: int


class Engine(NamedTuple):
    """A running embedded server of the measurement's own."""

    settings: Settings
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def engine(directory: Path) -> Iterator[Engine]:
    """Run an embedded server with the tables and views of this version."""
    sites = tuple(Site(id=name, hosts=(f"{name}.example",)) for name in SITES)
    settings = Settings(data=directory, sites=sites, clickhouse=ClickHouse(port=free_port()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}
    kept |= {"PIXEL_DATA": str(directory), "PIXEL_CLICKHOUSE__PORT": str(settings.clickhouse.port)}
    process = subprocess.Popen([sys.executable, "-m", "pipeline", "clickhouse"], env=kept)
    try:
        wait_until_ready(settings, lambda: process.poll() is None)
        migrate(settings)
        yield Engine(settings, process.pid)
    finally:
        process.terminate()
        process.wait()


def midnight() -> datetime:
    """Return the end of the last closed day."""
    return datetime.combine(datetime.now(UTC).date(), clock.min, UTC)


def fill(engine: Engine, events: int) -> None:
    """Store the events, the same number on each day, and a count of each minute."""
    client = connect(engine.settings, "pixel_writer", timeout=3600)
    until = midnight()
    for ago in range(DAYS, 0, -1):
        client.command(EVENTS, parameters={"day": f"{until - ago * DAY:%Y-%m-%d}", "events": events // DAYS})
    client.command(COUNTERS, parameters={"since": until - DAYS * DAY, "minutes": DAYS * 24 * 60})
    client.close()


def publish(engine: Engine) -> dict[str, float]:
    """Publish the last day of all sites and copy its cells to the days before; return spans, seconds and CPU seconds of ClickHouse."""
    until = midnight()
    # Only the last day is young enough.
    kept = engine.settings.retention.model_copy(update={"rows_days": 1})
    began, cpu = time.perf_counter(), engine.cpu()
    spans = Publisher(engine.settings.model_copy(update={"retention": kept})).run(until, until, wait=False)
    took = {"spans": spans, "seconds": time.perf_counter() - began, "cpu": engine.cpu() - cpu}
    client = connect(engine.settings, "pixel_writer", timeout=3600)
    for copied in (CELLS_BEFORE, SPANS_BEFORE):
        client.command(copied, parameters={"days": DAYS})
    client.close()
    return took


def ask(engine: Engine, client: Client, report: Report, days: int) -> Asked:
    """Ask a report for the last days, as run.py does."""
    until = midnight()
    values = catalogue.parameters(report, BUSY, Period(until - days * DAY, until))
    given = ", ".join(f"{name}={{{name}:{each.type}}}" for name, each in report.parameters.items())
    view = f"{report.view}({given})" if given else report.view
    cpu, began = engine.cpu(), time.perf_counter()
    answer = client.query(f"SELECT * FROM {view}", parameters=values)  # noqa: S608 - names of checked files
    seconds = time.perf_counter() - began
    said = answer.summary
    return Asked(seconds, engine.cpu() - cpu, int(said["read_rows"]), int(said.get("memory_usage", 0)))


def measure(events: int, runs: int = 20, directory: Path | None = None) -> dict[str, Any]:
    """Return the figures of every report over so many events: p95 of the time (s), CPU (s), rows read, peak memory (bytes)."""
    with tempfile.TemporaryDirectory(dir=directory) as scratch, engine(Path(scratch)) as running:
        fill(running, events)
        published = publish(running)
        return {"events": events, "publishing_a_day": published, "reports": reports(running, runs)}


def answers(running: Engine, client: Client, report: Report, days: int, runs: int) -> list[Asked]:
    """Ask so many times after once for warming up, fewer times where that takes longer than `PATIENCE` seconds."""
    seen = [ask(running, client, report, days)]
    while len(seen) <= runs and sum(each.seconds for each in seen) < PATIENCE:
        seen.append(ask(running, client, report, days))
    return seen[1:] or seen


def figures(seen: list[Asked]) -> dict[str, float]:
    times = sorted(each.seconds for each in seen)
    return {
        "runs": len(seen),
        "p95_s": times[math.ceil(0.95 * len(times)) - 1],
        "median_s": statistics.median(times),
        "cpu_s": sum(each.cpu for each in seen) / len(seen),
        "rows_read": max(each.rows for each in seen),
        "memory": max(each.memory for each in seen),
    }


def reports(running: Engine, runs: int) -> dict[str, dict[str, dict[str, float]]]:
    clients = {role: connect(running.settings, role) for role in ("ops", "security", "privacy")}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for report in catalogue.all_reports():
        found[report.path] = {}
        for window, days in WINDOWS.items():
            try:
                found[report.path][window] = figures(answers(running, clients[report.role], report, days, runs))
            except ClickHouseError as error:
                # Beyond the reader's limits: 60 seconds, or 1 GB of memory.
                found[report.path][window] = {"refused": code(error)}
    for client in clients.values():
        client.close()
    return found


def show(result: dict[str, Any]) -> None:
    print(f"{result['events']:,} events; publishing the last day: {result['publishing_a_day']}")
    print(f"{'report':<28}{'window':>8}{'p95 s':>8}{'CPU s':>8}{'rows read':>13}{'MB':>7}")
    for path, windows in result["reports"].items():
        for window, row in windows.items():
            if "refused" in row:
                print(f"{path:<28}{window:>8}  refused with error {row['refused']}")
                continue
            shown = f"{row['p95_s']:>8.3f}{row['cpu_s']:>8.3f}{row['rows_read']:>13,}{row['memory'] / 1e6:>7.0f}"
            print(f"{path:<28}{window:>8}{shown}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--directory", type=Path, help="where the tables are made: a disk with 100 bytes an event")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    results = []
    for events in options.events:
        results.append(measure(events, options.runs, options.directory))
        show(results[-1])
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
