"""Each watch finds its fault and nothing else, and each guard refuses what only looks like one."""

from __future__ import annotations

from datetime import timedelta
from time import process_time

import numpy as np
import pytest

from pipeline.detection.causes import Fault, faults
from pipeline.detection.detect import (
    KNOWN_PEOPLE,
    SEASON_DAYS,
    SENSITIVE_LEAST,
    Finding,
    findings,
)
from pipeline.detection.look import LEAST_EXPECTED, Known, Look
from pipeline.detection.series import HOUR, SITE, Counted, Slice, Table
from pipeline.detection.watches import Watch, all_watches
from support import made_faults
from support.made_faults import OF_EACH_WATCH
from support.made_site import MONDAY, UTC_ZONE, MadeSite

SEED = 5
DAYS, BEGIN = 40, 36


def site(fault: made_faults.Fault | None = None, *, a_day: float = 2_000, day: int = BEGIN) -> MadeSite:
    """Return a site with a fault from ten o'clock of a day on."""
    made = MadeSite(days=DAYS, a_day=a_day)
    if fault:
        fault(made, made.noon(day))
    return made


def found(made: MadeSite, hours: int = 10, *, known: Known | None = None, seed: int = SEED) -> list[Finding]:
    """Return the findings so many hours after the begin of the fault."""
    return findings(Look(made.table(seed, until=made.noon(BEGIN) + hours), known))


def named(some: list[Finding]) -> set[tuple[str, str]]:
    return {(each.watch, each.slice.name) for each in some}


def causes(made: MadeSite, hours: int = 10, *, seed: int = SEED) -> list[Fault]:
    look = Look(made.table(seed, until=made.noon(BEGIN) + hours))
    return faults(look, findings(look))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("a_day", [200, 2_000, 20_000])
def test_nothing_is_found_at_an_ordinary_site(a_day: float, seed: int) -> None:
    assert found(site(a_day=a_day), seed=seed) == []


@pytest.mark.parametrize("watch", OF_EACH_WATCH)
def test_each_watch_finds_its_fault_and_the_fault_has_its_name(watch: str) -> None:
    fault, name = OF_EACH_WATCH[watch]
    (only,) = causes(site(fault))
    assert only.main.watch == watch
    assert only.main.slice.name == name or {name} & {each.slice.name for each in only.also}
    begin = MONDAY + timedelta(days=BEGIN, hours=10)
    # A form that few people use at night is not known to the hour.
    assert abs(only.main.since - begin) <= timedelta(hours=12 if watch == "form_broken" else 1)
    assert only.main.quiet_until < only.main.since < only.main.quiet_until + 2 * HOUR
    assert only.main.lost.low <= only.main.lost.middle <= only.main.lost.high


def test_every_watch_has_a_made_fault_here_or_below() -> None:
    below = {"broken_link", "script_errors", "failed_resource", "slow_vital"}
    assert set(all_watches()) - set(OF_EACH_WATCH) == below


@pytest.mark.parametrize(
    ("watch", "piece"),
    [
        ("script_errors", Slice("script_error", "TypeError: x is undefined")),
        ("failed_resource", Slice("resource", "cdn.example")),
    ],
)
def test_a_measurement_that_many_page_loads_send_is_found(watch: str, piece: Slice) -> None:
    made = site()
    made.others[piece] = made.always(0.0)
    made.others[piece][made.noon(BEGIN) :] = 0.06
    assert named(found(made)) == {(watch, piece.name)}


@pytest.mark.parametrize(("share", "expected"), [(0.5, {("slow_vital", "LCP /doctors")}), (0.2, set())])
def test_slow_loads_are_found_once_more_than_a_quarter_is_poor(share: float, expected: set[tuple[str, str]]) -> None:
    made, vital = site(), Slice("vital", "LCP /doctors")
    end = made.noon(BEGIN) + 10
    loads = [
        Counted(made.time(place), vital, 100, 100, {"poor": int(100 * (share if place >= made.noon(BEGIN) else 0.1))})
        for place in range(end)
    ]
    look = Look(Table(made.start, made.time(end), [*made.rows(SEED), *loads], UTC_ZONE))
    assert named(findings(look)) == expected


def test_a_broken_link_is_found_by_the_page_that_has_it() -> None:
    made = site()
    made.others[Slice("source", "/about/")] = made.always(0.0)
    made.others[Slice("source", "/about/")][made.noon(BEGIN) :] = 0.06
    rows = [
        row._replace(flags={"error": row.people}) if row.slice.dimension == "source" else row for row in made.rows(SEED)
    ]
    look = Look(Table(made.start, made.time(made.noon(BEGIN) + 10), rows, UTC_ZONE))
    assert named(findings(look)) == {("broken_link", "/about/")}


