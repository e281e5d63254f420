"""The reports of faults on the smallest day that shows each of their rules, through ClickHouse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest

from pipeline.reports.header import REST
from support.publishing import NOON, Desk, Row, view, views

SECOND = timedelta(seconds=1)
NOBODY: Row = {"visitor": 0, "visitor_kind": "none", "cookie_state": "none"}
NETWORKS = (1, 2, 3, 4, 5)


def steps(people: Iterable[int], *pages: str, every: timedelta = SECOND, **facts: object) -> Iterator[Row]:
    """Yield the page views of each person, one page after the other; a page view with a nonce of 0 is never a repeat."""
    for person in people:
        yield from (view(person, NOON + place * every, page=page, **facts) for place, page in enumerate(pages))


def names(desk: Desk, report: str, *keys: str) -> list[tuple[object, ...]]:
    """Return the keys of the rows of a report that is published without noise."""
    desk.publish(report, noise=0)
    return [tuple(row[key] for key in keys) for row in desk.ask(report)]


# Reload storms


@pytest.mark.parametrize(
    ("loads", "every", "is_storm"), [(5, 14, True), (4, 1, False), (5, 15, False), (20, 15, False)]
)
def test_a_storm_is_five_page_views_of_one_page_within_a_minute(
    loads: int, every: int, is_storm: bool, desk: Desk
) -> None:
    desk.store(steps(range(1, 6), *["/queue"] * loads, every=every * SECOND))
    assert names(desk, "reload_storms", "page") == ([("/queue",)] if is_storm else [])


def test_many_people_who_each_load_a_page_once_make_no_storm(desk: Desk) -> None:
    desk.store(*(views(100, 30, NOON + place * SECOND, **facts) for place, facts in enumerate(({}, {"page": "/a"}))))
    # Rows without visitor look like one person.
    desk.store(
        steps([0] * 20, "/queue", **NOBODY),
        (view(0, page="/queue", asn=asn, **NOBODY) for asn in range(9) for _ in "12345"),
    )
    assert names(desk, "reload_storms", "page") == []


def test_the_storm_of_robots_and_of_staff_counts_no_visitor(desk: Desk) -> None:
    desk.store(
        steps(range(1, 9), *["/queue"] * 9, robot="Googlebot"), steps(range(20, 29), *["/queue"] * 9, net_class="own")
    )
    assert names(desk, "reload_storms", "page") == []


# Loops


@pytest.mark.parametrize(
    ("pages", "every", "pairs"),
    [
        ("ababa", 1, [("/a", "/b")]),
        ("abab", 1, []),
        ("ababa", 8, [("/a", "/b")]),
        ("ababa", 10, []),
        ("abcabcabcabca", 1, [("/a", "/b"), ("/a", "/c"), ("/b", "/c")]),
        ("abcdefabcdef", 1, []),
    ],
)  # fmt: skip
def test_a_loop_is_four_changes_between_two_pages_within_thirty_seconds(
    pages: str, every: int, pairs: list[tuple[str, str]], desk: Desk
) -> None:
    desk.store(steps(range(1, 6), *(f"/{page}" for page in pages), every=every * SECOND))
    assert sorted(names(desk, "loops", "page_a", "page_b")) == pairs


@pytest.mark.parametrize(("referrer", "pairs"), [("/find", [("/find", "/find")]), ("/", [])])
def test_a_page_that_leads_to_itself_is_a_loop_and_a_reload_is_none(
    referrer: str, pairs: list[tuple[str, str]], desk: Desk
) -> None:
    desk.store(steps(range(1, 6), *["/find"] * 6, referrer_kind="internal", referrer_page=referrer))
    assert names(desk, "loops", "page_a", "page_b") == pairs


# Silent pages


def from_page(source: str, people: Iterable[int], at: timedelta = SECOND, **facts: object) -> Iterator[Row]:
    for person in people:
        came: Row = {"page": "/next", "referrer_kind": "internal", "referrer_page": source}
        yield view(person, NOON + at, **(came | facts))


def test_a_page_is_silent_where_it_reported_no_view_of_those_who_came_from_it(desk: Desk) -> None:
    desk.store(steps(range(1, 41), "/whole"), from_page("/whole", range(1, 41)))
    desk.store(steps(range(101, 105), "/nearly"), from_page("/nearly", range(101, 161)))
    desk.store(steps(range(401, 421), "/half"), from_page("/half", range(401, 441)))
    # The view is reported, but after the page that names it.
    desk.store(steps(range(201, 211), "/late"), from_page("/late", range(201, 211), -60 * SECOND))
    desk.store(from_page("/silent", range(301, 341)))
    desk.publish("silent_pages", noise=0)
    shares = {row["page"]: (row["referred"], row["unseen"], row["unseen_share"]) for row in desk.ask("silent_pages")}
    assert shares == {"/silent": (40, 40, 100), "/nearly": (60, 56, 93.3)}


def test_a_page_is_not_silent_where_only_clients_with_a_made_up_referrer_never_opened_it(desk: Desk) -> None:
    desk.store(steps(range(1, 61), "/"), from_page("/", range(101, 141)))
    assert names(desk, "silent_pages", "page") == []


def test_a_page_of_another_site_is_never_silent(desk: Desk) -> None:
    desk.store(from_page("/", range(1, 9), referrer_kind="other"))
    assert names(desk, "silent_pages", "page") == []


# Duplicates


@pytest.mark.parametrize(("gap", "repeats"), [(0.0, [(40, 20, 50)]), (1.9, [(40, 20, 50)]), (2.0, [])])
def test_a_repeat_is_the_same_page_view_within_two_seconds(
    gap: float, repeats: list[tuple[int, int, int]], desk: Desk
) -> None:
    desk.store(steps(range(1, 21), "/", "/", every=timedelta(seconds=gap)))
    assert names(desk, "duplicates", "hits", "again", "again_share") == repeats


def test_page_views_with_other_referrers_and_of_other_people_are_no_repeats(desk: Desk) -> None:
    desk.store(*(from_page(source, range(1, 21)) for source in ("/a", "/b")))
    desk.store(from_page("/a", range(30, 50)))
    assert names(desk, "duplicates", "page") == []


def test_one_event_that_was_delivered_twice_is_no_repeat(desk: Desk) -> None:
    twice = [view(person, NOON + each * SECOND, nonce=person) for person in range(1, 21) for each in (0, 1)]
    desk.store(twice)
    assert names(desk, "duplicates", "page") == []


def test_the_share_of_repeats_is_right_for_people_who_open_a_page_often(desk: Desk) -> None:
    often = (NOON + hour * timedelta(hours=1) + each * SECOND for hour in range(5) for each in (0, 1))
    moments = list(often)
    desk.store(view(person, moment) for person in range(1, 21) for moment in moments)
    desk.publish("duplicates", noise=0)
    assert [row["again_share"] for row in desk.ask("duplicates")] == [50]


# Referrers


@pytest.mark.parametrize(("people", "shown"), [(4, False), (5, True)])
def test_a_host_that_is_not_the_sites_own_needs_five_real_people(people: int, shown: bool, desk: Desk) -> None:
    desk.know("/")
    desk.store(views(100, people, referrer_kind="other", referrer_host="family.example"))
    desk.publish("referrers", noise=5)
    assert ("family.example" in desk.visitors("referrers", "host")) is shown


def test_a_host_of_few_people_is_not_even_named_as_small(desk: Desk) -> None:
    desk.store(views(100, 4, referrer_kind="other", referrer_host="family.example"))
    desk.publish("referrers", noise=0)
    assert desk.visitors("referrers", "source") == {}


# Addresses


def test_a_host_of_the_site_and_no_host_need_three_real_people(desk: Desk) -> None:
    desk.know("/")
    desk.store(views(100, 3, page_host="clinic.example", page_scheme="http"))
    desk.publish("addresses", "referrers", noise=5)
    assert desk.visitors("addresses", "host") == {"clinic.example": 8}
    assert desk.visitors("referrers", "source") == {"no referrer": 8}


def test_the_rarer_form_of_an_address_is_the_same_number_whichever_form_it_is(desk: Desk) -> None:
    for page, rare in (("/mostly-http", 30), ("/mostly-https", 10)):
        first = 100 * rare
        desk.store(views(first, rare, page=page, page_scheme="http"))
        desk.store(views(first + 50, 40 - rare, page=page, page_scheme="https"))
    desk.store(
        views(9000, 40, page="/all-http", page_scheme="http"), views(9500, 40, page="/all-https", page_scheme="https")
    )
    desk.publish("addresses", noise=0)
    mixed = {row["page"]: row["mixed"] for row in desk.ask("addresses")}
    assert mixed == {"/mostly-http": 25, "/mostly-https": 25, "/all-http": 0}


@pytest.mark.parametrize(
    ("flag", "column"),
    [(16, "www"), (4, "slash"), (1, "misspelled"), (2, "misspelled"), (8, "misspelled"), (32, "misspelled")],
)
def test_each_spelling_has_its_column(flag: int, column: str, desk: Desk) -> None:
    desk.store(views(100, 6, page_flags=flag), views(200, 6))
    desk.publish("addresses", noise=0)
    (row,) = desk.ask("addresses")
    assert {name for name in ("http", "www", "slash", "misspelled") if row[name]} == {column}


# Dead links and their owners


def gone(first: int, people: int, page: str, **facts: object) -> list[Row]:
    """Return the page views of a missing page, each person in another network."""
    return [
        row | {"asn": NETWORKS[place % len(NETWORKS)]} | facts
        for place, row in enumerate(views(first, people, page=page, status=404))
    ]


def test_each_dead_link_has_the_owner_who_can_mend_it(desk: Desk) -> None:
    desk.store(
        gone(100, 6, "/old", referrer_kind="internal", referrer_page="/services"),
        gone(200, 6, "/old", referrer_kind="search", referrer_host="yandex.example"),
        gone(300, 6, "/old", referrer_kind="other", referrer_host="guide.example"),
        gone(400, 6, "/leaflet"),
        gone(500, 6, "/letter", referrer_kind="mail", referrer_host="mail.example"),
    )
    assert sorted(names(desk, "dead_links", "owner", "source", "target")) == [
        ("other site", "guide.example", "/old"),
        ("other site", "yandex.example", "/old"),
        ("own page", "/services", "/old"),
        ("print or mail", "", "/leaflet"),
        ("print or mail", "", "/letter"),
    ]


@pytest.mark.parametrize(("networks", "named"), [(2, False), (3, True)])
def test_an_address_without_a_referrer_is_of_print_only_from_three_networks_on(
    networks: int, named: bool, desk: Desk
) -> None:
    desk.store(
        row | {"asn": 1 + place % networks} for place, row in enumerate(views(100, 9, page="/leaflet", status=404))
    )
    # Neither a robot nor staff makes a third network.
    desk.store(gone(500, 1, "/leaflet", asn=77, robot="Googlebot"), gone(600, 1, "/leaflet", asn=78, net_class="own"))
    assert names(desk, "dead_links", "target") == ([("/leaflet",)] if named else [])


def test_without_network_names_the_tokens_of_the_networks_count(desk: Desk) -> None:
    made = views(100, 6, page="/leaflet", status=404)
    desk.store(row | {"asn": 0, "net_token": f"2001:db8:{place}::"} for place, row in enumerate(made))
    desk.store(row | {"asn": 0, "net_token": "2001:db8:9::", "page": "/typed"} for row in views(200, 6, status=404))
    assert names(desk, "dead_links", "target") == [("/leaflet",)]


def test_probes_referrer_spam_and_other_errors_make_no_dead_link(desk: Desk) -> None:
    for each in range(8):
        probe: Row = {"ip_token": f"2001:db8::{each + 1:x}", "ua_token": 1, "visitor_kind": "day", "asn": each}
        desk.store(view(900 + each, page=f"/backup-{number}", status=404, **probe) for number in range(12))
    desk.store(gone(100, 8, "/spammed", referrer_kind="spam", referrer_host="spam.example"))
    desk.store(gone(200, 8, "/broken", status=500), gone(300, 8, "/closed", status=403))
    assert names(desk, "dead_links", "target") == []


def test_a_dead_link_of_an_own_public_page_is_named_at_once_and_one_of_another_site_is_not(desk: Desk) -> None:
    desk.know("/services")
    desk.store(gone(100, 2, "/old", referrer_kind="internal", referrer_page="/services"))
    desk.store(gone(200, 2, "/promo", referrer_kind="other", referrer_host="guide.example"))
    desk.store(gone(300, 2, "/leaflet", asn=9))
    desk.publish("traffic_by_hour", "dead_links", until=NOON + timedelta(hours=1), noise=0)
    assert [(row["owner"], row["target"], row["visitors"]) for row in desk.ask("dead_links")] == [
        ("own page", "/old", None)
    ]


def test_a_server_error_of_a_public_page_is_named_at_once_in_its_report(desk: Desk) -> None:
    desk.know("/booking")
    desk.store(
        [
            view(1, page="/booking", status=503),
            view(2, page="/secret", status=503),
            view(3, page="/booking", status=404),
        ]
    )
    desk.publish("traffic_by_hour", "server_errors", until=NOON + timedelta(hours=1), noise=0)
    assert [(row["page"], row["status"]) for row in desk.ask("server_errors")] == [("/booking", 503)]
    assert REST not in desk.visitors("server_errors", "page")
