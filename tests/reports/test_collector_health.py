"""The collector's health by hour: exact, from counters alone; an hour without any count is a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.reports import answers, catalogue, run
from support.days import MIDNIGHT
from support.server import Rows

HEALTH = catalogue.find("technical/collector_health", catalogue.all_reports())
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOON = MIDNIGHT + 12 * HOUR


def asked(tables: Rows, since: datetime = NOON, until: datetime = NOON + HOUR) -> list[dict[str, object]]:
    """Return the rows of a period, by column."""
    table = run.run(tables.settings, HEALTH, "clinic", since, until)
    assert table.columns == HEALTH.view_columns
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_accepted_events_are_stored_lost_or_waiting(tables: Rows) -> None:
    for name, value in (("offered", 60), ("spooled", 60), ("stored", 40), ("rejected", 3), ("quarantined", 2)):
        tables.count(NOON, name, value)
    (row,) = asked(tables)
    assert (row["accepted"], row["lost"], row["waiting"]) == (60, 5, 15)


def test_refusals_are_told_with_the_most_common_reason_of_the_hour(tables: Rows) -> None:
    for minute, reason, value in (
        (0, "flood", 5),
        (1, "unknown_site", 4),
        (2, "unknown_site", 4),
        (59, "bad_query", 6),
    ):
        tables.count(NOON + minute * MINUTE, "refused", value, reason=reason)
        tables.count(NOON + minute * MINUTE, "offered", value)
    # The count of floods by network is another one than that of refusals.
    tables.count(NOON, "flood", 90)
    tables.count(NOON - MINUTE, "refused", 99, reason="bad_host")
    (row,) = asked(tables)
    assert (row["refused"], row["floods"], row["reason"], row["silent"]) == (19, 5, "unknown_site", 56)


def test_an_hour_in_which_the_collector_did_not_run_is_a_row_with_sixty_silent_minutes(tables: Rows) -> None:
    for minute in range(60):
        tables.count(NOON + minute * MINUTE, "offered", 2)
        tables.count(NOON + 2 * HOUR + minute * MINUTE, "offered", 2)
    rows = asked(tables, NOON, NOON + 3 * HOUR)
    assert [(row["hour"], row["silent"], row["reason"]) for row in rows] == [
        (NOON, 0, "none"),
        (NOON + HOUR, 60, "none"),
        (NOON + 2 * HOUR, 0, "none"),
    ]


def test_an_event_at_the_edge_of_two_hours_adds_to_one_what_it_takes_from_the_other(tables: Rows) -> None:
    tables.count(NOON + 59 * MINUTE, "stored", 1)
    tables.count(NOON + HOUR, "spooled", 1)
    assert [row["waiting"] for row in asked(tables, NOON, NOON + 2 * HOUR)] == [-1, 1]


def test_hours_of_the_future_have_no_row_and_the_answer_of_an_empty_table_says_that_no_hit_was_refused(
    tables: Rows,
) -> None:
    table = run.run(tables.settings, HEALTH, "clinic", NOON, MIDNIGHT + timedelta(days=30))
    assert {row[0] for row in table.rows} == {NOON + number * HOUR for number in range(len(table.rows))}
    assert NOON + len(table.rows) * HOUR <= datetime.now(UTC) + HOUR
    assert answers.answer(HEALTH, table, "en") == "The collector refused no hit in this time."