@pytest.mark.parametrize("watch", ["all_traffic", "silent_page", "server_errors", "form_broken"])
def test_a_fault_that_is_over_is_found_no_more(watch: str) -> None:
    made, good = site(OF_EACH_WATCH[watch][0]), site()
    begin, end = made.noon(BEGIN), made.noon(BEGIN) + 6
    broken = {(row.hour, row.slice): row for row in made.rows(SEED) if made.time(begin) <= row.hour < made.time(end)}
    rows = [
        row for row in good.rows(SEED) if not made.time(begin) <= row.hour < made.time(end)
    ] + list(broken.values())  # fmt: skip
    assert findings(Look(Table(made.start, made.time(end), rows, UTC_ZONE))) != []
    assert findings(Look(Table(made.start, made.time(end + 50), rows, UTC_ZONE))) == []


def test_a_loss_is_named_sooner_at_a_larger_site() -> None:
    def hours(a_day: float) -> int:
        made = site(made_faults.page("/doctors/", 0.0), a_day=a_day)
        return next(hour for hour in range(1, 60) if ("silent_page", "/doctors/") in named(found(made, hour)))

    assert hours(20_000) <= hours(2_000) <= hours(200) <= 8


# Guards.


def test_a_share_below_its_floor_is_ordinary() -> None:
    floor = all_watches()["slow_page"].floor
    assert found(site(made_faults.flag("/contacts/", "reload", 0.8 * floor), a_day=20_000), 20) == []
    assert found(site(made_faults.flag("/contacts/", "reload", 4 * floor), a_day=20_000), 20) != []


EAGER = all_watches()["server_errors"].model_copy(update={"factors": (10_000.0,)})
"""A watch for which three people are enough evidence, so that the guards decide."""


def one_error_page(name: str, people: int, *, before: int, watch: Watch = EAGER) -> list[Finding]:
    """Return the findings about a page with server errors that so many people met now, and so many saw before."""
    made = site(a_day=2_000)
    at = made.time(made.noon(BEGIN))
    rows = [row for row in made.rows(SEED) if row.hour != at]
    rows.append(Counted(at, SITE, people, people, {"server_error": people}))
    rows += [Counted(at - day * timedelta(days=1), Slice("page", name), 1, 1, {}) for day in range(15, 15 + before)]
    rows += [Counted(at, Slice("page", name), people, people, {"server_error": people})]
    look = Look(Table(made.start, at + HOUR, rows, UTC_ZONE))
    return [each for each in findings(look, {watch.name: watch}) if each.slice.name == name]


def test_fewer_people_than_the_least_are_no_problem() -> None:
    least = EAGER.least
    assert one_error_page("/old/", least, before=20) != []
    assert one_error_page("/old/", least, before=20, watch=EAGER.model_copy(update={"least": least + 1})) == []


def test_a_page_that_few_people_know_needs_more_people_than_a_known_one() -> None:
    assert EAGER.least < KNOWN_PEOPLE
    assert one_error_page("/new/", KNOWN_PEOPLE - 1, before=KNOWN_PEOPLE - 1) == []
    assert one_error_page("/new/", KNOWN_PEOPLE, before=KNOWN_PEOPLE - 1) != []
    assert one_error_page("/old/", KNOWN_PEOPLE - 1, before=KNOWN_PEOPLE) != []


def test_a_sensitive_group_needs_as_many_people_as_a_published_number() -> None:
    assert one_error_page("/~health/", SENSITIVE_LEAST - 1, before=20) == []
    assert one_error_page("/~health/", SENSITIVE_LEAST, before=20) != []
    assert one_error_page("/plain/", SENSITIVE_LEAST - 1, before=20) != []


def test_a_sensitive_group_is_named_only_where_enough_people_are_lost() -> None:
    rows = {}
    for name in ("/~health/", "/doctors/"):
        made = site(a_day=200)
        made.pages[name] = made.always(0.25)
        made.pages[name][made.noon(BEGIN) :] = 0
        rows[name] = [each for each in found(made, 3) if each.slice.name == name]
    assert rows["/doctors/"]
    assert rows["/doctors/"][0].lost.middle < SENSITIVE_LEAST
    assert rows["/~health/"] == []


def test_a_name_for_many_addresses_is_no_page_with_errors() -> None:
    assert one_error_page("/user/*", 60, before=20) == []
    assert one_error_page("/user/", 60, before=20) != []


