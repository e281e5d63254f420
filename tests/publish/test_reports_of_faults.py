"""The reports that compare a row with all others: who counts in them, and whom they must not blame."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.publishing import NOON, Answer, Desk, Row, view, views

MINUTE = timedelta(minutes=1)
FROM_HERE: Row = {"referrer_kind": "internal", "referrer_page": "/"}
NEW: Row = {"visitor_kind": "day", "cookie_state": "new"}


def rows_of(desk: Desk, report: str, key: str) -> dict[str, Answer]:
    """Publish one report without noise and return its rows by a key."""
    desk.publish(report, noise=0, grains=["day"])
    return {row[key]: row for row in desk.ask(report)}


# script_share


def test_a_page_view_counts_once_among_the_browsers_and_once_among_the_sections(desk: Desk) -> None:
    desk.know("/", "/booking", "/booking/time")
    desk.store(views(100, 20), views(200, 9, page="/booking/time"), views(300, 9, page="/booking", mode="noscript"))
    seen = rows_of(desk, "script_share", "section")
    assert (seen["(all)"]["browser"], seen["(all)"]["hits"], seen["(all)"]["without"]) == ("Chrome", 38, 9)
    assert (seen["/booking"]["browser"], seen["/booking"]["hits"], seen["/booking"]["without"]) == ("(all)", 18, 9)
    assert (seen["/booking"]["share"], seen["/booking"]["others"], seen["/booking"]["more"]) == (50, 0, 9)


def test_a_sensitive_group_is_a_section_of_its_own_and_has_its_own_threshold(desk: Desk) -> None:
    desk.know("/services", "/services/uzi")
    desk.store(views(100, 9, page="/services/uzi"), views(200, 19, page="/services/~sensitive"))
    assert {"(all)", "/services"} <= {*rows_of(desk, "script_share", "section")} <= {"(all)", "/services", ""}


def test_robots_errors_and_the_servers_own_views_are_no_missing_script(desk: Desk) -> None:
    desk.store(
        views(100, 20),
        views(200, 9, robot="SomeBot", mode="img"),
        views(300, 9, status=404, mode="img"),
        views(400, 10, mode="server"),
        views(500, 10, mode="noscript"),
    )
    chrome = rows_of(desk, "script_share", "browser")["Chrome"]
    assert (chrome["hits"], chrome["without"], chrome["server"], chrome["share"]) == (30, 10, 10, 33.3)


# cookie_loss


def losing(person: int, **facts: object) -> list[Row]:
    """Return two page views of a client whose browser does not send back the cookie of the first."""
    here = {**NEW, "ip_token": f"::{person}", "ua_token": person, **facts}
    return [view(person, NOON, **here), view(person, NOON + MINUTE, **here, **FROM_HERE)]


def keeping(person: int, **facts: object) -> list[Row]:
    """Return two page views of a client whose browser sends the cookie back."""
    here = {"ip_token": f"::{person}", "ua_token": person, **facts}
    return [view(person + 10_000, NOON, **NEW, **here), view(person, NOON + MINUTE, **here, **FROM_HERE)]


def test_a_browser_that_does_not_send_the_cookie_back_is_told_with_the_share_of_the_others(desk: Desk) -> None:
    desk.store(
        *(keeping(person) for person in range(100, 120)),
        *(losing(person, browser="Safari") for person in range(200, 210)),
    )
    seen = rows_of(desk, "cookie_loss", "browser")
    assert (seen["Safari"]["later"], seen["Safari"]["lost"], seen["Safari"]["share"]) == (10, 10, 100)
    assert (seen["Safari"]["others"], seen["Safari"]["more"]) == (0, 10)
    assert (seen["Chrome"]["visitors"], seen["Chrome"]["later"], seen["Chrome"]["lost"]) == (20, 20, None)


def test_people_behind_one_address_who_come_from_elsewhere_lose_no_cookie(desk: Desk) -> None:
    office: Row = {"ip_token": "::1", "ua_token": 1}
    first = [view(900, NOON + place * MINUTE, **NEW, **office) for place in range(20)]
    desk.store(first, *(keeping(person) for person in range(100, 109)))
    chrome = rows_of(desk, "cookie_loss", "browser")["Chrome"]
    assert (chrome["later"], chrome["lost"]) == (9, None)


@pytest.mark.parametrize(
    ("facts", "lawful"),
    [
        ({"cookie_state": "refused", "consent": "refused"}, 60),
        ({"cookie_state": "signal", "privacy_signal": "gpc"}, 60),
        ({"cookie_state": "none", "page": "/~oncology"}, None),
    ],
)
def test_a_cookie_that_nobody_may_set_is_not_lost(facts: Row, lawful: int | None, desk: Desk) -> None:
    nobody: Row = {
        "visitor": 0,
        "visitor_kind": "none",
        "ip_token": "::",
        "ua_token": 0,
        "privacy_signal": "none",
        "consent": "unknown",
    }
    twice = [
        view(0, NOON + place * MINUTE, **{**nobody, **FROM_HERE, **facts, "os_major": person})
        for person in range(30)
        for place in range(2)
    ]
    desk.store(twice, *(keeping(person) for person in range(100, 109)))
    chrome = rows_of(desk, "cookie_loss", "browser")["Chrome"]
    assert (chrome["hits"], chrome["later"], chrome["lost"], chrome["lawful"]) == (78, 9, None, lawful)


def test_the_page_after_a_sensitive_one_which_sets_no_cookie_loses_none(desk: Desk) -> None:
    after = {"referrer_page": "/~oncology"}
    desk.store(*([losing(person)[0], {**losing(person)[1], **after}] for person in range(100, 120)))
    assert rows_of(desk, "cookie_loss", "browser")["Chrome"]["later"] is None


def test_a_row_without_any_other_is_compared_with_nothing(desk: Desk) -> None:
    desk.store(*(losing(person) for person in range(100, 120)))
    chrome = rows_of(desk, "cookie_loss", "browser")["Chrome"]
    assert (chrome["share"], chrome["others"], chrome["more"]) == (100, None, None)
