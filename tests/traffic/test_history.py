"""The made-up weeks: season, stories, and what else happens at a clinic."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import mean
from zoneinfo import ZoneInfo

import pytest

from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.clinic_day import BROKEN_LINK, CLINIC, ROBOTS
from pipeline.traffic.history import Clinic, has_campaign, is_holiday, people_on, planned_history, visits_of
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import AD_BLOCKS, DONE, FORM, LOGIN, View, Visit, browser_on

FIRST, DAYS = date(2026, 11, 1), 28
ZONE = ZoneInfo("Asia/Vladivostok")
SITE = DEMO_SITE.model_copy(update={"timezone": ZONE.key})
BASE = "https://clinic.example"


def history(**given: object) -> list[PlannedHit]:
    return list(planned_history(SITE, FIRST, DAYS, **({"visitors": 120} | given)))  # type: ignore[arg-type]


def visits(visitors: int = 400, opt_out: float = 0.05) -> list[Visit]:
    """Return the visits of people, without the staff and without those who follow the dead link."""
    clinic = Clinic(SITE, FIRST + timedelta(days=DAYS - 1), visitors, opt_out=opt_out)
    made = (visit for number in range(DAYS) for visit in visits_of(clinic, FIRST + timedelta(days=number)))
    return [visit for visit in made if visit.is_person and visit.address != CLINIC and not is_lost(visit)]


def is_lost(visit: Visit) -> bool:
    return any(view.page == BROKEN_LINK for view in visit.views)


def pages_of(visit: Visit) -> list[View]:
    return [view for view in visit.views if not view.ads]


def day_of(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, ZONE).date()


@pytest.fixture(scope="module")
def made() -> list[Visit]:
    return visits()


@pytest.fixture(scope="module")
def per_day(made: list[Visit]) -> Counter[date]:
    return Counter(day_of(visit.views[0].at_ms) for visit in made)


def test_few_people_come_at_night_and_many_by_day(made):
    hours = Counter(datetime.fromtimestamp(visit.views[0].at_ms / 1000, ZONE).hour for visit in made)
    assert sum(hours[hour] for hour in range(1, 6)) < 0.1 * sum(hours[hour] for hour in range(9, 14))


def test_fewer_people_come_at_the_weekend_than_on_a_workday(per_day):
    free = mean(count for day, count in per_day.items() if day.weekday() >= 5)
    worked = mean(count for day, count in per_day.items() if day.weekday() < 5 and not is_holiday(day))
    assert 0.4 * worked < free < 0.7 * worked


def test_a_public_holiday_is_quieter_than_the_same_weekday_before_and_after(per_day):
    holiday, later = date(2026, 11, 4), date(2026, 11, 18)
    assert is_holiday(holiday)
    assert not is_holiday(later)
    assert per_day[holiday] < 0.55 * per_day[later]


def test_the_clinic_grows_by_a_few_percent_in_four_weeks_and_has_the_asked_number_of_people_at_the_end():
    clinic = Clinic(SITE, FIRST + timedelta(days=DAYS), 1000)
    first, last = (
        mean(people_on(clinic, begin + timedelta(days=day)) for day in range(7))
        for begin in (clinic.today - timedelta(days=DAYS), clinic.today - timedelta(days=6))
    )
    assert last == pytest.approx(1000, rel=0.02)
    assert 1.02 < last / (first / (1 - 0.65 / 7)) < 1.06  # one day of the first week is a holiday


def test_equal_days_differ_by_more_than_chance_alone(per_day):
    # Mondays without a campaign: their season is the same but for the growth.
    clinic = Clinic(SITE, FIRST + timedelta(days=DAYS - 1), 400)
    ratios = [
        count / people_on(clinic, day)
        for day, count in per_day.items()
        if not has_campaign(clinic, day) and not is_holiday(day)
    ]
    assert 0.03 < (mean((ratio - mean(ratios)) ** 2 for ratio in ratios)) ** 0.5 < 0.15


def test_the_same_seed_gives_the_same_hits_and_another_seed_others():
    assert history(visitors=40) == history(visitors=40)
    assert history(visitors=40, seed=2) != history(visitors=40)


def test_the_hits_come_in_order_of_time_and_fill_every_day():
    hits = history()
    assert all(one.at_ms <= next_one.at_ms for one, next_one in pairwise(hits))
    days = {day_of(hit.at_ms) for hit in hits}
    assert {FIRST + timedelta(days=number) for number in range(DAYS)} <= days
    assert max(days) <= FIRST + timedelta(days=DAYS)


def test_a_later_page_of_a_visit_names_the_page_before_it_as_its_referrer(made):
    followed = 0
    for visit in made:
        for before, view in pairwise(pages_of(visit)):
            assert before.at_ms < view.at_ms
            if view.mode == "js" and view.page != before.page:
                assert view.referrer == BASE + before.page.partition("?")[0]
                followed += 1
            elif view.page == before.page:
                assert view.referrer == before.referrer  # a reload
    assert followed > 10_000


def test_a_visit_has_one_person_one_browser_and_one_network(made):
    known = defaultdict(set)
    for visit in made:
        known[visit.person].add((visit.address, visit.browser.family, tuple(visit.headers)))
    assert all(len(found) == 1 for found in known.values())


def test_nine_of_a_hundred_reach_the_form_and_seventy_of_a_hundred_of_these_the_page_after_it(made):
    reached = [{view.page for view in visit.views} for visit in made]
    form = [pages for pages in reached if FORM in pages]
    assert len(form) / len(made) == pytest.approx(0.09, abs=0.01)
    assert sum(DONE in pages for pages in form) / len(form) == pytest.approx(0.7, abs=0.05)
    assert not any(DONE in pages and FORM not in pages for pages in reached)
    assert sum(LOGIN in pages for pages in reached) / len(made) == pytest.approx(0.06, abs=0.01)


def test_three_of_a_hundred_load_the_form_again(made):
    forms = [sum(view.page == FORM for view in visit.views) for visit in made]
    assert 0.01 < sum(count > 1 for count in forms) / sum(count > 0 for count in forms) < 0.06


def test_ad_blocks_are_shown_on_their_pages_alone(made):
    seen = Counter((view.page.partition("?")[0], ad) for visit in made for view in visit.views for ad in view.ads)
    assert set(seen) == {(page, ad) for page, ads in AD_BLOCKS.items() for ad in ads}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_the_asked_share_of_the_people_sends_a_privacy_signal(share):
    people = {visit.person: bool(visit.headers) for visit in visits(200, share)}
    assert sum(people.values()) / len(people) == pytest.approx(share, abs=0.02)


def test_another_share_of_privacy_signals_changes_nothing_else():
    few, many = history(opt_out=0.0), history(opt_out=0.6)
    assert [(hit.at_ms, hit.query, hit.person) for hit in few] == [(hit.at_ms, hit.query, hit.person) for hit in many]
    assert not any("Sec-GPC" in hit.headers for hit in few)


def test_a_new_version_of_a_browser_spreads_over_the_weeks(made):
    shares = []
    for week in range(4):
        span = {FIRST + timedelta(days=7 * week + day) for day in range(7)}
        majors = [
            visit.browser.major
            for visit in made
            if visit.browser.family == "Chrome" and day_of(visit.views[0].at_ms) in span
        ]
        shares.append(sum(major == 155 for major in majors) / len(majors))
    assert shares[0] == shares[1] == 0
    assert 0 < shares[2] < 0.5 < shares[3]


def test_a_person_never_goes_back_to_an_older_version():
    for family in ("Chrome Windows", "Yandex Android", "Edge", "Firefox"):
        for late in (0.0, 0.5, 0.99):
            majors = [browser_on(family, FIRST + timedelta(days=day), late).major for day in range(120)]
            assert majors == sorted(majors)


def test_campaigns_bring_people_with_their_mark_on_their_days_alone(made):
    clinic = Clinic(SITE, FIRST + timedelta(days=DAYS - 1), 400)
    marked = {day_of(visit.views[0].at_ms) for visit in made if "utm_campaign" in visit.views[0].page}
    days = {FIRST + timedelta(days=number) for number in range(DAYS)}
    assert marked == {day for day in days if has_campaign(clinic, day)}
    assert 0 < len(marked) < 15


def test_the_site_gets_new_releases_and_never_an_older_one_again(made):
    told = sorted((view.at_ms, view.release) for visit in made for view in visit.views[:1])
    releases = [release for _, release in told]
    assert releases == sorted(releases)
    assert len(set(releases)) == 3


def test_some_people_come_again_with_the_same_device(made):
    times = Counter(visit.person for visit in made)
    again = sum(count for count in times.values() if count > 1) / len(made)
    assert 0.15 < again < 0.4


def test_robots_staff_a_dead_link_and_a_scanner_are_there_besides_the_people():
    hits = history()
    agents = Counter(hit.agent for hit in hits if not hit.person)
    assert set(ROBOTS) <= set(agents)
    assert sum(hit.address == CLINIC for hit in hits) > DAYS
    lost = [hit for hit in hits if hit.query["u"] == BASE + BROKEN_LINK]
    assert {(hit.query["e"], hit.query.get("r", f"{BASE}/services/")) for hit in lost} == {("404", f"{BASE}/services/")}
    assert len({day_of(hit.at_ms) for hit in lost}) > DAYS / 2
    scans = {day_of(hit.at_ms) for hit in hits if "/.env" in hit.query["u"]}
    assert all(day.toordinal() % 4 == 0 for day in scans)
    assert len(scans) == DAYS // 4


def test_many_people_need_no_address_that_does_not_exist():
    day = FIRST + timedelta(days=9)
    hits = list(planned_history(SITE, day, 1, visitors=20_000))
    assert all(len(part) <= 4 for hit in hits for part in hit.address.split(":") if ":" in hit.address)
