"""F13 at its edges: what is a burst, and which fast reader is none."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from pipeline.reports import catalogue, run
from support import clinic_day
from support.server import Rows

Found = list[tuple[object, ...]]
Ask = Callable[..., Found]


@pytest.fixture
def bursts(tables: Rows) -> Ask:
    """Store one visitor's page views at these seconds before or after noon and return what the report finds."""

    def ask(seconds: Sequence[float], pages: int = 9, hour: int = 12, **facts: object) -> Found:
        start = clinic_day.MIDNIGHT + timedelta(hours=hour)
        who = {"visitor": 0xABC, "visitor_kind": "cookie", "cookie_state": "returning"} | facts
        rows = []
        for number, second in enumerate(seconds):
            at = start + timedelta(seconds=second)
            rows.append(clinic_day.row(at, **who, page=f"/{number % pages}", event_id=uuid.UUID(int=number + 1)))
        clinic_day.store(tables.settings, rows)
        report = catalogue.find("bursts", catalogue.all_reports())
        since, until = clinic_day.SINCE - timedelta(days=1), clinic_day.UNTIL
        return run.run(tables.settings, report, clinic_day.SITE, since, until).rows

    return ask


def test_eight_pages_in_ten_seconds_are_a_burst(bursts: Ask) -> None:
    [row] = bursts([0, 1, 1.5, 4, 5, 6, 9, 9.999])
    assert row[2:6] == (8, 8, 8, "1200111002")


def test_eight_pages_in_ten_seconds_and_a_millisecond_are_none(bursts: Ask) -> None:
    assert bursts([0, 1, 2, 3, 4, 5, 9, 10.0]) == []


def test_twenty_pages_in_a_minute_are_a_burst(bursts: Ask) -> None:
    [row] = bursts([3 * number for number in range(20)])
    assert row[2:5] == (4, 20, 9)


def test_nineteen_pages_in_a_minute_are_none(bursts: Ask) -> None:
    assert bursts([3 * number for number in range(19)]) == []


def test_a_reload_storm_on_two_pages_is_another_problem(bursts: Ask) -> None:
    assert bursts([0.1 * number for number in range(30)], pages=2) == []


def test_a_burst_does_not_join_two_key_epochs(bursts: Ask) -> None:
    assert bursts([-4, -3, -2, -1, 0, 1, 2, 3], hour=0) == []


def test_one_visitor_is_another_subject_on_the_next_day(bursts: Ask) -> None:
    fast = [0.5 * number for number in range(12)]
    [one, another] = bursts(fast + [hours * 3600 + second for hours in (-24,) for second in fast])
    assert one[0] != another[0]
    assert {len(row[0]) for row in (one, another)} == {16}
    assert f"{0xABC:x}" not in one[0] + another[0]


@pytest.mark.parametrize(
    "facts", [{"robot": "Googlebot"}, {"net_class": "own"}, {"visitor": 0}, {"kind": "impression"}], ids=str
)
def test_robots_staff_nobody_and_impressions_make_no_burst(facts: dict[str, object], bursts: Ask) -> None:
    assert bursts([0.5 * number for number in range(12)], **facts) == []


def test_more_than_nine_a_second_are_a_plus_in_the_strip(bursts: Ask) -> None:
    [row] = bursts([0.05 * number for number in range(15)])
    assert row[5] == "+000000000"
