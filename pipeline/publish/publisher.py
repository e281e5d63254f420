"""Publishes the numbers of closed spans of time: counts the cells, perturbs them, and writes them once.

Owns the looks at what is stored, the order of the work, and the lock that lets one process of a host publish at a time. Works as `pixel_writer`, which reads counted cells and no row of an event.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby, product
from typing import Final, NamedTuple

from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, in_utc, working_as
from pipeline.pages import known as page_lists
from pipeline.pages.page import SitePages
from pipeline.publish.cells import Counted, RawCell, of_span
from pipeline.publish.counting import QUERY, read
from pipeline.publish.due import ORDER, Due, Quarters, Rows, Stored, Wanted, due
from pipeline.publish.ledger import PAGES, Ledger, Publication, stored_days, stored_quarters
from pipeline.publish.secret import noise_key, secret_of
from pipeline.reports.buckets import Grain, bucket
from pipeline.reports.catalogue import all_reports
from pipeline.reports.header import CountedTable, Report
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.system import locks

LOCK: Final = "publish.lock"
_GROUP: Final = re.compile(r"/[^/?]*")
"""The first part of a path, as `$page_group` of sql/views/words.toml."""
PUBLISH_SECONDS: Final = 600
"""The longest time for one query: four weeks of a national portal."""

log = logging.getLogger(__name__)

Progress = Callable[[str, str], None]
"""Is told site and span of each publication."""


class Look(NamedTuple):
    """The stored rows of one table by site and UTC day, and the number of all rows of each day."""

    rows_of_day: Mapping[str, int]
    quarters: Mapping[str, Mapping[str, Quarters]]

    def of(self, site: str) -> Rows:
        """Return the rows of a site."""
        of_days = (days.get(site, {}) for days in self.quarters.values())
        return Rows({quarter: number for quarters in of_days for quarter, number in quarters.items()})


Looks = Mapping[CountedTable, Look]


class Publisher:
    """Publishes what is due; keeps the last look, to see which spans still grow."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reports = {report.name: report for report in all_reports() if report.is_published}
        self._wanted = {
            name: Wanted(
                report.grains, bool(report.named("key")), report.at_once is not None, report.counted or "events"
            )
            for name, report in self._reports.items()
        }
        self._before: Looks | None = None

    def run(
        self,
        passed: datetime,
        now: datetime,
        progress: Progress = lambda _site, _span: None,
        *,
        wait: bool = True,
    ) -> int:
        """Publish every closed span and return their number; with `wait` only those that did not change since the last look.

        Everything received before `passed` is stored. A span that cannot be counted does not delay the others. Raises `Retryable` when
        ClickHouse is unavailable, `Fatal` when it refuses, both after the other spans; `locks.Held` while another process publishes.
        """
        number, failed = 0, None
        with _alone(self._settings), working_as(self._settings, "pixel_writer", timeout=PUBLISH_SECONDS) as client:
            look = self._look(client)
            before, self._before = self._before if wait else look, look
            for site, work, some in self._work(client, look, before, passed, now):
                progress(site.id, f"{some[0].span.grain} {some[0].span.start:%Y-%m-%d %H:%M}")
                try:
                    number += work.publish(some)
                except ClickHouseError as error:
                    if code(error) == 0:
                        raise
                    failed = failed or error
            if failed is not None:
                raise failed
        return number

    def _work(
        self, client: Client, look: Looks, before: Looks | None, passed: datetime, now: datetime
    ) -> Iterator[tuple[Site, _Site, list[Due]]]:
        for site in self._settings.sites if before is not None else ():
            work = _Site(client, self._settings, site, self._reports, now)
            for some in work.due(self._wanted, look, before or look, passed):
                yield site, work, some

    def _look(self, client: Client) -> Looks:
        tables = dict.fromkeys(each.counted for each in self._wanted.values())
        return {table: _look(client, self._settings, table, (self._before or {}).get(table)) for table in tables}


def _look(client: Client, settings: Settings, table: CountedTable, before: Look | None) -> Look:
    """Count the rows again of the days that changed since the look before."""
    known = before or Look({}, {})
    rows_of_day = stored_days(client, table, settings)
    quarters = {
        day: known.quarters[day]
        if known.rows_of_day.get(day) == number
        else stored_quarters(client, table, day, settings)
        for day, number in rows_of_day.items()
    }
    return Look(rows_of_day, quarters)


