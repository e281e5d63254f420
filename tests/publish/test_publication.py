"""Each rule of publication on the smallest day that shows it, through ClickHouse: who is counted, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any
from unittest.mock import patch

import pytest
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import connect
from pipeline.errors import Retryable
from pipeline.publish import publisher as publisher_module
from pipeline.publish.cells import Counted
from pipeline.publish.due import Due
from pipeline.publish.publisher import Publisher
from pipeline.reports.header import REST, Report
from pipeline.settings.sections import Retention
from support.publishing import DAY, HOUR, MIDNIGHT, NOON, NOW, SAME_ZONE, SITE, Desk, Row, view, views

MINUTE = timedelta(minutes=1)
Browsers = dict[str, tuple[int, int]]


# Thresholds and names


@pytest.mark.parametrize(
    ("noise", "shown"),
    [
        (-1, {"Six": 5, "Five": None, "Four": None, "Three": None}),
        (2, {"Six": 8, "Five": 7, "Four": 6, "Three": 5, REST: None}),
    ],
)
def test_a_number_is_shown_from_five_after_noise_and_three_real_people(
    noise: int, shown: dict[str, int | None], desk: Desk
) -> None:
    sizes = {"Six": 6, "Five": 5, "Four": 4, "Three": 3, "Two": 2, "One": 1}
    desk.store(*(views(100 * number, number, browser=name) for name, number in sizes.items()))
    desk.publish("browsers", noise=noise)
    assert desk.visitors("browsers", "browser") == shown


def test_a_path_that_is_not_public_needs_five_real_people_and_a_public_one_three(desk: Desk) -> None:
    desk.know("/public")
    groups = {"/public": 3, "/typed-by-four": 4, "/typed-by-five": 5}
    desk.store(*(views(100 * number, number, page=page) for page, number in groups.items()))
    desk.publish("pages", noise=5)
    assert desk.visitors("pages", "page") == {"/public": 8, "/typed-by-five": 10, REST: None}


def test_a_path_of_the_templates_of_a_site_is_public(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    site = desk.settings.sites[0].model_copy(update={"templates": ("/doctors/*", "/Prices/*/")})
    monkeypatch.setattr(desk, "settings", desk.settings.model_copy(update={"sites": (site,)}))
    groups = ("/doctors/*", "/prices/*", "/files/*")
    desk.store(*(views(100 * place, 3, page=page) for place, page in enumerate(groups, 1)))
    desk.publish("pages", noise=5)
    assert desk.visitors("pages", "page") == {"/doctors/*": 8, "/prices/*": 8, REST: None}


def test_a_page_that_was_published_is_public_from_then_on_unless_it_has_an_unknown_part(desk: Desk) -> None:
    pages = ("/doctors", "/files/*")
    desk.store(*(views(100 * place, 5, page=page) for place, page in enumerate(pages, 1)))
    desk.store(*(views(1000 * place, 3, page=page, status=404) for place, page in enumerate(pages, 1)))
    desk.publish("pages", noise=0)
    desk.publish("error_pages", noise=5)
    assert desk.visitors("error_pages", "page") == {"/doctors": 8, REST: None}


def test_a_small_cell_of_a_partition_is_named_without_a_number_and_one_of_faults_is_not_named(desk: Desk) -> None:
    gone: Row = {"page": "/gone", "status": 404}
    desk.store(views(100, 4, **gone), views(200, 1, browser="Opera", page="/away", status=404))
    desk.publish("browsers", "error_pages", noise=0)
    assert desk.visitors("browsers", "browser") == {"Chrome": None}
    (row,) = desk.ask("error_pages")
    assert row.pop("page") == REST
    assert row.pop("small")
    assert not any(row.values()), "the row of what is left out has no number and no name"


def test_small_cells_are_not_told_of_where_one_person_made_them_all(desk: Desk) -> None:
    alone = [view(200, page=f"/{number}", status=404) for number in range(9)]
    desk.store(views(100, 5, page="/gone", status=404), alone)
    desk.publish("error_pages", noise=5)
    assert desk.visitors("error_pages", "page") == {"/gone": 10}


def test_a_sensitive_group_and_a_page_with_a_row_that_has_no_visitor_need_more_people(desk: Desk) -> None:
    desk.know("/~oncology", "/~hiv")
    # A sensitive page is stored without visitor; these have networks of their own.
    for page, people in (("/~oncology", 20), ("/~hiv", 19)):
        desk.store(view(0, visitor_kind="none", page=page, asn=number) for number in range(people))
    # Four people with cookies, and one row that one of them may have made: too few for a name that is not public.
    desk.store(views(100, 4, page="/typed"), [view(0, visitor_kind="none", page="/typed")])
    desk.store(views(200, 5, page="/other"))
    desk.publish("pages", noise=0)
    assert desk.visitors("pages", "page") == {"/~oncology": 20, "/other": 5, REST: None}


# The people who count


@pytest.fixture(scope="module")
def browsers(opened: Desk) -> Browsers:
    """Visitors and page views of the browsers of one day, on which each rule has a browser of its own."""
    first: Row = {"visitor_kind": "day", "cookie_state": "new"}
    nobody: Row = {"visitor": 0, "visitor_kind": "none"}
    opened.clear()
    for each in range(5):
        here: Row = {"ip_token": f"2001:db8::{each + 1:x}", "ua_token": 7, "browser": "Comes back"}
        opened.store([view(500 + each, **first, **here), view(900 + each, **here)])
    opened.store(views(700, 5, browser="First page only", ip_token="2001:db8:1::1", **first))
    opened.store([view(0, **nobody, browser="Same rows", asn=1)] * 50, views(100, 4, browser="Same rows"))
    opened.store(views(800, 5, browser="Heavy"), [view(810, browser="Heavy")] * 500)
    opened.publish("browsers", noise=0)
    return {row["browser"]: (row["visitors"], row["hits"]) for row in opened.ask("browsers")}


def test_a_first_hit_belongs_to_the_cookie_that_comes_back(browsers: Browsers) -> None:
    assert (browsers["Comes back"], browsers["First page only"]) == ((5, 10), (5, 5))


def test_rows_without_visitor_that_look_the_same_are_one_person(browsers: Browsers) -> None:
    assert browsers["Same rows"] == (5, 4 + 10)


def test_a_heavy_client_counts_ten_times_at_most(browsers: Browsers) -> None:
    assert browsers["Heavy"] == (6, 5 + 10)


def test_rows_without_visitor_that_differ_in_one_trait_are_different_people(desk: Desk) -> None:
    traits: dict[str, Sequence[object]] = dict.fromkeys(("country", "browser", "os", "device"), "ABCDE")
    traits |= dict.fromkeys(("asn", "browser_major", "os_major"), range(5))
    desk.store(
        view(0, visitor_kind="none", page=f"/{name}", **{name: value})
        for name, values in traits.items()
        for value in values
    )
    desk.publish("pages", noise=0)
    assert desk.visitors("pages", "page") == {f"/{name}": 5 for name in traits}


def test_robots_are_counted_apart_exactly_and_probes_and_staff_with_noise(desk: Desk) -> None:
    day = {"visitor_kind": "day", "ua_token": 1}
    robots = [view(200, robot="Googlebot") for _ in range(50)]
    sent = [view(210, robot="ChatGPT-User"), view(220, robot="TelegramBot", ivt_reasons=["robot_preview"])]
    # The second hit of a client with an attack is no visitor's, but no attack either; the old form of the flag is one.
    attacks = [view(300, ip_token="::a", page="/a", attack="sql", **day), view(300, ip_token="::a", **day)]
    attacks += [view(310, ip_token="::b", page_flags=64, **day)]
    # From ten different error pages a client is a probe; one that opens nine of them again and again is a visitor.
    tries = [view(400, ip_token="::c", page=f"/{number}", status=404, **day) for number in range(10)]
    people = [view(500, ip_token="::d", page=f"/{number % 9}", status=404, **day) for number in range(30)]
    staff = [*views(600, 6, net_class="own"), view(606, net_class="own", attack="sql")]
    desk.store(views(100, 6), robots, sent, attacks, tries, people, staff)
    desk.publish("traffic_by_day", noise=3)
    (row,) = desk.ask("traffic_by_day")
    assert (row["robots"], row["probes"], row["staff"]) == (50, 12 + 3 * 5, 7 + 3 * 5)
    assert (row["visitors"], row["hits"], row["errors"]) == (7 + 3, 6 + 10 + 3 * 5, None)


def test_each_view_of_a_page_with_an_unknown_part_is_another_error_page(desk: Desk) -> None:
    unknown: Row = {"visitor_kind": "day", "ip_token": "::c", "page": "/*", "status": 404}
    desk.store(views(100, 6), [view(200, **unknown) for _ in range(10)])
    desk.publish("traffic_by_day", noise=0)
    (row,) = desk.ask("traffic_by_day")
    assert (row["visitors"], row["probes"]) == (6, 10)


def test_a_probe_is_one_in_each_later_hour_of_its_day(desk: Desk) -> None:
    probe: Row = {"visitor_kind": "day", "ip_token": "::c", "status": 404}
    early, late = (
        [view(200, hour, page=f"/{number}", **probe) for number in range(10)] for hour in (NOON, NOON + HOUR)
    )
    desk.store(views(100, 6, NOON + HOUR), early, late[:6])
    # Each run counts one hour: the second one reads the rows of the first hour, too.
    for hour in (NOON, NOON + HOUR):
        desk.publish("traffic_by_hour", until=hour + HOUR, noise=0)
    row = desk.ask("traffic_by_hour")[-1]
    assert (row["hour"], row["visitors"], row["probes"]) == (NOON + HOUR, 6, 6)


def test_one_person_without_cookie_on_five_days_of_a_week_is_one_person(desk: Desk) -> None:
    monday = MIDNIGHT - timedelta(days=MIDNIGHT.weekday() + 7)
    often = [view(10 + day, monday + day * DAY, visitor_kind="day") for day in range(5)]
    daily = [
        view(100 * day + each, monday + day * DAY, visitor_kind="day", browser="Opera")
        for day in (1, 2)
        for each in range(5)
    ]
    desk.store(often, daily)
    desk.publish("browsers", until=monday + 7 * DAY, noise=0, grains=("week",))
    (cell,) = desk.cells(grain="week")
    assert (cell.keys["browser"], cell.visitors, cell.numbers["hits"]) == ("Opera", 5, 10)


def test_errors_are_never_above_page_views(desk: Desk) -> None:
    networks = range(1, 61)
    desk.store(
        *(views(100 * asn, 7, asn=asn, status=404) for asn in networks),
        (view(100 * asn + 50, asn=asn) for asn in networks),
    )
    desk.publish("networks")
    rows = [row for row in desk.ask("networks") if not row["small"]]
    assert len(rows) > 40
    with_errors = [row for row in rows if row["errors"] is not None]
    assert any(row["errors"] == row["hits"] for row in with_errors), "without the rule some errors would be above"
    assert all(5 <= row["errors"] <= row["hits"] for row in with_errors)
    assert all(row["hits"] >= row["visitors"] and row["ipv6"] is None for row in rows)


def test_the_same_people_have_the_same_number_in_every_report(desk: Desk) -> None:
    groups = 60
    traits = {
        group: {"browser": f"Browser {group}", "asn": group, "page": f"/{group}"} for group in range(1, groups + 1)
    }
    desk.store(*(views(100 * group, 5 + group % 20, **facts) for group, facts in traits.items()))
    desk.publish("browsers", "networks", "pages")
    seen: dict[int, set[int]] = {}
    hits: dict[int, set[int]] = {}
    for cell in filter(lambda each: each.visitors is not None, desk.cells()):
        name = cell.keys.get("browser") or cell.keys.get("network") or cell.keys["page"]
        group = int(name.strip("/").split()[-1].removeprefix("AS"))
        seen.setdefault(group, set()).add(cell.visitors or 0)
        if cell.report != "pages":  # the step of its page views is another one, and so is their noise
            hits.setdefault(group, set()).add(cell.numbers["hits"])
    assert len(seen) > groups / 2
    assert all(len(numbers) == 1 for numbers in [*seen.values(), *hits.values()])
    noise = {visitors - (5 + group % 20) for group, (visitors,) in seen.items()}
    assert len(noise) > 3, "different people have different noise"


def test_the_same_people_have_other_noise_in_another_hour_day_and_site(desk: Desk) -> None:
    groups = range(1, 41)
    for site, at in ((SITE, NOON), (SITE, NOON + HOUR), (SITE, NOON - DAY), (SAME_ZONE, NOON)):
        desk.store(*(views(100 * group, 8, at, page=f"/{group}", site=site) for group in groups))
    desk.publish("pages", grains=("hour", "day"))
    spans: dict[tuple[str, str, datetime], dict[str, int]] = {}
    for *span, page, visitors in desk.query(
        "SELECT site, grain, start, key1, number FROM technical.cells WHERE measure = 'visitors'"
    ):
        spans.setdefault(tuple(span), {})[page] = visitors
    assert len(spans) == 4 + 3
    for one, other in combinations(spans.values(), 2):
        both = one.keys() & other.keys()
        assert len(both) > 20
        assert sum(one[page] == other[page] for page in both) < 0.75 * len(both)


def test_the_noise_of_an_hour_is_the_same_alone_and_counted_with_other_hours(desk: Desk) -> None:
    hours = [NOON + number * HOUR for number in range(6)]
    desk.store(*(views(100 * place, 30, hour) for place, hour in enumerate(hours)))
    desk.publish("traffic_by_hour", until=hours[1])
    desk.publish("traffic_by_hour", until=hours[-1] + HOUR)
    in_two_runs = desk.cells()
    assert [cell.start for cell in sorted(in_two_runs, key=lambda cell: cell.start)] == hours
    desk.rows.clear("cells", "publications")
    desk.publish("traffic_by_hour", until=hours[-1] + HOUR)
    assert sorted(desk.cells()) == sorted(in_two_runs)


# Faults that are named at once


def faults(desk: Desk) -> list[tuple[datetime, str, int | None]]:
    """Return hour, page and visitors of the faults of single hours."""
    return sorted((cell.start, cell.keys["page"], cell.visitors) for cell in desk.cells("error_pages", "hour"))


def test_a_public_page_that_answers_5xx_is_named_with_the_next_hour_and_once_a_day(desk: Desk) -> None:
    desk.know("/booking", "/later")
    desk.store([view(1, NOON, page="/booking", status=500), view(2, NOON, page="/secret", status=500)])
    desk.store([view(3, NOON, page="/booking", status=404), view(4, NOON, page="/~hiv", status=500)])
    desk.publish("traffic_by_hour", "error_pages", until=NOON + HOUR)
    assert faults(desk) == [(NOON, "/booking", None)]
    (row,) = desk.ask("error_pages")
    assert (row["page"], row["status"], row["visitors"], row["hits"], row["small"]) == (
        "/booking",
        500,
        None,
        None,
        True,
    )
    desk.store([view(1, NOON + HOUR, page="/booking", status=500), view(5, NOON + HOUR, page="/later", status=503)])
    desk.publish("traffic_by_hour", "error_pages", until=NOON + 2 * HOUR)
    assert faults(desk) == [(NOON, "/booking", None), (NOON + HOUR, "/later", None)]


def test_faults_of_one_run_are_named_once_a_day(desk: Desk) -> None:
    desk.know("/booking")
    desk.store([view(1, NOON + number * HOUR, page="/booking", status=500) for number in range(3)])
    desk.publish("traffic_by_hour", "error_pages", until=NOON + 3 * HOUR)
    assert faults(desk) == [(NOON, "/booking", None)]


def test_a_fault_is_named_again_on_the_next_day(desk: Desk) -> None:
    desk.know("/booking")
    last, first = MIDNIGHT + 23 * HOUR, MIDNIGHT + DAY
    desk.store([view(1, at, page="/booking", status=500) for at in (last, first)])
    for hour in (last, first):
        desk.publish("traffic_by_hour", "error_pages", until=hour + HOUR)
    assert faults(desk) == [(last, "/booking", None), (first, "/booking", None)]


def test_a_link_from_a_public_page_is_named_once_two_people_of_two_networks_met_its_error(desk: Desk) -> None:
    desk.know("/services")
    link: Row = {"status": 404, "referrer_kind": "internal", "referrer_page": "/services"}

    def followed(first: int, target: str, networks: tuple[int, ...], **facts: object) -> list[Row]:
        return [view(first + place, page=target, asn=asn, **(link | facts)) for place, asn in enumerate(networks)]

    desk.store(
        followed(100, "/broken", (1, 2)),
        followed(200, "/by-one-network", (1, 1)),
        [view(300, page="/by-one-person", asn=asn, **link) for asn in (1, 2)],
        followed(400, "/from-elsewhere", (1, 2), referrer_page="/unknown"),
        followed(500, "/typed/*", (1, 2)),
        followed(600, "/outside", (1, 2), referrer_kind="other"),
        followed(700, "/robots", (1, 2), robot="Googlebot"),
    )
    desk.publish("traffic_by_hour", "broken_links", until=NOON + HOUR)
    assert [(cell.keys["target"], cell.visitors) for cell in desk.cells("broken_links")] == [("/broken", None)]


def test_errors_of_crawlers_are_exact_and_of_verified_ones_alone(desk: Desk) -> None:
    crawler: Row = {"robot": "Googlebot", "net_class": "crawler", "status": 404, "visitor_kind": "day"}
    once = view(100, page="/old", **crawler)
    claimed = view(200, page="/claimed", **(crawler | {"net_class": "other"}))
    preview = view(300, page="/private", **(crawler | {"robot": "TelegramBot", "ivt_reasons": ["robot_preview"]}))
    desk.store(
        [once] * 2,
        [view(100, page="/new", **crawler)],
        [claimed] * 50,
        [preview] * 50,
        views(400, 50, page="/old", status=404),
    )
    desk.publish("crawl_errors", noise=4)
    rows = [(row["robot"], row["page"], row["status"], row["hits"]) for row in desk.ask("crawl_errors")]
    assert rows == [("Googlebot", "/old", 404, 2), ("Googlebot", "/new", 404, 1)]


# Hours


def test_an_hour_with_nobody_and_one_with_few_look_the_same(desk: Desk) -> None:
    at = [MIDNIGHT + hour * HOUR for hour in range(6)]
    desk.store(
        views(100, 9, at[0]), [view(200, at[2])], views(300, 4, at[3]), [view(400, at[4], robot="Googlebot")] * 9
    )
    desk.store(views(500, 9, at[5]))
    desk.publish("traffic_by_hour", until=at[5] + HOUR, noise=0)
    shown = {row.pop("hour"): row for row in desk.ask("traffic_by_hour")}
    assert list(shown) == at
    assert shown[at[1]] == shown[at[2]] == shown[at[3]] == shown[at[4]]
    assert not any(value for name, value in shown[at[1]].items() if name != "small")
    assert [shown[at[0]]["visitors"], shown[at[5]]["visitors"]] == [9, 9]


def test_an_hour_of_two_hundred_visitors_publishes_the_splits_too_but_no_part_of_a_day(desk: Desk) -> None:
    desk.store(views(1000, 200, NOON), views(2000, 199, NOON + HOUR))
    desk.publish("traffic_by_hour", "traffic_by_day", "browsers", until=NOON + 2 * HOUR, noise=0)
    assert [(each.report, each.start) for each in desk.cells() if each.report != "traffic_by_hour"] == [
        ("browsers", NOON)
    ]
    assert desk.visitors("browsers", "browser") == {"Chrome": 200}
    assert desk.ask("traffic_by_day") == []


def test_a_sensitive_group_is_published_for_the_day_and_for_no_hour(desk: Desk) -> None:
    desk.know("/~hiv")
    desk.store(views(1000, 210, page="/"), [view(0, visitor_kind="none", page="/~hiv", asn=asn) for asn in range(40)])
    desk.publish("traffic_by_hour", "pages", noise=0)
    assert {(cell.grain, cell.keys["page"]) for cell in desk.cells("pages")} == {
        ("hour", "/"),
        ("day", "/"),
        ("day", "/~hiv"),
    }


# Once, and once more


def numbers(desk: Desk) -> list[tuple[int | None, bool]]:
    return [(cell.visitors, cell.corrected) for cell in desk.cells()]


def test_late_events_correct_a_span_once_where_they_are_more_than_five_percent(desk: Desk) -> None:
    desk.store(views(100, 100))
    first = MIDNIGHT + DAY + HOUR
    assert desk.publish("browsers", now=first, noise=0) == 1
    desk.store(views(300, 5))
    assert desk.publish("browsers", now=first + HOUR, noise=0) == 0
    desk.store(views(400, 1))
    assert desk.publish("browsers", now=first + MINUTE, noise=0) == 0, "a correction waits until the late events are in"
    assert numbers(desk) == [(100, False)]
    assert desk.publish("browsers", now=first + HOUR, noise=0) == 1
    assert numbers(desk) == [(106, True)]
    desk.store(views(500, 100))
    assert desk.publish("browsers", now=first + 2 * HOUR, noise=0) == 0
    assert numbers(desk) == [(106, True)]
    assert desk.visitors("browsers", "browser") == {"Chrome": 106}


def test_a_span_that_still_grows_waits_for_the_next_look(desk: Desk) -> None:
    passed = MIDNIGHT + DAY
    desk.store(views(100, 9))
    publisher = desk.publisher("traffic_by_day")
    assert publisher.run(passed, passed) == 0, "one look does not tell whether rows still arrive"
    desk.store(views(200, 9))
    assert publisher.run(passed, passed) == 0
    assert publisher.run(passed, passed) == 1


def test_a_day_whose_rows_may_have_ended_is_not_published(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [MIDNIGHT - 2 * DAY, MIDNIGHT - DAY, MIDNIGHT]
    desk.store(*(views(100 * place, 9, day) for place, day in enumerate(days, 1)))
    kept = Retention(rows_days=3, keys_days=3, quarantine_days=3)
    monkeypatch.setattr(desk, "settings", desk.settings.model_copy(update={"retention": kept}))
    desk.publish("browsers", now=MIDNIGHT - DAY + kept.rows_days * DAY)
    assert sorted(cell.start for cell in desk.cells(grain="day")) == days[1:]


def test_erasing_and_blocking_change_no_published_number(desk: Desk) -> None:
    desk.store(views(100, 30), views(200, 5, browser="Opera"))
    desk.publish("browsers")
    before = (desk.cells(), desk.ask("browsers"))
    desk.rows.age("visitor >= 110")
    desk.rows.block(visitor=100)
    assert desk.publish("browsers", now=MIDNIGHT + 10 * DAY) == 0
    assert (desk.cells(), desk.ask("browsers")) == before
    desk.store(views(300, 30))
    # More rows than were published: the correction, and then nobody counts the erased person's absence.
    desk.publish("browsers", now=MIDNIGHT + 10 * DAY)
    corrected = desk.cells("browsers")
    desk.rows.age("visitor >= 101")
    assert desk.publish("browsers", now=MIDNIGHT + 11 * DAY) == 0
    assert desk.cells("browsers") == corrected


def test_a_blocked_person_is_in_no_number_that_is_published_later(desk: Desk) -> None:
    desk.store(views(100, 7))
    desk.rows.block(visitor=100)
    desk.publish("browsers", noise=0)
    assert desk.visitors("browsers", "browser") == {"Chrome": 6}


# Two publishers, and one that ended


class Crash(Exception):
    """The end of the process."""


class Watched:
    """A client that calls `hook` once, before the row that makes the first publication valid."""

    def __init__(self, client: Client, hook: Callable[[], None]) -> None:
        self._client = client
        self._hooks = [hook]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def insert(self, table: str, *given: Any, **named: Any) -> None:
        """Insert rows."""
        if table == "publications" and self._hooks:
            self._hooks.pop()()
        self._client.insert(table, *given, **named)


def run_with(publisher: Publisher, hook: Callable[[], None]) -> None:
    """Run a publisher that calls `hook` between the cells of its first publication and their last row."""

    def watched(*given: Any, **named: Any) -> Watched:
        usual.stop()
        return Watched(connect(*given, **named), hook)

    usual = patch("pipeline.database.client.connect", watched)
    usual.start()
    publisher.run(MIDNIGHT + DAY, NOW, wait=False)


def stored(desk: Desk) -> tuple[int, int]:
    """Return the numbers of rows in the two tables."""
    tables = ("cells", "publications")
    cells, publications = (
        desk.rows.admin.query(f"SELECT count() FROM pixel.{name}").result_rows[0][0] for name in tables
    )
    return cells, publications


def test_a_publication_that_ended_before_its_last_row_is_invisible_and_made_again(desk: Desk) -> None:
    def crash() -> None:
        raise Crash

    desk.store(views(100, 30))
    with pytest.raises(Crash):
        run_with(desk.publisher("browsers"), crash)
    assert stored(desk) == (1, 0)
    assert (desk.cells(), desk.ask("browsers")) == ([], [])
    desk.publish("browsers", noise=0)
    assert stored(desk) == (2, 1)
    assert (numbers(desk), desk.visitors("browsers", "browser")) == ([(30, False)], {"Chrome": 30})


def test_publishers_of_two_hosts_at_once_publish_each_span_as_one(desk: Desk) -> None:
    rare = [view(300 + each, browser=f"Lynx {each}") for each in range(10)]
    desk.store(views(100, 30), views(200, 20, browser="Opera"), rare)
    inside = []

    def publish() -> None:
        with patch.object(publisher_module, "LOCK", "publish-of-the-other-host.lock"):
            inside.append(desk.publish("browsers"))

    run_with(desk.publisher("browsers"), publish)
    assert inside == [1]
    assert stored(desk) == (4, 2)
    shown = desk.visitors("browsers", "browser")
    assert {*shown} == {"Chrome", "Opera", REST}
    cells = desk.cells()
    assert len(cells) == 2
    assert {cell.keys["browser"]: cell.visitors for cell in cells} | {REST: None} == shown
    assert len(desk.query("SELECT * FROM technical.publications")) == 1


def test_a_span_that_cannot_be_counted_does_not_delay_the_others(desk: Desk) -> None:
    desk.store(views(100, 9))
    publisher = desk.publisher("pages", "browsers")
    count = publisher_module._Site._count

    def refuse_pages(site: publisher_module._Site, report: Report, some: Sequence[Due]) -> Iterator[Counted]:
        if report.name == "pages":
            raise DatabaseError("too much memory", code=241)
        return count(site, report, some)

    with patch.object(publisher_module._Site, "_count", refuse_pages), pytest.raises(Retryable, match="error 241"):
        publisher.run(MIDNIGHT + DAY, NOW, wait=False)
    assert desk.cells("browsers")
    assert not desk.cells("pages")
