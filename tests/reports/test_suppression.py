"""Each rule of sql/views/suppressed.sql on the smallest day that shows it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import pytest

from pipeline.reports import answers, catalogue, run
from support import clinic_day
from support.server import Rows

NOON = clinic_day.MIDNIGHT + timedelta(hours=12)
HOUR = timedelta(hours=1)
REPORTS = catalogue.all_reports()

Row = dict[str, object]
Ask = Callable[..., dict[str, int]]


def people(first: int, number: int, **facts: object) -> list[Row]:
    """Return one page view each of so many people with cookies; `first` tells groups of people apart."""
    return [
        clinic_day.row(NOON, visitor=first + each, visitor_kind="cookie", cookie_state="returning", **facts)
        for each in range(number)
    ]


@pytest.fixture
def visitors(tables: Rows) -> Ask:
    """Store rows and return the published visitors of a report by the first word of its rows."""

    def ask(
        name: str, rows: Iterable[Row], since: datetime = clinic_day.SINCE, until: datetime = clinic_day.UNTIL
    ) -> dict[str, int]:
        numbered = [row | {"event_id": uuid.UUID(int=number)} for number, row in enumerate(rows, start=1)]
        if numbered:
            clinic_day.store(tables.settings, numbered)
        table = run.run(tables.settings, catalogue.find(name, REPORTS), clinic_day.SITE, since, until)
        place = table.columns.index("visitors")
        return {"other" if row[-1] else str(row[0]): int(str(row[place])) for row in table.rows}

    return ask


@pytest.mark.parametrize(("number", "shown"), [(4, {}), (5, {"Chrome": 5})])
def test_a_cell_is_shown_from_min_visitors_up(number: int, shown: dict[str, int], visitors: Ask) -> None:
    assert visitors("browsers", people(100, number)) == shown


def test_small_cells_are_shown_together(visitors: Ask) -> None:
    rows = people(100, 10) + people(200, 3, browser="Opera") + people(300, 2, browser="Lynx")
    assert visitors("browsers", rows) == {"Chrome": 10, "other": 5}


def test_a_single_small_cell_takes_the_next_smallest_with_it(visitors: Ask) -> None:
    rows = people(100, 20) + people(200, 10, browser="Safari") + people(300, 4, browser="Opera")
    assert visitors("browsers", rows).keys() == {"Chrome", "other"}


def test_the_same_few_people_in_many_small_cells_are_still_few(visitors: Ask) -> None:
    few = [row for browser in ("Opera", "Lynx", "Dillo") for row in people(300, 3, browser=browser)]
    rows = people(100, 20) + people(200, 10, browser="Safari") + few
    # Nine views of three people: Safari has to come with them.
    assert visitors("browsers", rows).keys() == {"Chrome", "other"}


def test_where_other_never_gets_large_enough_nothing_is_shown(visitors: Ask) -> None:
    assert visitors("browsers", people(100, 2) + people(200, 2, browser="Opera")) == {}


def test_rows_without_a_visitor_are_one_person(visitors: Ask) -> None:
    nobody = [clinic_day.row(NOON) for _ in range(50)]
    assert visitors("browsers", people(100, 3) + nobody) == {}


def test_robots_make_no_people(visitors: Ask) -> None:
    assert visitors("traffic_by_hour", people(100, 4) + people(200, 50, robot="Googlebot")) == {}


def test_a_sensitive_group_is_never_shown_by_name_even_where_rows_have_visitors(visitors: Ask) -> None:
    rows = people(100, 40, page="/gone", status=404) + people(200, 10, page="/old", status=404)
    assert visitors("error_pages", rows + people(300, 50, page="/~oncology", status=404)).keys() == {"/gone", "other"}


def test_a_page_that_is_called_other_is_not_the_folded_row(tables: Rows) -> None:
    rows = people(100, 30, page="other", status=404) + people(200, 20, page="/gone", status=404)
    rows += people(300, 3, page="/a", status=404) + people(400, 3, page="/b", status=404)
    numbered = [row | {"event_id": uuid.UUID(int=number)} for number, row in enumerate(rows, start=1)]
    clinic_day.store(tables.settings, numbered)
    report = catalogue.find("error_pages", REPORTS)
    table = run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
    assert [(row[0], row[-1]) for row in table.rows] == [("other", False), ("/gone", False), ("other", True)]
    assert "on other" in answers.answer(report, table, "en")


def test_a_first_hit_belongs_to_the_cookie_that_comes_back(visitors: Ask) -> None:
    rows: list[Row] = []
    for each in range(10):
        here = {"ip_token": f"2001:db8::{each + 1:x}", "ua_token": 7}
        rows += [clinic_day.row(NOON, visitor=500 + each, visitor_kind="day", cookie_state="new", **here)]
        rows += [clinic_day.row(NOON, visitor=900 + each, visitor_kind="cookie", cookie_state="returning", **here)]
    assert visitors("browsers", rows) == {"Chrome": 10}


def test_a_first_hit_that_never_comes_back_is_a_visitor_of_its_own(visitors: Ask) -> None:
    rows = [clinic_day.row(NOON, visitor=500 + each, visitor_kind="day", cookie_state="new") for each in range(10)]
    assert visitors("browsers", rows) == {"Chrome": 10}


def test_a_period_is_widened_to_whole_hours(visitors: Ask) -> None:
    minute = timedelta(minutes=1)
    inside = [row | {"received_at": NOON + 59 * minute} for row in people(100, 5)]
    outside = [row | {"received_at": NOON + 60 * minute} for row in people(200, 5)]
    assert visitors("traffic_by_hour", inside + outside, NOON + 20 * minute, NOON + 21 * minute).keys() == {str(NOON)}


def test_the_same_question_has_the_same_answer(visitors: Ask) -> None:
    rows = people(100, 33) + people(300, 17, browser="Opera")
    first = visitors("browsers", rows)
    assert visitors("browsers", []) == first
    assert all(number % 5 == 0 for number in first.values())
