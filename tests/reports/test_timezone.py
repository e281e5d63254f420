"""Reports give the hours and days of the site's time zone; the rows are in UTC."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from pipeline.cli import build_app
from pipeline.reports import answers, catalogue, run
from pipeline.reports.header import Report
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support import clinic_day
from support.publishing import publish_exactly
from support.server import Rows

ALL = catalogue.all_reports()
ZONES = {"berlin": "Europe/Berlin", "kolkata": "Asia/Kolkata", "clinic": "UTC"}
SITES = tuple(Site(id=name, hosts=(f"{name}.example",), timezone=zone) for name, zone in ZONES.items())
PEOPLE = 5


@pytest.fixture
def zoned(tables: Rows) -> Iterator[Settings]:
    """The shared server with the views of three sites; afterwards with its own again."""
    with tables.views_of(SITES) as settings:
        yield settings


def store(settings: Settings, site: str, *moments: datetime, **facts: object) -> None:
    """Store a page view of five people at each of these moments."""
    who = {"visitor_kind": "cookie", "cookie_state": "returning", "site": site}
    rows = [
        clinic_day.row(at, visitor=person + 100 * place, **who, **facts) | {"event_id": uuid.uuid4()}
        for place, at in enumerate(moments, 1)
        for person in range(PEOPLE)
    ]
    clinic_day.store(settings, rows)


def hours(settings: Settings, site: str, since: datetime, until: datetime) -> answers.Table:
    """Return the traffic by hour, published at the end of the last hour."""
    publish_exactly(settings, until + timedelta(hours=1))
    return run.run(settings, catalogue.find("traffic_by_hour", ALL), site, since, until)


def test_two_hours_of_one_name_in_autumn_are_two_rows_with_their_offsets(zoned: Settings) -> None:
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    store(zoned, "berlin", first, first + timedelta(hours=1))
    table = hours(zoned, "berlin", first, first + timedelta(hours=1))
    assert [row[0].isoformat() for row in table.rows] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]  # type: ignore[attr-defined]
    assert [row[0] for row in answers.for_eyes(table_report(), table, "en").rows] == [
        "2026-10-25 02:00+02:00",
        "2026-10-25 02:00+01:00",
    ]


def table_report() -> Report:
    return catalogue.find("traffic_by_hour", ALL)


def test_hours_of_a_zone_of_half_hours_begin_at_its_own_full_hour(zoned: Settings) -> None:
    at = datetime(2026, 11, 20, 6, 20, tzinfo=UTC)
    store(zoned, "kolkata", at, at + timedelta(minutes=20))
    table = hours(zoned, "kolkata", at, at + timedelta(minutes=1))
    assert [(row[0].isoformat(), row[1]) for row in table.rows] == [("2026-11-20T11:00:00+05:30", PEOPLE)]  # type: ignore[attr-defined]
    table = hours(zoned, "kolkata", at, at + timedelta(hours=1))
    assert [row[0].isoformat() for row in table.rows] == ["2026-11-20T11:00:00+05:30", "2026-11-20T12:00:00+05:30"]  # type: ignore[attr-defined]


def test_a_site_without_a_zone_is_in_utc(zoned: Settings) -> None:
    at = datetime(2026, 11, 20, 6, 40, tzinfo=UTC)
    store(zoned, "clinic", at)
    (row,) = hours(zoned, "clinic", at, at + timedelta(minutes=1)).rows
    assert row[0] == at.replace(minute=0)
    assert row[0].tzinfo is UTC  # type: ignore[attr-defined]


def test_a_day_of_the_site_is_published_and_asked_as_a_whole(zoned: Settings) -> None:
    # The day of 25 hours in Berlin: its first and its last hour, and an hour of each day beside it.
    first, last = datetime(2026, 10, 24, 22, 10, tzinfo=UTC), datetime(2026, 10, 25, 22, 50, tzinfo=UTC)
    hour = timedelta(hours=1)
    store(zoned, "berlin", first - hour, first, last, last + hour)
    publish_exactly(zoned, last + 26 * hour)
    report = catalogue.find("traffic_by_day", ALL)
    whole = run.run(zoned, report, "berlin", first, last).rows
    assert [(row[0].isoformat(), row[1]) for row in whole] == [("2026-10-25T00:00:00+02:00", 2 * PEOPLE)]  # type: ignore[attr-defined]
    assert run.run(zoned, report, "berlin", first + 9 * hour, first + 10 * hour).rows == whole
    assert len(run.run(zoned, report, "berlin", first - hour, last).rows) == 2


def test_the_days_of_robots_are_those_of_the_site(zoned: Settings) -> None:
    # 18:29 and 18:31 in UTC are two days in Kolkata.
    at = datetime(2026, 11, 20, 18, 29, tzinfo=UTC)
    for minutes in (0, 2):
        store(zoned, "kolkata", at + timedelta(minutes=minutes), robot="Googlebot", page=f"/{minutes}")
    report = catalogue.find("fraud/robots", ALL)
    table = run.run(zoned, report, "kolkata", at, at + timedelta(hours=1))
    (row,) = table.rows
    shown = dict(zip(table.columns, row, strict=True))
    assert (shown["hits"], shown["pages"]) == (2 * PEOPLE, 1)
    assert shown["last_seen"].isoformat() == "2026-11-21T00:01:00+05:30"


def test_the_command_reads_and_names_times_in_the_zone(zoned: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    store(zoned, "berlin", at)
    publish_exactly(zoned, at + timedelta(hours=1))
    monkeypatch.setattr("pipeline.settings.model.load", lambda _config=None: zoned)
    asked = ["report", "traffic_by_hour", "--site", "berlin", "--since", "2026-10-25", "--until", "2026-10-26"]
    told = CliRunner().invoke(build_app(), [*asked, "--format", "json"])
    (row,) = json.loads(told.stdout)
    assert row["hour"] == "2026-10-25T02:00:00+02:00"
    told = CliRunner().invoke(build_app(), [*asked, "--format", "table"])
    assert "berlin, 2026-10-25 00:00+02:00 - 2026-10-26 00:00+01:00 Europe/Berlin." in " ".join(told.output.split())


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd", "europe/berlin", "right/Europe/Berlin"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Site(id="clinic", hosts=("clinic.example",), timezone=name)


def test_a_zone_without_a_file_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="no time zone is called Mars/Olympus; expected an IANA name"):
        Site(id="clinic", hosts=("clinic.example",), timezone="Mars/Olympus")
