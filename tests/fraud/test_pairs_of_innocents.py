"""Two innocent people behind one browser or address: whatever their signs say together, they are not a likely case."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations

from bench.fraud.attacks import ROLES
from bench.problems.networks import write_networks
from bench.problems.rows import Product
from bench.problems.rows import store as store_rows
from pipeline.attackers.catalogue import ATTACKS, LOOK_ALIKES, planned_kind
from pipeline.fraud.day import Suspect
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import LIKELY, Sign, Surroundings, scored
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.places import places
from support.clinic_day import SINCE, store
from support.server import Rows
from support.suspicion import MadeClient, found

PAGES = tuple(f"/doctor-{number}" for number in range(60))
SEEDS = (1, 2)
Made = list[dict[str, object]]


def login(client: MadeClient) -> Made:
    """Return eight attempts within a minute and no page for a new password."""
    return client.views([0, 7, 15, 24, 30, 41, 47, 55], ("/login",), page_role="login")


def screen(client: MadeClient) -> Made:
    """Return a screen that shows a page with an ad again and again, at no even pace."""
    seconds = [40.0 * number + number % 7 * 11 for number in range(200)]
    return [*client.views(seconds), *client.views([at + 1 for at in seconds], kind="impression", ad="top")]


def odd_people() -> Made:
    """Return people who are odd, each in one way: who forgot the password, restores tabs, books for a family, changes the agent, and a screen."""
    forgetful, tabs, family, disguised, reloading = (MadeClient() for _ in range(5))
    at = [900.0 * number + number % 3 * 77 for number in range(4)]
    private = {"visitor_kind": "day", "cookie_state": "new", "referrer_kind": "other", "referrer_host": "blog.example"}
    return [
        *login(forgetful),
        *tabs.views([number * 0.7 for number in range(20)], PAGES),
        *family.views(at, ("/booking",), page_role="form"),
        *family.views([each + 7 for each in at], ("/done",), page_role="done"),
        *disguised.views([0, 60, 130], PAGES, hints="contradict"),
        *reloading.views([0, 500, 2000, 9000], **private),
        *screen(MadeClient()),
    ]


def signs_of(suspect: Suspect) -> list[Sign]:
    """Return the signs of a suspect as if all signals were judged."""
    signals = all_signals()
    return [
        Sign(signals[each.signal].model_copy(update={"judged": signals[each.signal].fingerprint}), each.value)
        for each in suspect.signs
    ]


def together(suspects: Sequence[Suspect]) -> list[Sign]:
    """Return the signs of several suspects as those of one, of each signal the worst."""
    worst: dict[str, Sign] = {}
    for sign in (sign for suspect in suspects for sign in signs_of(suspect)):
        known = worst.setdefault(sign.signal.name, sign)
        if sign.signal.points(sign.value) > known.signal.points(known.value):
            worst[sign.signal.name] = sign
    return list(worst.values())


def signed(rows: Rows, settings: Settings, kinds: Sequence[str], seed: int) -> list[Suspect]:
    """Return one suspect for each set of points that the clients of these kinds reach on a day."""
    settings = settings.model_copy(
        update={"sites": (DEMO_SITE.model_copy(update={"roles": (*DEMO_SITE.roles, *ROLES)}),)}
    )
    write_networks(settings)
    known, why_not = places(settings)
    assert not why_not
    start = SINCE + timedelta(hours=2)
    product = Product(settings, now_ms=int((SINCE + timedelta(days=1)).timestamp() * 1000))
    for place, kind in enumerate(kinds, 1):
        hits = planned_kind(kind, settings.sites[0], known, start_ms=int(start.timestamp() * 1000), seed=seed)
        store_rows(settings, product.rows(hits, first_nonce=place << 40))
    store(settings, odd_people())
    different = {}
    for suspect in found(rows.writer, *all_signals(), site=settings.sites[0].id):
        points = frozenset((sign.signal.name, sign.signal.points(sign.value)) for sign in signs_of(suspect))
        different[points] = suspect
    return list(different.values())


def test_no_two_innocents_in_one_browser_are_likely_though_their_points_would_be_enough(
    tables: Rows, clickhouse: Settings
) -> None:
    enough, likely = 0, []
    for seed in SEEDS:
        tables.clear()
        suspects = signed(tables, clickhouse, [*LOOK_ALIKES], seed)
        for pair in combinations(suspects, 2):
            result = scored(together(pair), Surroundings())
            enough += sum(result.families.values()) >= LIKELY
            likely += [result.points] * (result.band == "likely")
    assert likely == []
    # The test says nothing unless the rule is needed.
    assert enough > 10


def test_an_attack_with_the_same_rules_is_likely(tables: Rows, clickhouse: Settings) -> None:
    assert "vulnerability-scan" in ATTACKS
    scan = signed(tables, clickhouse, ["vulnerability-scan"], 1)
    assert "likely" in {scored(signs_of(suspect), suspect.around).band for suspect in scan}


def test_a_waiting_room_screen_on_which_a_patient_forgot_the_password_is_watched_at_most(
    tables: Rows, clickhouse: Settings
) -> None:
    shared = MadeClient()
    store(clickhouse, [*screen(shared), *login(shared)])
    (suspect,) = found(tables.writer, *all_signals())
    result = scored(signs_of(suspect), suspect.around)
    assert {"F37", "F49"} <= result.points.keys()
    assert sum(result.families.values()) >= LIKELY
    assert result.band == "watch"


def test_a_patient_behind_the_address_of_an_attacker_is_not_likely_and_the_attacker_is(
    tables: Rows, clickhouse: Settings
) -> None:
    there = {"ip_token": "2001:db8::1", "net_token": "2001:db8:1::", "asn": 64_500}
    new = {"visitor_kind": "day", "cookie_state": "new"}
    first, patient = MadeClient(there | new | {"ua_token": 5}), MadeClient(there | {"ua_token": 5})
    paid = {"paid": True, "click_kind": "yclid"}
    # The patient clicks an ad, restores tabs, types the password wrong eight times, and books.
    mine = [
        *first.views([0], ("/",), **paid),
        *patient.views([20 + 0.7 * number for number in range(20)], PAGES),
        *login(patient),
        *patient.views([200], ("/booking",), page_role="form"),
        *patient.views([260], ("/done",), page_role="done"),
    ]
    robots = [MadeClient(there | new | {"ua_token": 100 + number}) for number in range(14)]
    theirs = []
    for place, robot in enumerate(robots):
        theirs += robot.views([15.0 * place, 15.0 * place + 60, 15.0 * place + 120], ("/",), **paid)
        theirs += robot.views([300 + 9.0 * place], ("/booking",), page_role="form")
        theirs += robot.views([302 + 9.0 * place], ("/done",), page_role="done")
        theirs += robot.views([400 + 5.0 * place, 405 + 5.0 * place], ("/login", "/password"), page_role="reset")
        theirs += robot.views(
            [600 + 0.5 * place + number for number in range(9)], PAGES, attack="sql", hints="contradict"
        )
    store(clickhouse, [*mine, *theirs])
    bands = {each.suspect: scored(signs_of(each), each.around).band for each in found(tables.writer, *all_signals())}
    assert {bands.get(first.suspect), bands.get(patient.suspect)}.isdisjoint({"likely"})
    assert {bands[robot.suspect] for robot in robots} == {"likely"}
