"""The differencing script: no window moved by an hour or a day, no value dropped, isolates a small group."""

from __future__ import annotations

import statistics
import uuid
from collections import Counter

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import code, connect
from pipeline.reports import catalogue
from pipeline.reports.answers import Table
from pipeline.reports.catalogue import Period
from support import clinic_day
from support.differencing import (
    CELLS,
    END,
    HOUR,
    START,
    Fact,
    Published,
    Truth,
    facts,
    isolated_between,
    isolated_in,
    moment,
    windows,
)
from support.server import Rows

LEAST = 5
READONLY, SETTING_CONSTRAINT_VIOLATION = 164, 452
"""ClickHouse's numbers for a setting that the reader's profile does not allow."""
ALL = {report.path: report for report in catalogue.all_reports() if report.suppressed}


class Asked:
    """Published tables, asked through one connection as role ops, each window once."""

    def __init__(self, rows: Rows, known: list[Fact]) -> None:
        clinic_day.store(rows.settings, [fact.row for fact in known])
        self._client = connect(rows.settings, "ops")
        self._seen: dict[tuple[str, Period], Published] = {}

    def __call__(self, path: str, window: Period, extra: str = "") -> Published:
        if (path, window) not in self._seen or extra:
            since, until = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in window)
            name = path.replace("/", ".")
            answer = self._client.query(
                f"SELECT * FROM {name}(site='{clinic_day.SITE}', since='{since}', until='{until}') {extra}"
            )
            table = Table(tuple(answer.column_names), [tuple(row) for row in answer.result_rows])
            self._seen[path, window] = Published.of(table)
        return self._seen[path, window]


def rows_of(known: list[Fact], window: Period) -> list[dict[str, object]]:
    """Return the stored rows of a window."""
    return [fact.row for fact in known if window.since <= moment(fact.row) < window.until]


def raw(truth: Truth, window: Period) -> Published:
    """The numbers that a report without suppression would publish."""
    return Published({key: {"visitors": len(people)} for key, people in truth.cells(window).items()})


def test_every_suppressed_report_is_attacked() -> None:
    assert set(CELLS) == set(ALL)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_difference_of_windows_and_no_dropped_value_isolates_a_small_group(seed: int, tables: Rows) -> None:
    known = facts(seed)
    asked = Asked(tables, known)
    shown = 0
    for path in CELLS:
        truth = Truth(path, known)
        for window, neighbours in windows(seed, 4):
            seen = asked(path, window)
            shown += len(seen.by_name)
            assert not list(isolated_in(window, seen, truth, LEAST)), (path, window)
            for near in neighbours:
                assert not list(isolated_between(seen, asked(path, near), LEAST)), (path, window, near)
    assert shown > 20, "an attack on empty reports proves nothing"


@pytest.mark.parametrize("path", CELLS)
def test_the_differencing_script_finds_people_where_nothing_is_suppressed(path: str) -> None:
    truth = Truth(path, facts(1))
    within, between = 0, 0
    for window, neighbours in windows(1, 4):
        within += len(list(isolated_in(window, raw(truth, window), truth, LEAST)))
        between += sum(len(list(isolated_between(raw(truth, window), raw(truth, near), LEAST))) for near in neighbours)
    assert within > 0
    assert between > 0


def test_a_step_between_two_windows_proves_no_new_person(tables: Rows) -> None:
    known = facts(4)
    asked = Asked(tables, known)
    truth = Truth("technical/browsers", known)
    steps: dict[bool, Counter[bool]] = {True: Counter(), False: Counter()}
    for hours in range(24, 96):
        one, two = Period(START, START + hours * HOUR), Period(START, START + (hours + 1) * HOUR)
        key = ("Chrome", "142")
        new = truth.cells(two).get(key, set()) - truth.cells(one).get(key, set())
        rows_differ = rows_of(known, one) != rows_of(known, two)
        before, after = (asked("technical/browsers", each).by_name.get(key) for each in (one, two))
        if before and after and len(new) < LEAST and rows_differ:
            steps[bool(new)][before["visitors"] != after["visitors"]] += 1
    # With and without a new person the number sometimes moves and sometimes does not.
    assert all(steps[came][moved] for came in (True, False) for moved in (True, False)), steps


def test_rounding_has_no_drift(tables: Rows) -> None:
    known = facts(5)
    asked = Asked(tables, known)
    whole = [Period(START, START + hours * HOUR) for hours in range(30, 97, 3)]
    errors = [
        sum(numbers["hits"] for numbers in asked("technical/networks", window).numbers.values())
        - len(rows_of(known, window))
        for window in whole
    ]
    assert abs(statistics.mean(errors)) < LEAST / 2
    assert max(abs(error) for error in errors) < LEAST * len(asked("technical/networks", whole[-1]).numbers)


def test_one_person_without_a_cookie_is_not_a_group_after_five_days(tables: Rows) -> None:
    often = [
        clinic_day.row(START + 24 * day * HOUR, visitor=10 + day, visitor_kind="day", event_id=uuid.UUID(int=day))
        for day in range(4)
    ]
    once = clinic_day.row(START + HOUR, visitor=99, visitor_kind="cookie", event_id=uuid.UUID(int=9))
    asked = Asked(tables, [Fact(1, each) for each in [*often, once]])
    assert asked("technical/browsers", Period(START, END)).numbers == {}


@pytest.mark.parametrize(
    "extra",
    [
        "SETTINGS additional_table_filters = {'pixel.events': 'visitor % 2 = 0'}",
        "SETTINGS additional_table_filters = {'events': 'visitor % 2 = 0', 'all_events': 'visitor % 2 = 0'}",
        "SETTINGS max_rows_to_read = 10, read_overflow_mode = 'break'",
        "SETTINGS max_rows_to_group_by = 1, group_by_overflow_mode = 'any'",
        "SETTINGS session_timezone = 'Asia/Kolkata'",
        "SETTINGS group_by_use_nulls = 1, join_use_nulls = 1",
        "SETTINGS enable_analyzer = 0",
    ],
)
def test_a_caller_may_not_bring_settings_that_change_who_is_counted(extra: str, tables: Rows) -> None:
    asked = Asked(tables, facts(1))
    window = Period(START, END)
    assert asked("technical/browsers", window).numbers
    with pytest.raises(ClickHouseError) as refused:
        asked("technical/browsers", window, extra)
    assert code(refused.value) in {READONLY, SETTING_CONSTRAINT_VIOLATION}


def test_the_settings_a_caller_may_bring_change_no_number(tables: Rows) -> None:
    asked = Asked(tables, facts(1))
    window = Period(START, END)
    usual = asked("technical/browsers", window)
    assert usual.numbers
    assert asked("technical/browsers", window, "SETTINGS limit = 1000, offset = 0, max_threads = 1") == usual
