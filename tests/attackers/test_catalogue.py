"""Made-up attacks and innocent look-alikes: what each is, what it may contain, and that it shares nothing with a visitor or a detector."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path

import pytest

from bench.problems.networks import write_networks
from bench.problems.rows import Product
from pipeline.attackers import catalogue
from pipeline.attackers.catalogue import ATTACKS, KINDS, LOOK_ALIKES, planned_kind, truth
from pipeline.attackers.scene import RESET, TRAP
from pipeline.durations import HOUR_MS
from pipeline.enrich.rows import Row
from pipeline.errors import Fatal
from pipeline.networks.lookup import NetworkTables
from pipeline.pages.page import PageFlag
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.history import planned_history
from pipeline.traffic.places import HOSTING, SCANNER, DocumentationPlaces, places
from pipeline.traffic.send import PlannedHit

DAY = datetime(2026, 11, 26, tzinfo=UTC)
START_MS = int(DAY.timestamp() * 1000) + HOUR_MS
NOWHERE = DocumentationPlaces()
DOCUMENTED = [ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
FALSE_AGENTS = ("vulnerability-scan", "comment-spam-botnet", "forged-pixel", "link-checker")
EVERY_KIND = pytest.mark.parametrize("name", KINDS)


@cache
def hits(name: str, seed: int = 1, size: float = 1.0) -> list[PlannedHit]:
    return planned_kind(name, DEMO_SITE, NOWHERE, start_ms=START_MS, seed=seed, size=size)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Return the rows of every kind, made by the product, where the addresses have networks."""
    settings = Settings(data=tmp_path_factory.mktemp("rows"), sites=(DEMO_SITE,))
    write_networks(settings)
    known, why_not = places(settings)
    assert why_not == ""
    found = {}
    for name in KINDS:
        product = Product(settings, now_ms=START_MS + 24 * HOUR_MS)
        found[name] = list(product.rows(planned_kind(name, DEMO_SITE, known, start_ms=START_MS)))
        assert product.refused == {}
    return found


def page(hit: PlannedHit) -> str:
    return "/" + hit.query["u"].split("://")[1].partition("/")[2].partition("?")[0]


def gaps(name: str) -> list[float]:
    return [(later.at_ms - hit.at_ms) / 1000 for hit, later in pairwise(hits(name))]


def by_jar(name: str) -> dict[str, list[PlannedHit]]:
    found = defaultdict(list)
    for hit in hits(name):
        found[hit.person].append(hit)
    return found


@EVERY_KIND
def test_the_same_seed_gives_the_same_hits_and_another_seed_others(name: str) -> None:
    again = planned_kind(name, DEMO_SITE, NOWHERE, start_ms=START_MS, seed=1)
    assert again == hits(name)
    assert hits(name, seed=2) != again


@EVERY_KIND
def test_the_hits_are_in_order_of_time_within_the_hours_of_the_kind_and_of_this_site(name: str) -> None:
    moments = [hit.at_ms for hit in hits(name)]
    assert moments == sorted(moments)
    assert moments[0] >= START_MS
    assert moments[-1] < START_MS + KINDS[name].hours * HOUR_MS
    assert {hit.query["s"] for hit in hits(name)} == {"clinic"}
    assert 12 <= len(moments) <= 1_100


@EVERY_KIND
def test_every_address_is_of_documentation_where_no_file_tells_networks(name: str) -> None:
    assert [
        hit.address for hit in hits(name) if not any(ip_address(hit.address) in network for network in DOCUMENTED)
    ] == []


@EVERY_KIND
def test_no_kind_has_the_cookies_of_a_visitor_of_the_clinic_or_of_another_kind(name: str) -> None:
    people = {hit.person for hit in planned_history(DEMO_SITE, DAY.date(), 1, visitors=200)} - {""}
    others = {hit.person for other in KINDS if other != name for hit in hits(other)} - {""}
    mine = {hit.person for hit in hits(name)} - {""}
    assert mine.isdisjoint(people | others)
    assert all(jar.startswith(f"{name} 1 ") for jar in mine)
    assert not any("Cookie" in hit.headers for hit in hits(name))


