"""A site whose numbers a test publishes: rows in, one run of the publisher, and the answers that a reader gets."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from pipeline.database.client import connect, in_utc
from pipeline.pages import known
from pipeline.publish.noise import KEYS, MILLION, Kind, Noise, noise
from pipeline.publish.publisher import Publisher
from pipeline.reports import catalogue, run
from pipeline.reports.buckets import Grain
from pipeline.reports.header import PEOPLE
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support import clinic_day, clinic_faults, measured_day
from support.days import MIDNIGHT
from support.server import Rows

SITE = clinic_day.SITE
ZONES = {SITE: "UTC", "kolkata": "Asia/Kolkata", "berlin": "Europe/Berlin", "howe": "Australia/Lord_Howe"}
"""The time zone of each site of these tests."""
SAME_ZONE = "dentist"
"""Another site in the time zone of SITE."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = MIDNIGHT + 12 * HOUR
NOW = MIDNIGHT + 2 * DAY
"""The time of a publication that a test does not name."""
ALL = catalogue.all_reports()

Row = dict[str, object]
Answer = dict[str, Any]


def view(person: int, at: datetime = NOON, **facts: object) -> Row:
    """Return one page view of a person with a cookie."""
    return clinic_day.row(at, **({"visitor": person, "visitor_kind": "cookie", "cookie_state": "returning"} | facts))


def views(first: int, number: int, at: datetime = NOON, **facts: object) -> list[Row]:
    """Return one page view each of so many people; `first` tells groups of people apart."""
    return [view(first + place, at, **facts) for place in range(number)]


def loads(kind: str, first: int, number: int, at: datetime = NOON, **facts: object) -> list[Row]:
    """Return one measurement each of so many page loads; `first` tells groups of page loads apart."""
    return [measured_day.measurement(at, kind, first + place, **facts) for place in range(number)]


class Constant(Noise):
    """The same noise from every key, in whole steps."""

    def hits(self, number: int, step: int, key: int) -> int:
        """Return a number of hits with this noise."""
        return max(0, number + self.draw(key) * step) if number else 0


def constant(value: int) -> Noise:
    """Return a table that draws this value from every key."""
    reach = 10
    return Constant(1.0, reach, tuple(0 if place < value + reach else MILLION for place in range(2 * reach + 1)))


@contextmanager
def noise_of(value: int) -> Iterator[None]:
    """Give every number the same noise, so that a rule shows in exact figures."""
    table: dict[Kind, Noise] = {"ordinary": constant(value), "sensitive": constant(value)}
    with patch("pipeline.publish.cells.noise", lambda: table):
        yield


def key_of(value: int, kind: Kind = "ordinary") -> int:
    """Return a cell key whose noise is `value`."""
    table = noise()[kind]
    below = (0, *table.limits)[value + table.reach]
    return (below * KEYS) // MILLION + KEYS // MILLION


def publish_all(settings: Settings, now: datetime | None = None) -> int:
    """Publish every span of the stored rows that is closed now, or was at another time; return how many."""
    moment = now or datetime.now(UTC)
    return Publisher(settings).run(moment, moment, wait=False)


def publish_exactly(settings: Settings, now: datetime | None = None) -> int:
    """Do the same without noise, for a test that compares numbers; thresholds and parts stay."""
    with noise_of(0):
        return publish_all(settings, now)


def store_published_day(settings: Settings) -> None:
    """Leave nothing in the tables but the made-up day of the clinic, and publish it without noise."""
    rows = Rows(settings)
    rows.clear()
    rows.close()
    clinic_day.store(settings, clinic_day.rows())
    clinic_day.store(settings, measured_day.rows(), "technical")
    publish_exactly(settings)


def store_published_faults(settings: Settings) -> None:
    """Add the day of the branch that has one fault of each kind, and publish it without noise."""
    clinic_day.store(settings, clinic_faults.rows())
    branch = Site(id=clinic_faults.SITE, hosts=(clinic_faults.HOST,))
    publish_exactly(settings.model_copy(update={"sites": (branch,)}))


class Cell(NamedTuple):
    """One published cell of technical.cells."""

    report: str
    grain: str
    start: datetime
    keys: dict[str, str]
    visitors: int | None
    numbers: dict[str, int]
    corrected: bool


