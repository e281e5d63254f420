"""Reports of measurements: each rule of counting page loads on the smallest day that shows it, and the attacks on their numbers."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from pipeline.publish.cells import RawCell, published
from pipeline.publish.noise import KEYS
from pipeline.publish.publisher import with_groups
from pipeline.reports.header import ALL as WHOLE
from pipeline.reports.header import REST_OF_LOADS, Report
from pipeline.settings.site import Site
from support.attackers import keys, likelihood, poisson, right
from support.publishing import ALL, DAY, HOUR, MIDNIGHT, NOON, NOW, Answer, Desk, Row, loads, noise_of, views

OF_LOADS = [report for report in ALL if report.counted == "technical"]
NAMES = tuple(report.name for report in OF_LOADS)
ERROR: Row = {"name": "TypeError", "template": "x is not a function", "source_host": "clinic.example"}
IMAGE: Row = {"name": "img", "source_host": "cdn.example"}


def errors(desk: Desk) -> list[Answer]:
    """Return the rows of js_errors of all browsers together."""
    return [row for row in desk.ask("js_errors") if row["browser"] in {WHOLE, ""}]


# Page loads in place of people


@pytest.mark.parametrize(
    ("noise", "shown"),
    [(-1, {"Six": 5, REST_OF_LOADS: None}), (2, {"Six": 8, "Five": 7, "Four": 6, "Three": 5, REST_OF_LOADS: None})],
)
def test_an_error_is_shown_from_five_page_loads_after_noise_and_three_real_ones(
    noise: int, shown: dict[str, int | None], desk: Desk
) -> None:
    sizes = {"Six": 6, "Five": 5, "Four": 4, "Three": 3, "Two": 2, "One": 1}
    desk.measure(*(loads("js_error", 100 * number, number, name=name) for name, number in sizes.items()))
    desk.publish("js_errors", noise=noise)
    assert {row["error"]: row["loads"] for row in errors(desk)} == shown


def test_an_error_that_a_page_load_met_many_times_or_that_arrived_twice_counts_one_page_load(desk: Desk) -> None:
    met = loads("js_error", 1, 6, **ERROR)
    later = loads("js_error", 1, 6, NOON + timedelta(minutes=3), **ERROR)
    desk.measure(met * 30, later, loads("js_error", 50, 1, **ERROR) * 200)
    desk.publish("js_errors", noise=0)
    assert [row["loads"] for row in errors(desk)] == [7]


def test_reports_without_a_number_of_the_page_load_are_one_page_load_where_they_look_the_same(desk: Desk) -> None:
    same = loads("js_error", 0, 1, **ERROR) * 50
    others = [each for country in "ABCD" for each in loads("js_error", 0, 1, **(ERROR | {"country": country}))]
    desk.measure(same, others)
    desk.publish("js_errors", noise=0)
    assert [row["loads"] for row in errors(desk)] == [5]


def test_page_loads_of_robots_and_staff_are_in_no_number_and_make_no_row(desk: Desk) -> None:
    nobody: tuple[Row, ...] = ({"robot": "Googlebot"}, {"robot": "ChatGPT-User"}, {"net_class": "own"})
    alone = [loads("js_error", 1000 * place, 9, name="Alone", **who) for place, who in enumerate(nobody, 1)]
    beside = [loads("js_error", 5000 * place, 9, **ERROR, **who) for place, who in enumerate(nobody, 1)]
    vitals = [loads("vital", 9000 * place, 9, name="LCP", **who) for place, who in enumerate(nobody, 1)]
    desk.measure(*alone, *beside, *vitals, loads("js_error", 1, 6, **ERROR), loads("vital", 1, 8, name="LCP"))
    desk.publish("js_errors", noise=0)
    assert [(row["error"], row["loads"], row["measured"]) for row in errors(desk)] == [
        ("TypeError: x is not a function", 6, 8)
    ]


def test_small_rows_are_told_of_from_three_page_loads_each_counted_once(desk: Desk) -> None:
    desk.measure(loads("js_error", 1, 1, **ERROR, browser="A"), loads("js_error", 2, 1, **ERROR, browser="B"))
    desk.publish("js_errors", noise=3)
    assert desk.ask("js_errors") == []
    desk.clear()
    desk.measure(*(loads("js_error", place, 1, **ERROR, browser=name) for place, name in enumerate("ABC", 1)))
    desk.publish("js_errors", noise=3)
    assert [(row["error"], row["loads"]) for row in desk.ask("js_errors")] == [
        ("TypeError: x is not a function", 6),
        (REST_OF_LOADS, None),
    ]


def test_a_row_of_one_browser_is_beside_the_row_of_all(desk: Desk) -> None:
    desk.measure(
        *(loads("js_error", 100 * place, place, **ERROR, browser=name) for place, name in ((6, "A"), (3, "B")))
    )
    desk.publish("js_errors", noise=0)
    assert desk.visitors("js_errors", "browser") == {WHOLE: 9, "A": 6}


# Shares


def test_the_share_is_that_of_page_loads_which_sent_a_vital_and_empty_where_none_did(desk: Desk) -> None:
    desk.measure(loads("js_error", 1, 10, **ERROR), loads("js_error", 1, 10, NOON - DAY, **ERROR))
    # Each page load sends several vitals; those without the error count, too.
    desk.measure(*(loads("vital", 1, 40, name=name) for name in ("LCP", "TTFB", "FCP")))
    desk.publish("js_errors", noise=0)
    assert [(row["measured"], row["share"]) for row in errors(desk)] == [(40, 25.0)]
    of_day_before = desk.ask("js_errors", MIDNIGHT - DAY, MIDNIGHT)
    assert {(row["measured"], row["share"]) for row in of_day_before} == {(None, None)}


def test_a_share_is_never_above_a_hundred_percent(desk: Desk) -> None:
    desk.measure(loads("js_error", 1, 10, **ERROR), loads("vital", 1, 6, name="LCP"))
    desk.publish("js_errors", noise=0)
    assert [row["share"] for row in errors(desk)] == [100.0]


# Pages


def test_a_page_that_is_not_public_is_never_named_however_often_somebody_loads_it(desk: Desk) -> None:
    desk.know("/public")
    desk.measure(loads("resource", 1, 60, **IMAGE, page="/typed"), loads("resource", 100, 6, **IMAGE, page="/public"))
    desk.measure(*(loads("vital", 200, 60, name="LCP", value=1.0, page=page) for page in ("/typed/x", "/public/x")))
    desk.publish("failed_resources", "web_vitals", noise=0)
    assert desk.visitors("failed_resources", "page") == {WHOLE: 66, "/public": 6, "": None}
    assert desk.visitors("web_vitals", "page_group") == {WHOLE: 60, "/public": 60, REST_OF_LOADS: None}


def test_a_page_that_visitors_made_public_is_named_in_the_same_run(desk: Desk) -> None:
    desk.store(views(1, 6, page="/doctors"))
    desk.measure(loads("resource", 1, 6, **IMAGE, page="/doctors"))
    desk.publish("pages", "failed_resources", noise=0)
    assert desk.visitors("failed_resources", "page") == {WHOLE: 6, "/doctors": 6}
    assert {row["worst_page"] for row in desk.ask("failed_resources")} == {"/doctors"}


def test_a_sensitive_group_needs_twenty_page_loads(desk: Desk) -> None:
    desk.know("/~oncology", "/~hiv")
    for page, number in (("/~oncology", 20), ("/~hiv", 19)):
        desk.measure(loads("resource", 100 * number, number, **IMAGE, page=page))
    desk.publish("failed_resources", noise=0)
    assert desk.visitors("failed_resources", "page") == {WHOLE: 39, "/~oncology": 20, "": None}


def test_a_group_of_pages_is_public_if_a_page_of_it_is() -> None:
    known = with_groups(frozenset({"/doctors/ivanova", "/detail?ELEMENT_ID=12", "/~hiv"}))
    assert {"/doctors", "/detail", "/~hiv", "/*"} <= known
    assert not {"/typed", "/ivanova", ""} & known


@pytest.mark.parametrize(
    ("host", "whose"),
    [
        ("clinic.example", "own"),
        ("www.clinic.example", "own"),
        ("static.clinic.example", "own"),
        ("notclinic.example", "foreign"),
        ("dentist.example", "foreign"),
        ("example", "foreign"),
        ("", "unknown"),
    ],
)
def test_a_host_of_the_site_and_a_name_below_it_are_its_own(host: str, whose: str, desk: Desk) -> None:
    desk.measure(loads("resource", 1, 6, name="img", source_host=host))
    desk.publish("failed_resources", noise=0)
    assert {(row["host"], row["whose"]) for row in desk.ask("failed_resources") if row["loads"]} == {
        (host or "unknown", whose)
    }


# Vitals


@pytest.mark.parametrize(
    ("metric", "good", "poor"), [("LCP", 2500, 4000), ("INP", 200, 500), ("CLS", 0.1, 0.25), ("TTFB", 800, 1800)]
)
def test_a_vital_is_good_up_to_its_first_limit_and_poor_above_its_second(
    metric: str, good: float, poor: float, desk: Desk
) -> None:
    for place, value in enumerate((0, good, good * 1.01, poor, poor * 1.01, 3_600_000)):
        desk.measure(loads("vital", 100 * place + 1, 5, name=metric, value=float(value)))
    desk.publish("web_vitals", noise=0)
    (row,) = (each for each in desk.ask("web_vitals") if each["loads"])
    assert (row["metric"], row["loads"], row["good"], row["fair"], row["poor"]) == (metric, 30, 10, 10, 10)
    assert (row["good_share"], row["verdict"]) == (33.3, "poor")


def test_a_metric_that_grew_while_the_page_was_open_counts_once_with_its_last_value(desk: Desk) -> None:
    for value in (0.0, 0.3, 0.05):
        desk.measure(loads("vital", 1, 6, name="CLS", value=value))
    desk.publish("web_vitals", noise=0)
    assert [(row["good"], row["poor"]) for row in desk.ask("web_vitals") if row["loads"]] == [(None, 6)]


@pytest.mark.parametrize(
    ("good", "fair", "poor", "verdict"),
    [
        (75, 25, 0, "good"),
        (74, 26, 0, "fair"),
        (70, 5, 25, "fair"),
        (70, 4, 26, "poor"),
        (14, 5, 0, None),
        (13, 4, 4, None),
    ],
)
def test_the_verdict_is_the_range_of_the_75th_percentile_and_empty_for_few_numbers(
    good: int, fair: int, poor: int, verdict: str | None, desk: Desk
) -> None:
    for value, number in ((1.0, good), (3000.0, fair), (9000.0, poor)):
        desk.measure(loads("vital", int(value), number, name="LCP", value=value))
    desk.publish("web_vitals", noise=0)
    assert [row["verdict"] for row in desk.ask("web_vitals") if row["loads"]] == [verdict]


# When


def test_a_day_with_measurements_alone_is_published_and_events_do_not_publish_it_again(desk: Desk) -> None:
    desk.measure(loads("js_error", 1, 6, **ERROR))
    desk.publish("js_errors", "pages", noise=0)
    assert desk.query("SELECT report, grain FROM technical.publications WHERE grain = 'day'") == [("js_errors", "day")]
    assert [row["loads"] for row in errors(desk)] == [6]
    desk.store(views(1, 300))
    desk.publish("js_errors", "pages", now=NOW + HOUR, noise=0)
    assert sorted(desk.query("SELECT report, grain, corrected FROM technical.publications WHERE grain = 'day'")) == [
        ("js_errors", "day", 0),
        ("pages", "day", 0),
    ]


def test_late_measurements_publish_a_day_once_more(desk: Desk) -> None:
    desk.measure(loads("js_error", 1, 6, **ERROR))
    desk.publish("js_errors", noise=0)
    for later, number in ((HOUR, 6), (2 * HOUR, 12), (3 * HOUR, 12)):
        desk.measure(loads("js_error", 1000 * number + later.seconds, 6, **ERROR))
        desk.publish("js_errors", now=NOW + later, noise=0)
        assert [row["loads"] for row in errors(desk)] == [12]


def test_the_hours_of_a_busy_hour_have_page_loads_too(desk: Desk) -> None:
    desk.store(views(1, 300))
    desk.measure(loads("js_error", 1, 6, **ERROR), loads("js_error", 100, 6, NOON + HOUR, **ERROR))
    desk.publish("traffic_by_hour", "js_errors", until=NOON + 2 * HOUR, noise=0)
    assert {(cell.start, cell.visitors) for cell in desk.cells("js_errors", "hour")} == {(NOON, 6)}


def test_measurements_of_another_site_are_in_no_row(desk: Desk) -> None:
    desk.measure(loads("js_error", 1, 6, **ERROR), loads("js_error", 1, 9, **ERROR, site="dentist"))
    desk.publish("js_errors", noise=0)
    assert [row["loads"] for row in errors(desk)] == [6]
    assert {row["loads"] for row in desk.ask("js_errors", site="dentist")} == {9}


# Attacks


def test_the_same_page_loads_have_the_same_number_in_every_report(desk: Desk) -> None:
    for group in range(1, 41):
        size, first = 5 + group % 20, 1000 * group
        desk.measure(loads("js_error", first, size, name=f"E{group}"))
        desk.measure(loads("resource", first, size, name="img", source_host=f"h{group}.example"))
        desk.measure(loads("vital", first, size, name="LCP", device=f"d{group}"))
    desk.publish(*NAMES)
    seen: dict[str, set[int]] = {}
    for cell in desk.cells():
        if cell.visitors is not None:
            name = cell.keys.get("error") or cell.keys.get("host") or cell.keys["device"]
            seen.setdefault(name.removesuffix(".example")[1:], set()).add(cell.visitors)
    assert len(seen) > 20
    assert all(len(numbers) == 1 for numbers in seen.values())
    assert len({next(iter(numbers)) - (5 + int(group) % 20) for group, numbers in seen.items()}) > 3


def cell_of(report: Report, people: list[int], *, is_known: bool = True) -> RawCell:
    """Return a cell of a report with these page loads."""
    names = ("x",) * len(report.named("key"))
    return RawCell(names, len(people), len(people), sum(people) % KEYS, {}, is_known=is_known)


@pytest.mark.parametrize("report", OF_LOADS, ids=lambda report: report.path)
def test_one_who_knows_all_other_page_loads_may_still_be_wrong_about_one(report: Report) -> None:
    def guess(draw: random.Random, truth: bool) -> float:
        others = poisson(draw, 10)
        seen = published(report, cell_of(report, keys(draw, others + truth)))
        return likelihood(seen and seen.visitors, others)

    assert 0.65 < right(1000, 5, guess) <= 0.75


@pytest.mark.parametrize("report", OF_LOADS, ids=lambda report: report.path)
def test_no_number_of_page_loads_shows_a_name_that_is_not_public(report: Report) -> None:
    draw = random.Random(6)
    for number in (1, 5, 60, 5000):
        with noise_of(5):
            assert published(report, cell_of(report, keys(draw, number), is_known=False)) is None
            assert published(report, cell_of(report, keys(draw, number))) is None or number >= 3


def test_a_site_of_several_hosts_has_each_of_them(desk: Desk) -> None:
    sites = tuple(
        Site(id=each.id, hosts=("one.example", "www.two.example") if each.id == "clinic" else each.hosts)
        for each in desk.settings.sites
    )
    with desk.rows.views_of(sites):
        hosts = ("cdn.one.example", "two.example", "three.example")
        desk.measure(*(loads("resource", 10 * place, 6, name="img", source_host=h) for place, h in enumerate(hosts, 1)))
        desk.publish("failed_resources", noise=0)
        shown = {row["host"]: row["whose"] for row in desk.ask("failed_resources") if row["loads"]}
    assert shown == {"cdn.one.example": "own", "two.example": "own", "three.example": "foreign"}
