"""The published numbers as publisher and readers see them: one process publishes, the first publication counts, others do not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.publish.cells import Shown
from pipeline.publish.due import Due
from pipeline.publish.job import Publishing
from pipeline.publish.ledger import Ledger, Publication
from pipeline.publish.publisher import LOCK, Publisher
from pipeline.reports.buckets import Bucket, bucket
from pipeline.settings.model import Settings
from pipeline.spool.segments import segment_path
from pipeline.system import locks
from support.command import command, free_port
from support.publishing import DAY, HOUR, MIDNIGHT, NOON, NOW, SITE, Desk

UTC_ZONE = ZoneInfo("UTC")
OF_DAY, OF_HOUR = bucket("day", NOON, UTC_ZONE), bucket("hour", NOON, UTC_ZONE)


@pytest.fixture
def ledger(desk: Desk) -> Ledger:
    return Ledger(desk.rows.writer, SITE, MIDNIGHT - DAY)


def publication(
    report: str,
    span: Bucket,
    visitors: int | None,
    keys: dict[str, str],
    revision: int = 0,
    *,
    has_dropped: bool = False,
) -> Publication:
    """Return a publication of one cell."""
    numbers = {} if visitors is None else {"hits": visitors}
    return Publication(Due(report, span, revision, 1), [Shown(keys, visitors, numbers)], has_dropped)


def store(ledger: Ledger, *made: Publication, at: datetime = NOW) -> None:
    ledger.write(made, at)


def store_cells_alone(desk: Desk, ledger: Ledger, *made: Publication) -> None:
    """Store publications whose process ended before the rows that make them valid."""
    store(ledger, *made)
    desk.rows.clear("publications")


def seen(desk: Desk) -> Sequence[object]:
    return [desk.query(f"SELECT * FROM technical.{name}") for name in ("browsers_day", "cells", "publications")]


@pytest.mark.parametrize("second", [timedelta(milliseconds=1), DAY])
def test_a_second_publication_of_a_span_changes_nothing_that_readers_see(
    second: timedelta, desk: Desk, ledger: Ledger
) -> None:
    chrome = {"browser": "Chrome", "major": "142"}
    store(ledger, publication("browsers", OF_DAY, 7, chrome))
    before = seen(desk)
    assert before[0]
    for visitors in random.Random(1).sample(range(8, 99), 6):  # each has a random id, smaller or greater than the first
        store(ledger, publication("browsers", OF_DAY, visitors, chrome, has_dropped=True), at=NOW + second)
        assert seen(desk) == before
    store(ledger, publication("browsers", OF_DAY, 9, chrome, revision=1), at=NOW + 2 * DAY)
    assert [row[:2] for row in desk.query("SELECT visitors, hits FROM technical.browsers_day")] == [(9, 9)]


def test_cells_of_a_publication_that_ended_early_tell_the_publisher_nothing(desk: Desk, ledger: Ledger) -> None:
    made = (
        publication("traffic_by_hour", OF_HOUR, 900, {}),
        publication("pages", OF_DAY, 9, {"page": "/typed"}),
        publication("error_pages", OF_HOUR, None, {"page": "/booking", "status": "500"}),
    )
    store_cells_alone(desk, ledger, *made)
    assert ledger.busy_hours() == {}
    assert ledger.known_pages() == frozenset()
    assert ledger.named("error_pages", MIDNIGHT, NOON + HOUR) == []
    store(ledger, *made)
    assert ledger.busy_hours() == {NOON: True}
    assert ledger.known_pages() == {"/typed"}
    assert ledger.named("error_pages", MIDNIGHT, NOON + HOUR) == [{"page": "/booking", "status": "500"}]


def test_a_page_that_was_last_published_more_than_four_weeks_ago_is_not_known(ledger: Ledger) -> None:
    # MIDNIGHT was two days ago.
    for page, days in (("/26-days-ago", 24), ("/29-days-ago", 27)):
        day = bucket("day", MIDNIGHT - days * DAY, UTC_ZONE)
        store(ledger, publication("pages", day, 9, {"page": page}))
    assert ledger.known_pages() == {"/26-days-ago"}


def test_the_publisher_knows_of_a_corrected_hour_the_newest_number_alone(ledger: Ledger) -> None:
    store(ledger, publication("traffic_by_hour", OF_HOUR, 900, {}))
    store(ledger, publication("traffic_by_hour", OF_HOUR, 9, {}, revision=1))
    assert ledger.busy_hours() == {NOON: False}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "run").mkdir()
    return Settings(data=tmp_path, clickhouse={"port": free_port()})


def test_while_one_process_publishes_another_one_does_not(settings: Settings) -> None:
    with locks.locked(settings.run_dir / LOCK), pytest.raises(locks.Held):
        Publisher(settings).run(NOW, NOW)


def test_ship_skips_its_turn_while_a_person_publishes(settings: Settings) -> None:
    job = Publishing()
    job(settings)  # the first look
    with locks.locked(settings.run_dir / LOCK):
        job(settings)


def test_a_person_is_told_that_ship_publishes_right_now(settings: Settings) -> None:
    with locks.locked(settings.run_dir / LOCK):
        told = command(settings.data, "publish")
    assert told.returncode != 0
    assert "`ship` publishes right now; run it again in a moment" in told.stderr + told.stdout


def test_a_person_does_not_publish_what_the_spool_still_holds(settings: Settings) -> None:
    settings.spool_dir.mkdir()
    segment_path(settings.spool_dir, "w1", 20261127000000, 1, "seg").write_bytes(b"x")
    told = command(settings.data, "publish", before="import pipeline.publish.job as job; job.PATIENCE_SECONDS = 0.0")
    assert told.returncode != 0
    assert "segments of the spool that are not stored yet: 1" in told.stderr + told.stdout
