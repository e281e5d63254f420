"""All sites silent at once are a gap of the collector; one silent site is a fault of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from pipeline.detection.series import Table
from pipeline.problems import store
from pipeline.problems.evaluate import evaluate, last_heard, with_gap
from pipeline.problems.job import Evaluation
from pipeline.problems.problem import Problem
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support import clinic_day
from support.made_site import MadeSite
from support.server import Rows

HOUR = timedelta(hours=1)
DAYS = 21
SILENT_FROM, NOW = 20 * 24 + 10, 20 * 24 + 16
"""From ten to four o'clock of a Sunday."""


class Seen(NamedTuple):
    """One site at one moment."""

    problems: list[Problem]
    heard: datetime | None


def site(
    a_day: float, seed: int, *, silent_from: int | None = SILENT_FROM, days: int = DAYS, left: float = 0.0
) -> Seen:
    """Return a site of so many people a day, of whom a part `left` comes since an hour; None: all come."""
    made = MadeSite(DAYS, a_day)
    if silent_from is not None:
        made.level[silent_from:] *= left
    rows = made.rows(seed)
    start = made.time((DAYS - days) * 24)
    table = Table(start, made.time(NOW), rows, made.zone)
    return Seen(evaluate(table, "site", []), last_heard(table))


def causes(*seen: Seen) -> list[list[str]]:
    """Return the causes of the silences of each site, once all were looked at together."""
    found = {f"site-{place}": each.problems for place, each in enumerate(seen)}
    after = with_gap(found, {f"site-{place}": each.heard for place, each in enumerate(seen)})
    assert list(after) == list(found)
    return [
        [problem.facts.cause for problem in problems if problem.watch == "all_traffic"] for problems in after.values()
    ]


def test_two_sites_that_fall_silent_together_are_a_gap_of_the_collector() -> None:
    assert causes(site(300, 1), site(200, 2)) == [["collector_gap"], ["collector_gap"]]


def test_one_silent_site_is_a_fault_of_its_tag_or_server() -> None:
    assert causes(site(300, 1)) == [["check_tag"]]
    assert causes(site(300, 1), site(200, 2, silent_from=None)) == [["check_tag"], []]


def test_two_sites_that_fall_silent_on_different_days_are_two_faults() -> None:
    assert causes(site(300, 1, silent_from=SILENT_FROM - 48), site(200, 2)) == [["check_tag"], ["check_tag"]]


def test_a_third_site_that_is_heard_shows_that_the_collector_works() -> None:
    assert causes(site(300, 1), site(200, 2), site(300, 3, silent_from=None)) == [["check_tag"], ["check_tag"], []]


def test_a_young_site_that_is_heard_shows_it_too_and_a_young_silent_one_does_not_hide_the_gap() -> None:
    assert causes(site(300, 1), site(200, 2), site(300, 3, silent_from=None, days=3))[:2] == [
        ["check_tag"],
        ["check_tag"],
    ]
    assert causes(site(300, 1), site(200, 2), site(300, 3, days=3)) == [["collector_gap"], ["collector_gap"], []]


def test_a_site_that_was_silent_for_days_hides_no_gap_of_the_others() -> None:
    old = site(300, 1, silent_from=SILENT_FROM - 96)
    assert causes(old, site(200, 2), site(300, 3)) == [["check_tag"], ["collector_gap"], ["collector_gap"]]


def test_two_sites_with_some_people_left_are_no_gap() -> None:
    few = site(900, 1, left=0.05)
    assert causes(few, site(200, 2)) == [["check_tag"], ["check_tag"]]


def test_two_sites_that_lost_a_half_are_no_gap() -> None:
    assert causes(site(900, 1, left=0.4), site(900, 2, left=0.4)) == [[""], [""]]


def test_without_problems_there_is_nothing_to_say() -> None:
    nobody = Seen([], None)
    assert with_gap({}, {}) == {}
    assert causes(nobody, nobody) == [[], []]


def test_the_evaluation_of_a_running_system_names_the_gap_and_stores_it(tables: Rows) -> None:
    # In the evening: of a silence that began in the night, the morning does not tell yet whether the day is a holiday.
    until = (datetime.now(UTC) - 18 * HOUR).replace(hour=0, minute=0, second=0, microsecond=0) + 18 * HOUR
    names = ("one", "two")
    with tables.views_of(tuple(Site(id=name, hosts=(f"{name}.example",)) for name in names)) as settings:
        for name in names:
            clinic_day.store(settings, list(visits(name, until)))
        found = Evaluation(settings).run(until, wait=False)
        gap = [("all_traffic", "collector_gap")]
        assert {name: told(problems) for name, problems in found.items()} == {"one": gap, "two": gap}
        assert stored(settings) == found
        clinic_day.store(settings, [visit("one", until - HOUR / 2, 10**6 + number) for number in range(3)])
        found = Evaluation(settings).run(until, wait=False)
        assert told(found["two"]) == [("all_traffic", "check_tag")]
        assert told(stored(settings)["two"]) == [("all_traffic", "check_tag")]


def visits(name: str, until: datetime) -> Sequence[dict[str, object]]:
    """Return six people an hour for sixteen days, and nobody in the last six hours."""
    hours = np.arange(16 * 24, 6, -1)
    return [
        visit(name, until - int(back) * HOUR + minute * timedelta(minutes=9), 10 * int(back) + minute)
        for back in hours
        for minute in range(6)
    ]


def visit(name: str, at: datetime, person: int) -> dict[str, object]:
    """Return one page view of a person with a cookie."""
    who = {
        "visitor": person,
        "visitor_kind": "cookie",
        "cookie_state": "returning",
    }
    return clinic_day.row(at, site=name, page_scheme="https", **who)


def told(problems: Sequence[Problem]) -> list[tuple[str, str]]:
    """Return watch and cause of the active problems."""
    return [(problem.watch, problem.facts.cause) for problem in problems if problem.is_active]


def stored(settings: Settings) -> dict[str, list[Problem]]:
    """Return the newest state of each problem."""
    with store.connected(settings) as client:
        return store.newest(client, datetime.now(UTC))