@pytest.mark.parametrize("name", [name for name in KINDS if name not in FALSE_AGENTS])
def test_a_chromium_of_today_sends_hints_that_agree_with_its_agent(name: str) -> None:
    for hit in hits(name):
        major = hit.agent.partition("Chrome/")[2].partition(".")[0]
        assert ("Sec-CH-UA" in hit.headers) is bool(major)
        assert not major or f'"Chromium";v="{major}"' in hit.headers["Sec-CH-UA"]


@pytest.mark.parametrize("name", ["spread-login", "booking-burst", "mobile-carrier"])
def test_a_larger_size_has_more_hits(name: str) -> None:
    assert 1.6 < len(hits(name, size=2.0)) / len(hits(name)) < 2.4
    assert len(hits(name, size=0.01)) >= 1


def test_an_unknown_kind_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(Fatal, match="--attack theft: expected an attack") as refused:
        planned_kind("theft", DEMO_SITE, NOWHERE, start_ms=START_MS)
    assert all(name in str(refused.value) for name in KINDS)


def test_there_are_seventeen_attacks_and_fourteen_look_alikes_with_a_sentence_each() -> None:
    assert (len(ATTACKS), len(LOOK_ALIKES)) == (17, 14)
    assert all(kind.is_attack for kind in ATTACKS.values())
    assert not any(kind.is_attack for kind in LOOK_ALIKES.values())
    sentences = [kind.sentence for kind in KINDS.values()]
    assert len(set(sentences)) == len(sentences)