def test_a_page_with_errors_is_found_among_a_thousand_larger_ones() -> None:
    made = site()
    made_faults.flag("/about/", "error", 1.0)(made, made.noon(BEGIN))
    rows = made.rows(SEED)
    rows += [
        Counted(made.time(hour), Slice("page", f"/{place}/"), 50, 50, {})
        for place in range(1000)
        for hour in range(0, made.size, 24)
    ]
    look = Look(Table(made.start, made.time(made.noon(BEGIN) + 10), rows, UTC_ZONE))
    assert ("missing_page", "/about/") in named(findings(look))


def test_a_part_that_shrinks_only_because_others_grew_is_no_fault() -> None:
    made = site()
    begin = made.noon(BEGIN)
    made.level[begin:] *= 4  # a campaign brings people to one page
    for name, share in made.pages.items():
        if name != "/":
            share[begin:] /= 4
    assert not [each for each in found(made, 20) if each.watch == "silent_page"]


def test_hits_forged_to_raise_the_total_silence_no_page() -> None:
    made = site(a_day=200)
    begin = made.noon(BEGIN)
    rows = made.rows(SEED)
    forged = [
        row._replace(views=row.views + 20_000, people=row.people + 20_000)
        if row.hour >= made.time(begin) and row.slice in (SITE, Slice("page", "/"))
        else row
        for row in rows
    ]
    look = Look(Table(made.start, made.time(begin + 10), forged, UTC_ZONE))
    assert {each.watch for each in findings(look)} <= {"traffic_spike"}


def test_an_unannounced_holiday_with_the_people_of_a_sunday_is_no_fault() -> None:
    for seed in range(8):
        made = site()
        begin = 24 * BEGIN  # a Tuesday
        made.level[begin : begin + 24] *= 0.5 / 1.1
        for hours in (10, 14, 24):
            assert findings(Look(made.table(seed, until=begin + hours))) == []


def test_a_holiday_that_is_emptier_than_a_sunday_and_begins_late_is_no_fault() -> None:
    for seed in range(8):
        made = site()
        begin = 24 * BEGIN
        made.level[begin : begin + 9] *= 0.2
        made.level[begin + 9 : begin + 24] *= 0.35
        for hours in (10, 14, 24):
            assert findings(Look(made.table(seed, until=begin + hours))) == []


def test_the_same_loss_after_an_ordinary_morning_is_a_fault_that_the_night_does_not_end() -> None:
    made = site()
    made.level[made.noon(BEGIN) :] *= 0.35
    for hours in (4, 20):
        assert ("all_traffic", "") in named(findings(Look(made.table(SEED, until=made.noon(BEGIN) + hours))))