class Desk:
    """The tables, the publisher over chosen reports, and the questions of a reader."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.settings: Settings = rows.settings
        self._ops = connect(rows.settings, "ops")
        self._stored = 0
        self._sites: set[object] = set()

    def close(self) -> None:
        """Close the reader's connection."""
        self._ops.close()

    def clear(self) -> None:
        """Empty the tables and forget the known pages."""
        self.rows.clear("events", "technical", "cells", "publications", "subject_blocks")
        self._sites.clear()
        for site in self.settings.sites:
            known.file_of(self.settings, site.id).unlink(missing_ok=True)

    def know(self, *paths: str) -> None:
        """Make these paths public, as a sitemap does."""
        known.write(self.settings, SITE, "sitemap", paths, NOW)

    def store(self, *groups: Iterable[Mapping[str, object]]) -> None:
        """Store rows, each with an id of its own."""
        rows = [dict(row) for group in groups for row in group]
        for place, row in enumerate(rows, self._stored + 1):
            row["event_id"] = uuid.UUID(int=place)
        self._stored += len(rows)
        self._sites |= {row["site"] for row in rows}
        for columns in dict.fromkeys(tuple(row) for row in rows):
            clinic_day.store(self.settings, [row for row in rows if tuple(row) == columns])

    def measure(self, *groups: Iterable[Mapping[str, object]]) -> None:
        """Store measurements."""
        rows = [row for group in groups for row in group]
        self._sites |= {row["site"] for row in rows}
        for columns in dict.fromkeys(tuple(row) for row in rows):
            clinic_day.store(self.settings, [row for row in rows if tuple(row) == columns], "technical")

    def publisher(self, *reports: str, grains: Sequence[Grain] = ()) -> Publisher:
        """Return a publisher of the stored sites and of these reports alone, or of these spans of them.

        A test of one rule counts one report.
        """
        sites = tuple(site for site in self.settings.sites if site.id in self._sites)
        found = [catalogue.find(name, ALL) for name in reports]
        chosen = tuple(each.model_copy(update={"grains": tuple(grains) or each.grains}) for each in found)
        with patch("pipeline.publish.publisher.all_reports", lambda: chosen):
            return Publisher(self.settings.model_copy(update={"sites": sites}))

    def publish(
        self,
        *reports: str,
        until: datetime = MIDNIGHT + DAY,
        now: datetime = NOW,
        noise: int | None = None,
        grains: Sequence[Grain] = (),
    ) -> int:
        """Publish what is closed of these reports and return the number of spans; `noise` is that of every number."""
        publisher = self.publisher(*reports, grains=grains)
        if noise is None:
            return publisher.run(until, now, wait=False)
        with noise_of(noise):
            return publisher.run(until, now, wait=False)

    def ask(
        self, report: str, since: datetime = MIDNIGHT, until: datetime = MIDNIGHT + DAY, site: str = SITE
    ) -> list[Answer]:
        """Return the rows of a report as a reader gets them, by column."""
        table = run.run(self.settings, catalogue.find(report, ALL), site, since, until, client=self._ops)
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    def visitors(self, report: str, key: str) -> dict[str, int | None]:
        """Return the visitors or page loads of each row of a report's day, by one of its keys."""
        (people,) = catalogue.find(report, ALL).named(*PEOPLE)
        return {row[key]: row[people] for row in self.ask(report)}

    def cells(self, report: str = "", grain: str = "") -> list[Cell]:
        """Return the published cells, of one report or grain alone if they are given."""
        made: dict[tuple[Any, ...], dict[str, int | None]] = {}
        for *place, measure, number in self.query(
            "SELECT report, grain, start, key1, key2, key3, key4, corrected, measure, number FROM technical.cells"
        ):
            made.setdefault(tuple(place), {})[measure] = number
        cells = [_cell(*place, numbers=numbers) for place, numbers in made.items()]
        return [each for each in cells if report in {"", each.report} and grain in {"", each.grain}]

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of a reader."""
        return [tuple(row) for row in self._ops.query(query).result_rows]


def _cell(report: str, grain: str, start: datetime, *keys_and_corrected: Any, numbers: dict[str, int | None]) -> Cell:
    *keys, corrected = keys_and_corrected
    named = dict(zip(catalogue.find(report, ALL).named("key"), keys, strict=False))
    visitors = numbers.pop("visitors")
    measures = {name: number for name, number in numbers.items() if number is not None}
    return Cell(report, grain, in_utc(start), named, visitors, measures, bool(corrected))