def test_the_room_shares_no_code_with_the_rooms_that_look_for_fraud() -> None:
    imported = set()
    for file in Path(catalogue.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert "pipeline.traffic.send" in imported
    assert [name for name in imported if name.startswith(("pipeline.scoring", "pipeline.fraud", "sql"))] == []


def test_the_truth_about_a_kind_names_its_begin_and_counts_what_it_has() -> None:
    told = truth("cookie-replay", DEMO_SITE, hits("cookie-replay"))
    assert told["attack cookie-replay"] == ATTACKS["cookie-replay"].sentence
    assert told["cookie-replay since"] == "2026-11-26T01:00+00:00"
    assert (told["cookie-replay hits"], told["cookie-replay browsers"], told["cookie-replay addresses"]) == (30, 1, 3)
    assert "look-alike kiosk" in truth("kiosk", DEMO_SITE, hits("kiosk"))


def test_paid_clicks_have_one_id_where_it_is_reused_or_shared_and_one_each_where_they_are_repeated() -> None:
    ids = {
        name: {hit.query["u"].partition("yclid=")[2] for hit in hits(name)} - {""}
        for name in ("click-id-reuse", "repeat-paid-clicks", "shared-link")
    }
    assert (len(ids["click-id-reuse"]), len(ids["shared-link"])) == (1, 1)
    assert len(ids["repeat-paid-clicks"]) == len(hits("repeat-paid-clicks")) == 14
    assert len({hit.address for hit in hits("repeat-paid-clicks")}) == 1
    assert len({hit.address for hit in hits("click-id-reuse")}) > 5


def test_a_program_fills_a_form_within_three_seconds_and_every_innocent_takes_half_a_minute() -> None:
    def fills(name: str) -> list[float]:
        return [
            (later.at_ms - hit.at_ms) / 1000
            for jar in by_jar(name).values()
            for hit, later in pairwise(jar)
            if (page(hit), page(later)) == ("/zapis/", "/zapis/spasibo/")
        ]

    assert len(fills("fast-forms")) == 12
    assert max(fills("fast-forms")) < 3
    for name in ("front-desk", "family-booking", "kiosk", "vpn-user", "screen-reader"):
        assert min(fills(name)) >= 25


def test_scrapers_differ_in_haste_addresses_and_agents() -> None:
    def of(name: str) -> tuple[int, int]:
        return len({hit.address for hit in hits(name)}), len({hit.agent for hit in hits(name)})

    assert (of("scraper-fast"), of("scraper-slow")) == ((1, 1), (1, 1))
    assert of("scraper-rotating-subnet")[0] > 50
    assert of("scraper-rotating-subnet")[1] == 1
    assert of("scraper-rotating-agents")[0] == 1
    assert of("scraper-rotating-agents")[1] >= 7
    assert max(gaps("scraper-fast")) < 1 < 240 < min(gaps("scraper-slow"))
    assert len({hit.address.rpartition(".")[0] for hit in hits("scraper-rotating-subnet")}) == 1


def test_only_a_fast_scraper_follows_the_hidden_link_and_only_a_guesser_asks_for_a_lost_password() -> None:
    assert {name for name in KINDS if any(page(hit) == TRAP for hit in hits(name))} == {"scraper-fast"}
    assert {name for name in KINDS if any(page(hit) == RESET for hit in hits(name))} == {"spread-login"}


def test_a_bought_crowd_takes_one_way_from_several_addresses() -> None:
    ways = Counter(tuple(page(hit) for hit in jar) for jar in by_jar("cloned-paths").values())
    assert list(ways.values()) == [11]
    assert len(next(iter(ways))) == 6


def test_a_copied_cookie_is_sent_by_three_agents_at_once_and_a_journey_is_one_agent_after_the_other() -> None:
    copied, journey = by_jar("cookie-replay"), by_jar("roaming-patient")
    assert (len(copied), len(journey)) == (1, 1)
    assert len({hit.agent for jar in copied.values() for hit in jar}) == 3
    assert len({hit.agent for jar in journey.values() for hit in jar}) == 1
    assert len({hit.address for jar in journey.values() for hit in jar}) >= 3


@EVERY_KIND
def test_the_product_makes_a_row_of_every_hit(name: str, made: dict[str, list[Row]]) -> None:
    assert {row.nonce for row in made[name]} == set(range(1, 1 + len({row.nonce for row in made[name]})))
    assert {row.site for row in made[name]} == {"clinic"}


def test_the_forged_hits_contradict_themselves_in_three_ways_and_no_other_kind_does(made: dict[str, list[Row]]) -> None:
    forged = made["forged-pixel"]
    assert {row.fetch for row in forged} == {"contradict"}
    assert {row.hints for row in forged} == {"contradict"}
    assert all(row.page_flags & PageFlag.TWO_HOSTS for row in forged)
    for name in KINDS:
        if name != "forged-pixel":
            assert {row.fetch for row in made[name]} == {"none"}
            assert not any(row.page_flags & PageFlag.TWO_HOSTS for row in made[name])
            assert "contradict" not in {row.hints for row in made[name]}


def test_servers_are_in_hosting_networks_and_homes_are_not(made: dict[str, list[Row]]) -> None:
    hosting = {*HOSTING.systems, *SCANNER.systems}
    for name in ("scraper-fast", "booking-burst", "office-proxy", "forged-pixel"):
        assert {row.asn for row in made[name]} <= hosting
    for name in ("fast-forms", "cloned-paths", "kiosk", "mobile-carrier"):
        assert {row.asn for row in made[name]}.isdisjoint(hosting)


def test_the_roles_that_the_attacks_aim_at_are_found(made: dict[str, list[Row]]) -> None:
    roles = {name: Counter(row.page_role for row in made[name]) for name in KINDS}
    assert roles["booking-burst"]["done"] == roles["booking-burst"]["form"] == 26
    assert roles["spread-login"]["login"] > 60
    assert roles["front-desk"]["done"] > 20


def test_the_scan_is_seen_as_attacks_and_the_check_of_links_says_who_it_is(made: dict[str, list[Row]]) -> None:
    assert sum(row.attack != "" for row in made["vulnerability-scan"]) > 20
    assert all(row.robot for row in made["link-checker"])
    assert not any(row.attack for name in LOOK_ALIKES for row in made[name])


def test_a_person_keeps_the_cookie_and_a_scraper_of_addresses_has_none(made: dict[str, list[Row]]) -> None:
    assert sum(row.cookie_state == "returning" for row in made["front-desk"]) >= len(made["front-desk"]) - 1
    for name in ("scraper-rotating-subnet", "scraper-rotating-agents", "spread-login"):
        assert {row.cookie_state for row in made[name]} == {"new"}


def test_the_addresses_of_the_servers_are_in_the_files(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, sites=(DEMO_SITE,))
    write_networks(settings)
    known, _ = places(settings)
    tables = NetworkTables.load(settings)
    scene = planned_kind("scraper-rotating-subnet", DEMO_SITE, known, start_ms=START_MS)
    classes = {tables.look_up(hit.address).net_class for hit in scene}  # type: ignore[arg-type]
    assert classes == {"datacenter"}
