"""Findings of the same lost people are one fault, named by the one nearest to its cause; unrelated faults stay apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.detection.causes import MOST_NAMED, Fault, faults
from pipeline.detection.detect import findings
from pipeline.detection.look import Look
from pipeline.detection.series import SITE, Slice
from support import made_faults
from support.made_site import MONDAY, MadeSite

SEED, DAYS, BEGIN = 5, 40, 36


def seen(*given: tuple[made_faults.Fault, int], a_day: float = 2_000, hours: int = 10, seed: int = SEED) -> list[Fault]:
    """Return the faults of a site, each begun at ten o'clock of its day, so many hours after ten o'clock of BEGIN."""
    made = MadeSite(days=DAYS, a_day=a_day)
    for fault, day in given:
        fault(made, made.noon(day))
    look = Look(made.table(seed, until=made.noon(BEGIN) + hours))
    return faults(look, findings(look))


def names(found: list[Fault]) -> list[tuple[str, str]]:
    return [(each.main.watch, each.main.slice.name) for each in found]


def test_a_browser_with_its_engine_system_and_device_is_one_fault() -> None:
    (only,) = seen((made_faults.browser("Safari"), BEGIN))
    assert {only.main.slice.name, *(each.slice.name for each in only.also)} >= {"Safari", "WebKit", "iOS", "phone"}
    assert {each.watch for each in only.also} == {"program_lost"}


@pytest.mark.parametrize("hours", [3, 10, 20])
@pytest.mark.parametrize("a_day", [200, 2_000, 20_000])
def test_a_site_that_is_silent_is_not_twenty_browsers_that_are_lost(a_day: float, hours: int) -> None:
    (only,) = seen((made_faults.site_silent, BEGIN), a_day=a_day, hours=hours)
    assert (only.main.watch, only.main.slice, only.cause) == ("all_traffic", SITE, "check_tag")


@pytest.mark.parametrize("hours", [4, 10, 30])
def test_a_form_that_is_broken_for_all_is_not_a_fault_of_each_browser(hours: int) -> None:
    (only,) = seen((made_faults.BROKEN_FORM, BEGIN), hours=hours)
    assert (only.main.watch, only.main.slice) == ("form_broken", SITE)


def test_a_form_that_is_broken_in_one_browser_is_named_by_it() -> None:
    (only,) = seen((made_faults.part("done", 0.01, "Safari"), BEGIN), hours=20)
    assert (only.main.watch, only.main.slice) == ("form_broken", Slice("version", "Safari 18"))
    assert [each.name for each in only.works_for][:2] == ["Chrome 142", "Chrome 141"]


def test_a_page_with_all_errors_of_the_site_is_the_fault_and_not_the_site() -> None:
    (only,) = seen((made_faults.flag("/doctors/", "server_error", 0.3), BEGIN))
    assert only.main.slice == Slice("page", "/doctors/")
    assert [each.slice for each in only.also] == [SITE]


def test_errors_of_every_page_are_a_fault_of_the_site() -> None:
    pages = ("/", "/doctors/", "/services/", "/contacts/", "/booking/", "/about/")
    (only,) = seen(*((made_faults.flag(page, "server_error", 0.2), BEGIN) for page in pages))
    assert only.main.slice == SITE


def test_a_browser_that_makes_up_the_loss_of_the_whole_site_is_the_fault() -> None:
    def most_people_use_it(made: MadeSite, _: int) -> None:
        for program, share in made.programs.items():
            share[:] *= 6 if program.browser == "Safari" else 0.5

    (only,) = seen((most_people_use_it, 0), (made_faults.browser("Safari"), BEGIN), hours=24)
    assert only.main.watch == "program_lost"
    assert "all_traffic" in {each.watch for each in only.also}


UNRELATED = [
    ((made_faults.browser("Firefox"), "program_lost"), (made_faults.page("/doctors/", 0.0), "silent_page")),
    ((made_faults.part("cookieless", 0.4, "Firefox"), "cookie_lost"), (made_faults.flag("/about/", "error", 1.0), "missing_page")),
    ((made_faults.part("done", 0.01, "Safari"), "form_broken"), (made_faults.flag("/about/", "error", 1.0), "missing_page")),
    ((made_faults.network, "network_lost"), (made_faults.flag("/doctors/", "server_error", 0.3), "server_errors")),
]  # fmt: skip


@pytest.mark.parametrize("days_apart", [0, 2])
@pytest.mark.parametrize(("one", "other"), UNRELATED, ids=lambda pair: pair[1])
def test_two_unrelated_faults_are_two(
    one: tuple[made_faults.Fault, str], other: tuple[made_faults.Fault, str], days_apart: int
) -> None:
    found = seen((one[0], BEGIN - 8), (other[0], BEGIN - 8 + days_apart))
    assert {each.main.watch for each in found} >= {one[1], other[1]}
    assert len(found) == 2


def test_two_pages_that_are_missing_are_two_faults() -> None:
    found = seen(
        (made_faults.flag("/about/", "error", 1.0), BEGIN), (made_faults.flag("/contacts/", "error", 0.6), BEGIN)
    )
    assert sorted(names(found)) == [("missing_page", "/about/"), ("missing_page", "/contacts/")]


def test_a_fault_that_began_days_after_another_one_stays_apart_however_long_both_last() -> None:
    for later in (3, 9):
        found = seen(
            (made_faults.part("done", 0.01, "Safari"), BEGIN - 12), (made_faults.flag("/booking/", "loop", 0.4), BEGIN - 12 + later)
        )  # fmt: skip
        assert {each.main.watch for each in found} == {"form_broken", "loop"}


def test_a_silent_page_that_others_still_name_lost_its_tag() -> None:
    (only,) = seen((made_faults.page("/doctors/", 0.0), BEGIN))
    assert only.cause == "tag_lost"


def test_a_silent_page_that_nobody_names_any_more_lost_its_people() -> None:
    (only,) = seen((made_faults.page_unreached, BEGIN))
    assert only.cause == "people_lost"


def test_a_silent_page_that_was_hardly_ever_named_has_no_word_for_its_cause() -> None:
    def unnamed(made: MadeSite, _: int) -> None:
        made.of_page["/doctors/", "named"][:] = 0

    (only,) = seen((unnamed, 0), (made_faults.page("/doctors/", 0.0), BEGIN))
    assert only.cause == ""


def test_a_page_that_lost_a_half_has_no_word_for_its_cause() -> None:
    (only,) = seen((made_faults.page("/doctors/", 0.45), BEGIN), hours=24)
    assert only.main.watch == "silent_page"
    assert only.cause == ""


def test_a_script_that_runs_nowhere_is_blocked_and_in_one_engine_alone_it_is_a_default() -> None:
    (everywhere,) = seen((made_faults.part("scripted", 0.01), BEGIN))
    assert everywhere.cause == "script_blocked"
    (only,) = seen((made_faults.part("scripted", 0.01, "Firefox"), BEGIN))
    assert only.cause == "privacy_default"


def test_what_works_is_of_the_same_kind_the_largest_first_and_at_most_a_few() -> None:
    (only,) = seen((made_faults.network, BEGIN))
    assert [each.name for each in only.works_for] == ["AS12389 Rostelecom", "AS25513 MGTS", "AS3216 Vimpelcom"]
    assert len(only.works_for) == MOST_NAMED
    (page,) = seen((made_faults.page("/doctors/", 0.0), BEGIN))
    assert {each.dimension for each in page.works_for} == {"page"}
    assert page.main.slice not in page.works_for


def test_what_hardly_anybody_used_since_the_begin_is_not_said_to_work() -> None:
    (only,) = seen((made_faults.network, BEGIN), a_day=300, hours=3)
    assert "AS3216 Vimpelcom" not in {each.name for each in only.works_for}


def test_the_fault_nearest_to_the_cause_is_first() -> None:
    found = seen(
        (made_faults.page("/doctors/", 0.0), BEGIN - 3), (made_faults.flag("/about/", "error", 1.0), BEGIN - 1)
    )
    assert names(found) == [("missing_page", "/about/"), ("silent_page", "/doctors/")]
    assert [each.main.since - MONDAY for each in found] == [
        timedelta(days=BEGIN - 1, hours=10), timedelta(days=BEGIN - 3, hours=10)
    ]  # fmt: skip