@pytest.mark.parametrize("views_went", [False, True])
def test_people_are_lost_only_if_their_views_are_and_not_when_those_without_cookies_count_as_one(
    *, views_went: bool
) -> None:
    made = site()
    begin, end = made.time(made.noon(BEGIN)), made.time(made.noon(BEGIN) + 10)
    rows = [
        row._replace(people=row.people * 4 // 10, views=row.views * 4 // 10 if views_went else row.views)
        if row.hour >= begin
        else row
        for row in made.rows(SEED)
        if row.slice == SITE
    ]
    found_now = named(findings(Look(Table(made.start, end, rows, UTC_ZONE))))
    assert (("all_traffic", "") in found_now) is views_went


def test_an_announced_holiday_may_be_emptier_than_a_sunday_was() -> None:
    made = site()
    begin = 24 * BEGIN
    made.level[begin : begin + 24] *= 0.5 / 1.1
    day = made.time(begin).date()
    look = Look(made.table(SEED, until=begin + 24), Known(frozenset({day})))
    assert findings(look) == []
    assert look.week[begin] == 6 * 24


def test_silence_is_found_on_a_holiday_too() -> None:
    made = site(made_faults.site_silent)
    holidays = frozenset({made.time(made.noon(BEGIN)).date()})
    assert ("all_traffic", "") in named(found(made, known=Known(holidays)))


def test_a_gap_of_all_hours_is_left_out_of_the_usual() -> None:
    made = site()
    made.level[20 * 24 : 23 * 24] = 0
    table = made.table(SEED)
    look = Look(table)
    busy = made.noon(21)
    assert look.silent[busy]
    assert not look.silent[made.noon(19)]
    assert findings(look) == []


def test_a_gap_that_is_over_is_no_problem_of_the_pages() -> None:
    made = site()
    made.level[made.noon(BEGIN) : made.noon(BEGIN) + 5] = 0
    assert found(made, 8) == []


@pytest.mark.parametrize("hours", [2, 6, 12, 15, 20, 30])
def test_a_silence_that_goes_on_is_a_problem_with_its_begin_also_in_the_night(hours: int) -> None:
    (only,) = found(site(made_faults.site_silent), hours)
    assert (only.watch, only.slice) == ("all_traffic", SITE)
    assert only.since == MONDAY + timedelta(days=BEGIN, hours=10)


def test_a_quiet_night_is_no_gap() -> None:
    made = MadeSite(days=20, a_day=200)
    look = Look(made.table(SEED))
    people = look.table.of("people")
    night = (people == 0) & (made.level < LEAST_EXPECTED / 3)
    assert night.sum() > 20
    assert not look.silent[night].any()


def test_less_than_a_week_of_history_says_nothing_about_the_whole_site() -> None:
    made = MadeSite(days=9, a_day=2_000)
    made.level[made.noon(7) :] = 0
    look = Look(made.table(SEED, until=made.noon(7) + 10))
    assert look.history_days < SEASON_DAYS
    assert not [each for each in findings(look) if all_watches()[each.watch].kind == "count"]


def test_a_fault_of_a_page_is_found_after_a_day_of_history() -> None:
    made = MadeSite(days=3, a_day=2_000)
    made.pages["/doctors/"][made.noon(1) :] = 0
    assert ("silent_page", "/doctors/") in named(findings(Look(made.table(SEED, until=made.noon(1) + 6))))


def test_a_fault_that_was_there_from_the_first_day_is_found() -> None:
    made = MadeSite(days=2, a_day=2_000)
    made_faults.flag("/about/", "error", 1.0)(made, 0)
    assert ("missing_page", "/about/") in named(findings(Look(made.table(SEED))))


@pytest.mark.parametrize("hours", [0, 1, 2, 30])
def test_an_empty_table_has_no_findings(hours: int) -> None:
    look = Look(Table(MONDAY, MONDAY + hours * HOUR, (), UTC_ZONE))
    assert findings(look) == []
    assert faults(look, []) == []


@pytest.mark.parametrize("hours", [1, 2, 100, 1000])
def test_one_event_is_no_finding(hours: int) -> None:
    row = Counted(MONDAY, SITE, 1, 1, {"error": 1, "server_error": 1})
    rows = [row, row._replace(slice=Slice("page", "/"))]
    assert findings(Look(Table(MONDAY, MONDAY + hours * HOUR, rows, UTC_ZONE))) == []


def test_the_hours_of_a_known_problem_do_not_become_the_usual() -> None:
    made = site(made_faults.page("/doctors/", 0.0), day=10)
    piece = Slice("page", "/doctors/")
    since, until = made.time(made.noon(10)), made.time(made.noon(BEGIN))
    forgotten = [each.watch for each in found(made)]
    kept = [each.watch for each in found(made, known=Known(not_usual={piece: [(since, until)]}))]
    assert forgotten == []
    assert kept == ["silent_page"]


def test_the_limit_grows_with_the_number_of_slices() -> None:
    def with_pages(number: int) -> list[Finding]:
        made = site(made_faults.page("/booking/", 0.4))
        rows = made.rows(SEED)
        names = [Slice("page", f"/{place}/") for place in range(number)]
        rows += [Counted(made.time(hour), piece, 9, 9, {}) for piece in names for hour in range(0, made.size, 24)]
        return [
            each
            for each in findings(Look(Table(made.start, made.time(made.noon(BEGIN) + 12), rows, UTC_ZONE)))
            if each.slice.name == "/booking/"
        ]

    (few,), many = with_pages(10), with_pages(390)
    assert many == [] or many[0].evidence > np.log(1e5) + np.log(3.9)
    assert few.evidence > np.log(1e5)


def test_a_hundred_thousand_pages_take_a_bounded_time() -> None:
    made = MadeSite(days=20, a_day=2_000)
    rows = made.rows(SEED)
    at = made.time(made.noon(18))
    rows += [
        Counted(at + (place % 3) * HOUR, Slice("page", f"/{place}/"), 1, 1, {"error": 1}) for place in range(100_000)
    ]
    began = process_time()
    findings(Look(Table(made.start, at + 4 * HOUR, rows, UTC_ZONE)))
    assert process_time() - began < 60


def test_an_unknown_watch_has_no_evidence() -> None:
    look = Look(site().table(SEED))
    assert not look.evidence("gone", "people", SITE, 0.5).any()


def test_a_watch_looks_only_at_the_slices_that_it_names() -> None:
    watch = Watch(
        name="made_up", kind="share", number=["again"], of="people", dimensions=["role"], only=["login"],
        direction="rise", factors=[3.0], rank=1, least=1, floor=0.1,
    )  # fmt: skip
    look = Look(site(made_faults.retried).table(SEED))
    assert findings(look, {"made_up": watch}) == []
    assert findings(look, {"made_up": watch.model_copy(update={"only": ("form",)})}) != []
