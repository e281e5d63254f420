"""Requests of persons on two shards: what is found, hidden, held, handed over and erased is so on both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from pipeline.database.client import of_each_shard, working_as
from pipeline.publish.ledger import stored_days, stored_quarters
from pipeline.settings.model import Settings
from pipeline.subjects.rows import SubjectRows, subject_rows
from support import clinic_day
from support.publishing import views
from support.server import Rows
from support.shards import Shards
from support.subject import CASE

PERSON, ANOTHER = 77, 78
AT = clinic_day.SINCE + timedelta(hours=12)
OF_PERSON = 6
NOW = datetime.now(UTC)
_SEEN = (
    "CREATE OR REPLACE VIEW privacy.seen DEFINER = pixel_viewer SQL SECURITY DEFINER AS"
    " SELECT visitor, count() AS number FROM pixel.events GROUP BY visitor"
)


class Desk:
    """The rows of two visitors on both shards."""

    def __init__(self, settings: Settings, rows: SubjectRows) -> None:
        self.settings, self.rows = settings, rows
        self.case = replace(CASE, visitors={AT.year: PERSON}, first=AT.date(), last=AT.date())

    def on_each(self, query: str) -> list[int]:
        """Return the number that each shard answers."""
        return of_each_shard(self.settings, "pixel_admin", lambda shard: int(shard.query(query).result_rows[0][0]))

    def of(self, visitor: int, table: str = "events") -> list[int]:
        """Return how many rows of a visitor each shard has."""
        return self.on_each(f"SELECT count() FROM pixel.{table}_local WHERE visitor = {visitor}")

    def seen(self) -> dict[int, int]:
        """Return the rows of each visitor that a view shows."""
        with working_as(self.settings, "privacy") as reader:
            return dict(reader.query("SELECT visitor, number FROM privacy.seen").result_rows)


@pytest.fixture
def desk(two_shards: Shards) -> Iterator[Desk]:
    settings = two_shards.settings
    tables = Rows(settings)
    tables.clear()
    with working_as(settings, "pixel_migrator") as migrator:
        migrator.command(_SEEN)
    for visitor in (PERSON, ANOTHER):
        for place in range(OF_PERSON // 2):
            clinic_day.store(settings, views(visitor, 1, AT + timedelta(hours=place)) * 2)
    with subject_rows(settings) as rows:
        yield Desk(settings, rows)
    with working_as(settings, "pixel_migrator") as migrator:
        migrator.command("DROP VIEW privacy.seen")
    tables.clear()
    tables.close()


def test_the_rows_of_a_person_are_found_on_every_shard(desk: Desk) -> None:
    assert desk.of(PERSON) == [OF_PERSON // 2] * 2
    ((day, _),) = desk.rows.per_day(desk.case)
    assert day == AT.date()
    times = [event["received_at"] for event in desk.rows.export(desk.case)["events"]]
    assert len(times) == OF_PERSON
    assert times == sorted(times)


def test_a_block_hides_the_rows_of_every_shard_and_no_count_of_stored_rows_becomes_less(desk: Desk) -> None:
    def counts() -> object:
        with working_as(desk.settings, "pixel_writer") as writer:
            (day,) = stored_days(writer, "events", desk.settings)
            return stored_days(writer, "events", desk.settings), stored_quarters(writer, "events", day, desk.settings)

    before = counts()
    assert desk.seen() == {PERSON: OF_PERSON, ANOTHER: OF_PERSON}
    desk.rows.set_block(desk.case, "blocked", NOW)
    assert desk.seen() == {ANOTHER: OF_PERSON}
    assert counts() == before
    assert len(desk.rows.export(desk.case)["events"]) == OF_PERSON, "the person receives blocked rows, too"
    desk.rows.set_block(desk.case, "unblocked", NOW + timedelta(seconds=1))
    assert desk.seen() == {PERSON: OF_PERSON, ANOTHER: OF_PERSON}


def test_blocked_rows_are_held_on_their_shard_until_the_block_ends(desk: Desk) -> None:
    near_their_end = NOW + timedelta(days=desk.settings.retention.rows_days)
    desk.rows.set_block(desk.case, "blocked", NOW)
    assert desk.rows.hold(desk.settings, near_their_end) == OF_PERSON
    assert desk.rows.hold(desk.settings, near_their_end) == OF_PERSON, "a second time none is copied"
    assert desk.of(PERSON, "held") == [OF_PERSON // 2] * 2
    assert len(desk.rows.export(desk.case)["events"]) == OF_PERSON, "a row and its copy are handed over once"
    desk.rows.release()
    assert desk.of(PERSON, "held") == [OF_PERSON // 2] * 2
    desk.rows.set_block(desk.case, "unblocked", NOW + timedelta(seconds=1))
    desk.rows.release()
    assert desk.of(PERSON, "held") == [0, 0]


def test_an_erased_person_is_on_no_shard_and_others_stay(desk: Desk) -> None:
    desk.rows.set_block(desk.case, "blocked", NOW)
    counts = desk.rows.erase(desk.case, NOW + timedelta(days=1))
    assert counts["events"] == OF_PERSON
    assert desk.of(PERSON) == [0, 0]
    assert desk.of(ANOTHER) == [OF_PERSON // 2] * 2
