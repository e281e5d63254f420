"""Signals of the way through the site over made rows: each fires, does not fire, and its guard holds."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from pipeline.settings.model import Settings
from support.server import Rows
from support.suspicion import MadeClient, fired

WAY = ("/", "/d", "/a", "/c", "/b", "/e")
LISTS = tuple(f"/list-{number}" for number in range(6))
ARTICLES = tuple(f"/article-{number}" for number in range(6))


def _wanderers(count: int = 60) -> list[dict[str, object]]:
    """Return views of people who choose among the pages of `WAY` as they like."""
    draw = Random(13)
    return [
        row
        for _ in range(count)
        for row in MadeClient().views(range(0, 200, 20), ["/", *(draw.choice(WAY) for _ in range(9))])
    ]


def test_a_way_that_five_clients_of_three_networks_took_and_chance_did_not_lead_is_cloned(
    tables: Rows, clickhouse: Settings
) -> None:
    clones = [MadeClient({"cookie_age": "day"}) for _ in range(5)]  # a cookie of the same day proves no person
    others = [MadeClient({"cookie_age": "month"}) for _ in range(3)]
    rows = [row for client in [*clones, *others] for row in client.views(range(0, 60, 10), WAY)]
    got = fired(tables, clickhouse, [*rows, *_wanderers()], "F27")
    assert got == {client.suspect: 5 for client in clones}


@pytest.mark.parametrize(
    ("facts", "clients"),
    [({"net_token": "100::"}, 5), ({}, 4), ({"page_role": "form"}, 5)],
    ids=["one network", "four clients", "a form"],
)
def test_one_network_few_clients_and_the_steps_of_a_form_are_no_cloned_way(
    tables: Rows, clickhouse: Settings, facts: Mapping[str, object], clients: int
) -> None:
    rows = [row for _ in range(clients) for row in MadeClient(facts).views(range(0, 60, 10), WAY)]
    assert fired(tables, clickhouse, [*rows, *_wanderers()], "F27") == {}


def test_a_way_that_the_site_leads_everybody_is_no_cloned_way(tables: Rows, clickhouse: Settings) -> None:
    led = ("/", "/start", "/question-1", "/question-2", "/question-3", "/answer")
    rows = [row for _ in range(30) for row in MadeClient().views(range(0, 60, 10), led)]
    leavers = [row for _ in range(30) for row in MadeClient().views(range(0, 40, 10), led[:4])]
    assert fired(tables, clickhouse, [*rows, *leavers, *_wanderers()], "F27") == {}


def _opened(client: MadeClient, first: int = 0) -> list[dict[str, object]]:
    return [
        row
        for place in range(5)
        for row in client.views(
            [first + place * 60], (ARTICLES[place],), referrer_kind="internal", referrer_page=LISTS[place]
        )
    ]


def _readers() -> list[dict[str, object]]:
    return [row for _ in range(2) for row in MadeClient().views(range(0, 60, 10), LISTS)]


def test_five_pages_opened_from_pages_that_nobody_there_loaded_are_a_broken_chain(
    tables: Rows, clickhouse: Settings
) -> None:
    forger, reader = MadeClient(), MadeClient()
    rows = [*_readers(), *_opened(forger), *reader.views(range(0, 60, 10), LISTS), *_opened(reader, 100)]
    assert fired(tables, clickhouse, rows, "F26") == {forger.suspect: 5}


def test_a_page_that_others_never_load_its_network_loaded_or_its_address_did_breaks_no_chain(
    tables: Rows, clickhouse: Settings
) -> None:
    net = {"net_token": "100::"}
    neighbour, behind_it = MadeClient(net), MadeClient(net)
    same = {"net_token": "200::", "ip_token": "200::1"}
    without_cookie, with_cookie = MadeClient(same), MadeClient(same)
    rows = [
        *_readers(),
        *neighbour.views(range(0, 60, 10), LISTS),
        *_opened(behind_it, 100),
        *without_cookie.views(range(0, 60, 10), LISTS),
        *_opened(with_cookie, 7000),
    ]
    assert fired(tables, clickhouse, rows, "F26") == {}
    late = MadeClient(net)
    assert fired(tables, clickhouse, _opened(late, 7000), "F26") == {late.suspect: 5}


def test_a_page_that_nobody_loads_breaks_no_chain(tables: Rows, clickhouse: Settings) -> None:
    assert fired(tables, clickhouse, _opened(MadeClient()), "F26") == {}


def test_five_broken_steps_in_two_sittings_are_no_broken_chain(tables: Rows, clickhouse: Settings) -> None:
    slow = MadeClient()
    later = [2000 if place > 2 else 0 for place in range(5)]
    rows = [
        row
        for place in range(5)
        for row in slow.views(
            [place * 60 + later[place]], (ARTICLES[place],), referrer_kind="internal", referrer_page=LISTS[place]
        )
    ]
    assert fired(tables, clickhouse, [*_readers(), *rows], "F26") == {}
