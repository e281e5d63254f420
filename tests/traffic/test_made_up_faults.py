"""The faults at the end of a made-up history: each changes what it says from its begin on, and nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random

import pytest

from pipeline.durations import HOUR_MS
from pipeline.errors import Fatal
from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.clinic_day import CLINIC
from pipeline.traffic.faults import (
    KINDS,
    ONE_COUNTRY,
    YANDEX,
    default_since,
    fault_of,
    planned_fault,
    planned_with_fault,
    truth,
)
from pipeline.traffic.history import clinic_until, planned_history
from pipeline.traffic.places import PEOPLE, DocumentationPlaces, Provider
from pipeline.traffic.send import PlannedHit

FIRST, DAYS, VISITORS = date(2026, 11, 23), 3, 800
END_MS = int(datetime(2026, 11, 26, tzinfo=DEMO_SITE.zone).timestamp() * 1000)
SINCE_MS = END_MS - 40 * HOUR_MS
BASE = "https://clinic.example"
KAZAKHTELECOM, KCELL = ONE_COUNTRY

Hit = tuple[int, str, str, str, tuple[tuple[str, str], ...]]


class TwoNetworks(DocumentationPlaces):
    """Half of the people are in Kazakhstan, in two networks."""

    def person(self, random: Random, number: int) -> str:
        network = ("198.51.100", "192.0.2", "203.0.113", "203.0.113")[number % 4]
        return f"{network}.{random.randrange(20, 64)}"

    def provider(self, address: str) -> Provider | None:  # type: ignore[override]
        known = {"198.51.100": KAZAKHTELECOM, "192.0.2": KCELL}
        return known.get(address.rpartition(".")[0], PEOPLE[0]) if address != CLINIC else None


PLACES = TwoNetworks()


@cache
def clean() -> list[PlannedHit]:
    return list(planned_history(DEMO_SITE, FIRST, DAYS, visitors=VISITORS, places=PLACES))


@cache
def faulty(name: str, size: float = 1.0) -> list[PlannedHit]:
    """Return the hits from the fault on."""
    given = {"since_ms": SINCE_MS, "visitors": VISITORS, "size": size, "places": PLACES}
    return list(planned_fault(DEMO_SITE, FIRST, DAYS, name, **given))  # type: ignore[arg-type]


def without_release(hit: PlannedHit) -> Hit:
    told = tuple(sorted((name, value) for name, value in hit.query.items() if name != "v"))
    return hit.at_ms, hit.address, hit.agent, hit.person, told


def difference(name: str, size: float = 1.0) -> tuple[list[Hit], list[Hit]]:
    """Return the hits that are gone with the fault, and those that are new."""
    was, now = cleanly(), Counter(map(without_release, faulty(name, size)))
    return list((was - now).elements()), list((now - was).elements())


@cache
def cleanly() -> Counter[Hit]:
    return Counter(without_release(hit) for hit in clean() if hit.at_ms >= SINCE_MS)


def told(hit: Hit, name: str) -> str:
    return dict(hit[4]).get(name, "")


def page(hit: Hit) -> str:
    return told(hit, "u").split("clinic.example")[1].partition("?")[0]


def is_yandex(hit: Hit) -> bool:
    return "YaBrowser/26." in hit[2]


def is_webkit(hit: Hit) -> bool:
    return "Version/26.1" in hit[2]


def of_page(path: str) -> Callable[[Hit], bool]:
    return lambda hit: page(hit) == path


def anything(_: Hit) -> bool:
    return True


GIVE_UP = ("/zapis/", "/zapis/spasibo/", "/contacts/", "/")
MAY_CHANGE: dict[str, tuple[Callable[[Hit], bool], Callable[[Hit], bool]]] = {
    "browser-form": (
        lambda hit: is_yandex(hit) and page(hit) in GIVE_UP,
        lambda hit: is_yandex(hit) and page(hit) in ("/zapis/", "/contacts/"),
    ),
    "form-dead": (lambda hit: page(hit) in GIVE_UP, lambda hit: page(hit) in ("/zapis/", "/contacts/")),
    "silent-page": (of_page("/price/"), lambda _: False),
    "silent-section": (lambda hit: page(hit).startswith("/services/"), lambda _: False),
    "network-outage": (lambda hit: hit[1].startswith("198.51.100."), lambda _: False),
    "country-outage": (lambda hit: hit[1].startswith(("198.51.100.", "192.0.2.")), lambda _: False),
    "not-found-storm": (lambda _: False, lambda hit: page(hit) == "/services/mrt-novaya/" and told(hit, "e") == "404"),
    "server-errors": (anything, lambda hit: page(hit) == "/doctors/" and told(hit, "e") == "503"),
    "reload-storm": (anything, anything),  # later views of the visit come later
    "login-loop": (lambda hit: page(hit).startswith("/lk/"), lambda hit: page(hit) in ("/lk/", "/lk/vhod/")),
    "dead-ad": (lambda hit: "checkup" in told(hit, "a"), lambda hit: told(hit, "a") == "vakcina"),
    "cookie-loss": (lambda hit: "iPhone" in hit[2] and hit[3] != "", lambda hit: "iPhone" in hit[2] and hit[3] == ""),
    "tag-removed": (anything, lambda _: False),
    "http-mix": (anything, lambda hit: told(hit, "u").startswith("http://")),
    "duplicate-hits": (lambda _: False, of_page("/services/")),
    "referrer-lost": (lambda hit: told(hit, "r") == YANDEX, lambda hit: told(hit, "r") == ""),
    "search-lost": (anything, lambda _: False),
    "slow-page": (anything, anything),  # later views of the visit come later, or not at all
    "collector-outage": (lambda hit: hit[0] < SINCE_MS + 20 * HOUR_MS, lambda _: False),
    "script-blocked": (is_webkit, lambda hit: is_webkit(hit) and told(hit, "m") == "noscript" and not told(hit, "r")),
}


@pytest.mark.parametrize("name", KINDS)
def test_before_the_begin_of_a_fault_every_hit_is_that_of_the_clean_history(name):
    clinic = clinic_until(DEMO_SITE, FIRST, DAYS, VISITORS, 1, 0.05, PLACES)
    whole = list(planned_with_fault(clinic, FIRST, DAYS, fault_of(name, clinic, SINCE_MS, END_MS)))
    before = [hit for hit in clean() if hit.at_ms < SINCE_MS]
    assert whole[: len(before)] == before
    # What `planned_fault` makes alone is the rest of the whole.
    assert whole[len(before) :] == faulty(name)
    assert whole != clean()


@pytest.mark.parametrize("name", KINDS)
def test_a_fault_changes_what_it_says_and_nothing_else(name):
    gone, new = difference(name)
    may_go, may_come = MAY_CHANGE[name]
    assert len(gone) + len(new) > 20
    assert [hit for hit in gone if not may_go(hit)] == []
    assert [hit for hit in new if not may_come(hit)] == []


@pytest.mark.parametrize("name", KINDS)
def test_a_smaller_fault_hits_a_smaller_share_and_one_of_no_size_nothing(name):
    counts = [sum(map(len, difference(name, size))) for size in (0.0, 0.25, 0.5, 1.0)]
    assert counts[0] == 0
    assert 0.12 * counts[3] < counts[1] < 0.42 * counts[3]
    assert 0.35 * counts[3] < counts[2] < 0.7 * counts[3]


@pytest.mark.parametrize("name", KINDS)
def test_a_fault_of_the_sites_own_code_begins_with_a_release_and_another_fault_with_none(name):
    usual = {hit.query.get("v", "") for hit in clean() if hit.at_ms >= SINCE_MS} - {""}
    released = {hit.query.get("v", "") for hit in faulty(name)} - {""}
    if name == "tag-removed":  # nobody is left to tell it
        assert released == set()
    elif KINDS[name].is_release:
        assert released == {f"{release}.1" for release in usual}
    else:
        assert released
        assert released <= usual


def test_people_load_a_broken_form_again_and_nobody_finishes_it():
    done = [hit for hit in map(without_release, faulty("form-dead")) if page(hit) == "/zapis/spasibo/"]
    assert done == []
    loads = Counter(hit[3] for hit in map(without_release, faulty("form-dead")) if page(hit) == "/zapis/")
    assert sum(count >= 3 for count in loads.values()) > 0.9 * len(loads)


def test_only_one_browser_cannot_finish_the_form():
    done = [hit for hit in map(without_release, faulty("browser-form")) if page(hit) == "/zapis/spasibo/"]
    assert done
    assert not any(map(is_yandex, done))
    assert any(is_yandex(hit) for hit in map(without_release, clean()) if page(hit) == "/zapis/spasibo/")


@pytest.mark.parametrize(("name", "path"), [("silent-page", "/price/"), ("silent-section", "/services/")])
def test_other_pages_still_name_a_silent_one_as_their_referrer(name, path):
    hits = [without_release(hit) for hit in faulty(name)]
    assert not any(page(hit) == path for hit in hits)
    assert sum(told(hit, "r") == BASE + path for hit in hits) > 20


def test_a_reload_storm_and_a_login_loop_come_fast():
    reloads = defaultdict(list)
    for hit in map(without_release, faulty("reload-storm")):
        if page(hit) == "/price/" and not told(hit, "a"):
            reloads[hit[3], told(hit, "r")].append(hit[0])
    storms = [times for times in reloads.values() if any(later - at < 60_000 for at, later in zip(times, times[5:]))]  # noqa: B905
    assert len(storms) > 20
    loops = defaultdict(list)
    for hit in map(without_release, faulty("login-loop")):
        if page(hit) in ("/lk/", "/lk/vhod/"):
            loops[hit[3]].append((hit[0], page(hit)))
    turns = [
        sum(one[1] != other[1] for one, other in pairwise(each) if other[0] - one[0] < 3_000) for each in loops.values()
    ]
    assert sum(count >= 8 for count in turns) > 0.9 * len(turns)


def test_a_slow_page_is_loaded_again_within_ten_seconds():
    last: dict[str, Hit] = {}
    again = 0
    for hit in map(without_release, faulty("slow-page")):
        if page(hit) == "/doctors/" and not told(hit, "a"):
            before = last.get(hit[3])
            again += before is not None and hit[0] - before[0] < 10_000 and told(before, "r") == told(hit, "r")
            last[hit[3]] = hit
    assert again > 100


def test_a_page_with_the_tag_twice_tells_each_view_twice_within_two_seconds():
    gone, new = difference("duplicate-hits")
    seen = defaultdict(list)
    for hit in map(without_release, clean()):
        seen[hit[1:]].append(hit[0])
    assert gone == []
    assert all(any(0 < hit[0] - at < 2_000 for at in seen[hit[1:]]) for hit in new)


def test_people_of_a_search_engine_stay_without_their_referrer_or_stay_away():
    def entries(hits: list[PlannedHit]) -> int:
        return sum(hit.query.get("r") == YANDEX for hit in hits if hit.at_ms >= SINCE_MS + HOUR_MS)

    assert entries(clean()) > 300
    assert entries(faulty("referrer-lost")) == entries(faulty("search-lost")) == 0
    after = [hit for hit in clean() if hit.at_ms >= SINCE_MS]
    assert len(faulty("referrer-lost")) == len(after)
    assert len(faulty("search-lost")) < 0.85 * len(after)


def test_after_an_outage_of_the_collector_everything_is_as_before():
    back_ms = SINCE_MS + 20 * HOUR_MS
    assert faulty("collector-outage") == [hit for hit in clean() if hit.at_ms >= back_ms]


def test_from_http_to_http_a_browser_tells_its_referrer_and_from_https_to_http_none():
    pages = [hit for hit in map(without_release, faulty("http-mix")) if told(hit, "u").startswith("http:")]
    assert {told(hit, "r").partition("clinic")[0] for hit in pages if told(hit, "m") == "js"} == {"", "http://"}


def test_the_truth_tells_what_is_affected_since_when_in_the_sites_time():
    site = DEMO_SITE.model_copy(update={"timezone": "Asia/Vladivostok"})
    clinic = clinic_until(site, FIRST, DAYS, 100, 1, 0.05, None)
    assert truth(fault_of("browser-form", clinic, SINCE_MS, END_MS, 0.5), clinic) == {
        "fault": "browser-form",
        "fault since": "2026-11-24T18:00+10:00",
        "fault size": 0.5,
        "fault page": "/zapis/",
        "fault browser": "Yandex Browser 26",
        "fault release": "1.23.1",
    }
    outage = truth(fault_of("collector-outage", clinic, SINCE_MS, END_MS), clinic)
    assert outage["fault until"] == "2026-11-25T14:00+10:00"


def test_an_unknown_fault_is_refused_with_the_names_of_all():
    with pytest.raises(Fatal, match="expected one of browser-form, form-dead"):
        default_since("flood", END_MS)


@pytest.mark.parametrize("name", ["network-outage", "country-outage"])
def test_an_outage_without_networks_says_how_to_get_them(name):
    clinic = clinic_until(DEMO_SITE, FIRST, DAYS, 100, 1, 0.05, None)
    with pytest.raises(Fatal, match=f"{name}: .* lists fetch"):
        fault_of(name, clinic, SINCE_MS, END_MS)


def test_the_truth_of_an_outage_names_the_network_or_the_country():
    clinic = clinic_until(DEMO_SITE, FIRST, DAYS, 100, 1, 0.05, PLACES)
    network, country = (
        truth(fault_of(name, clinic, SINCE_MS, END_MS), clinic) for name in ("network-outage", "country-outage")
    )
    assert (network["fault network"], country["fault country"]) == ("AS9198", "KZ")
    assert "fault country" not in network
    assert "fault network" not in country


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_begins_within_a_week_before_now_unless_asked_otherwise(name):
    assert END_MS - timedelta(days=7) / timedelta(milliseconds=1) < default_since(name, END_MS) < END_MS
    assert default_since(name, END_MS, 3.5) == END_MS - 3.5 * HOUR_MS
