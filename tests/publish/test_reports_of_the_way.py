"""The reports that follow visitors from page to page: browsers at the form, steps to an appointment, releases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.publishing import NOON, Answer, Desk, Row, view

MINUTE = timedelta(minutes=1)
ROLES = {"/": "landing", "/search": "search", "/form": "form", "/thanks": "done"}


def way(person: int, *pages: str, seconds: int, **facts: object) -> list[Row]:
    """Return the page views of a person, so many seconds apart."""
    facts = {"device": "desktop", "release": "", **facts}
    return [
        view(person, NOON + place * timedelta(seconds=seconds), page=page, page_role=ROLES.get(page, ""), **facts)
        for place, page in enumerate(pages)
    ]


def ways(first: int, number: int, *pages: str, seconds: int = 300, **facts: object) -> list[Row]:
    """Return the same way of so many people."""
    return [row for person in range(first, first + number) for row in way(person, *pages, seconds=seconds, **facts)]


def rows_of(desk: Desk, report: str, key: str) -> dict[str, Answer]:
    """Publish one report without noise and return its rows by a key."""
    desk.publish(report, noise=0, grains=["day"])
    return {row[key]: row for row in desk.ask(report)}


# broken_browsers


def test_a_browser_in_which_nobody_comes_past_the_form_misses_the_share_of_the_others(desk: Desk) -> None:
    desk.store(ways(100, 20, "/form", "/thanks"), ways(200, 20, "/form"), ways(300, 20, "/", "/form", browser="Safari"))
    seen = rows_of(desk, "broken_browsers", "browser")
    assert (seen["Chrome"]["form"], seen["Chrome"]["done"], seen["Chrome"]["share"]) == (40, 20, 50)
    assert (seen["Safari"]["form"], seen["Safari"]["done"], seen["Safari"]["others"]) == (20, None, 50)
    # Of twenty, ten were to be expected; the hidden number may be as large as four.
    assert (seen["Safari"]["lost"], seen["Safari"]["pages"]) == (6, 2)


@pytest.mark.parametrize(
    ("pages", "form", "done"),
    [
        (("/form", "/form", "/form", "/thanks"), 10, 10),
        (("/form", "/thanks", "/form", "/thanks"), 10, 10),
        (("/thanks", "/form"), 10, None),
        (("/thanks", "/"), None, None),
    ],
)
def test_a_visitor_counts_once_and_is_done_only_after_the_form(
    pages: tuple[str, ...], form: int | None, done: int | None, desk: Desk
) -> None:
    desk.store(ways(100, 10, *pages))
    chrome = rows_of(desk, "broken_browsers", "browser")["Chrome"]
    assert (chrome["form"], chrome["done"]) == (form, done)


def test_without_roles_the_pages_of_a_visitor_tell_of_the_browser(desk: Desk) -> None:
    desk.store(ways(100, 10, "/a", "/b", "/c"), ways(200, 10, "/a", browser="Safari"))
    seen = rows_of(desk, "broken_browsers", "browser")
    assert {name: (row["pages"], row["form"], row["lost"]) for name, row in seen.items()} == {
        "Chrome": (3, None, None),
        "Safari": (1, None, None),
    }


def test_browsers_with_too_few_completions_to_tell_are_not_compared_with_zero(desk: Desk) -> None:
    desk.store(
        ways(100, 4, "/form", "/thanks"),
        ways(200, 9, "/form"),
        ways(300, 4, "/form", "/thanks", browser="Safari"),
        ways(400, 9, "/form", browser="Safari"),
    )
    seen = rows_of(desk, "broken_browsers", "browser")
    assert {(row["form"], row["done"], row["others"], row["lost"]) for row in seen.values()} == {(13, None, None, None)}


# funnel


@pytest.mark.parametrize(
    ("pages", "went_on"),
    [
        (("/", "/search", "/form", "/thanks"), {"landing": 10, "search": 10, "form": 10, "done": None}),
        (("/", "/form"), {"landing": 10, "form": None}),
        (("/form", "/"), {"form": None, "landing": None}),
        (("/search", "/search", "/x", "/form", "/form"), {"search": 10, "form": None}),
    ],
)
def test_a_visitor_goes_on_from_a_step_to_any_later_one_that_comes_after(
    pages: tuple[str, ...], went_on: dict[str, int | None], desk: Desk
) -> None:
    desk.store(ways(100, 10, *pages))
    seen = rows_of(desk, "funnel", "step")
    assert {step: row["went_on"] for step, row in seen.items()} == went_on
    assert {row["visitors"] for row in seen.values()} == {10}


def test_the_steps_are_compared_between_devices_and_are_in_the_order_of_the_way(desk: Desk) -> None:
    desk.store(
        ways(100, 20, "/", "/form"), ways(200, 10, "/", device="phone"), ways(300, 10, "/", "/form", device="phone")
    )
    desk.publish("funnel", noise=0, grains=["day"])
    rows = [(row["step"], row["device"], row["share"], row["others"], row["lost"]) for row in desk.ask("funnel")]
    assert rows == [
        ("landing", "desktop", 100, 50, -10),
        ("landing", "phone", 50, 100, 10),
        ("form", "desktop", None, None, None),
        ("form", "phone", None, None, None),
    ]


# releases


@pytest.mark.parametrize(
    ("pages", "facts", "reloads"),
    [
        (("/form", "/form"), {"seconds": 20}, 10),
        (("/form", "/form"), {"seconds": 90}, None),
        (("/form", "/x", "/form"), {"seconds": 5}, None),
        (("/doctors/*", "/doctors/*"), {"seconds": 5}, None),
    ],
)
def test_a_reload_is_the_same_page_again_within_a_minute(
    pages: tuple[str, ...], facts: dict[str, int], reloads: int | None, desk: Desk
) -> None:
    desk.store(ways(100, 10, *pages, release="1.4", **facts))
    assert rows_of(desk, "releases", "release")["1.4"]["reloads"] == reloads


def test_people_without_a_visitor_who_are_counted_as_one_reload_nothing(desk: Desk) -> None:
    nobody: Row = {"visitor": 0, "visitor_kind": "none", "cookie_state": "signal", "release": "1.4"}
    desk.store(ways(100, 10, "/form", release="1.4"))
    desk.store(
        [view(0, NOON + timedelta(seconds=place), page="/form", os_major=place // 2, **nobody) for place in range(40)]
    )
    seen = rows_of(desk, "releases", "release")["1.4"]
    assert (seen["visitors"], seen["hits"], seen["reloads"]) == (30, 50, None)


def test_a_release_is_compared_with_the_one_before_it(desk: Desk) -> None:
    desk.store(ways(100, 20, "/form", "/thanks", release="1.9"), ways(200, 10, "/form", release="1.10"))
    desk.store(ways(300, 10, "/form", "/thanks", release="1.10"), ways(400, 10, "/x", release="1.10", status=500))
    desk.publish("releases", noise=0, grains=["day"])
    rows = [(row["release"], row["errors"], row["more"], row["fewer"]) for row in desk.ask("releases")]
    assert rows == [("1.10", 10, 25, 50), ("1.9", None, None, None)]