class _Site:
    """The publications of one site in one run."""

    def __init__(
        self, client: Client, settings: Settings, site: Site, reports: Mapping[str, Report], now: datetime
    ) -> None:
        self._client = client
        self._settings = settings
        self._site = site
        self._reports = reports
        self._secret = secret_of(settings)
        self._now = now
        self._kept_from = now - timedelta(days=settings.retention.rows_days)
        self._ledger = Ledger(client, site.id, self._kept_from)

    def due(self, wanted: Mapping[str, Wanted], look: Looks, before: Looks, passed: datetime) -> Iterator[list[Due]]:
        """Yield what is due, together what one query counts: a span of a report, or the hours of one day."""
        # The traffic of an hour first: it decides about the other reports of the hour. Events before measurements, whose pages they make known.
        for hourly_only, table in product((True, False), sorted(look)):
            some = {
                name: each
                for name, each in wanted.items()
                if each.counted == table and (each.grains == ("hour",)) is hourly_only
            }
            rows, earlier = look[table].of(self._site.id), before[table].of(self._site.id)
            if not some or rows.first is None:
                continue
            stored = Stored(rows, earlier, self._ledger.published(), {} if hourly_only else self._ledger.busy_hours())
            found = due(some, stored, passed=passed, kept_from=self._kept_from, now=self._now, zone=self._site.zone)
            for _, together in groupby(in_order(found), key=self._counted_together):
                yield sorted(together, key=lambda each: each.span)

    def publish(self, some: Sequence[Due]) -> int:
        """Count and write the cells of these spans; return the number of the spans."""
        report = self._reports[some[0].report]
        counted: dict[datetime, list[RawCell]] = defaultdict(list)
        if any(each.events for each in some):
            for start, cell in self._count(report, some):
                counted[in_utc(start)].append(cell)
        publications: list[Publication] = []
        named: list[dict[str, str]] = []
        for each in some:
            is_hour = each.span.grain == "hour"
            cells, has_dropped = of_span(report, counted[each.span.start], with_numbers=each.numbers, is_hour=is_hour)
            if cells and not each.numbers:
                # A fault is named once a day: in which other hours somebody met it is nobody's business.
                midnight = bucket("day", each.span.start, self._site.zone).start
                named += self._ledger.named(report.name, midnight, each.span.start)
                cells = [cell for cell in cells if cell.keys not in named]
                named += [cell.keys for cell in cells]
            publications.append(Publication(each, cells, has_dropped))
        self._ledger.write(publications, self._now)
        return len(publications)

    def _counted_together(self, each: Due) -> tuple[str, datetime]:
        grain: Grain = "day" if each.span.grain == "hour" else each.span.grain
        return f"{each.report} {each.span.grain}", bucket(grain, each.span.start, self._site.zone).start

    def _count(self, report: Report, some: Sequence[Due]) -> Iterator[Counted]:
        grain = some[0].span.grain
        since, until = min(each.span.start for each in some), max(each.span.end for each in some)
        # The noise of an hour is the same, however many hours are counted together.
        _, key_of = self._counted_together(some[0])
        key = noise_key(self._secret, self._site.id, grain, key_of.isoformat())
        values = {"site": self._site.id, "since": since, "until": until, "grain": grain, "k0": key.k0, "k1": key.k1}
        rows = self._client.query(QUERY.format(name=report.name), parameters=values).result_rows
        known = self._known_names() if report.path_keys or report.host_keys else frozenset()
        return read(rows, report, with_groups(known) if report.counted == "technical" else known)

    def _known_names(self) -> frozenset[str]:
        """Return the public pages and the hosts of the site."""
        listed = page_lists.read(self._settings, self._site.id)
        pages = SitePages.of(self._site)
        hosts = {*pages.own.values(), *pages.ads.values()}
        return frozenset(listed.paths if listed else ()).union(
            pages.templates.stored, self._ledger.known_pages(), hosts
        )


def with_groups(pages: frozenset[str]) -> frozenset[str]:
    """Return public pages and the groups of pages that they are in; the group of all unknown names has no name in it."""
    return pages.union((found[0] for found in map(_GROUP.match, pages) if found), ("/*",))


def in_order(found: Iterable[Due]) -> list[Due]:
    """Return what is due by report, grain and time, the newest span first; `pages` before the reports that ask what pages are known."""
    newest = sorted(found, key=lambda each: each.span.start, reverse=True)
    return sorted(newest, key=lambda each: (each.report != PAGES, each.report, ORDER.index(each.span.grain)))


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locks.locked(settings.run_dir / LOCK, wait=False):
        yield
