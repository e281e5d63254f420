"""A signed request at the edge: whose name is proved, and for which host."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.edge.steps import EDGE_STEPS, put_signature, run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.event import Event, Hit
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.networks.lookup import NetworkTables
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector
from pipeline.settings.site import Site
from pipeline.spool.records import frame, parse
from support.signing import HOST, NOW_S, Program, known

PROGRAM = Program(name="agent")
BASE = Hit(received_ms=NOW_S * 1000, peer="198.51.100.7", scheme="https", site="clinic", page="https://clinic.example/")


@pytest.fixture
def tables(tmp_path: Path) -> EdgeTables:
    settings = Settings(
        data=tmp_path,
        sites=(Site(id="clinic", hosts=("clinic.example", "клиника.рф")),),
        collector=Collector(public_url=f"https://{HOST}/stats"),
    )
    keys = Keyring(KeyDirectory(settings.keys_dir), may_mint=True)
    loaded = EdgeTables.load(settings, keys, lambda count: bytes(range(count)))
    return replace(loaded, networks=NetworkTables(signed_agents=known(PROGRAM)))


def taken(tables: EdgeTables, host: str = HOST, changes: dict[str, Any] | None = None, **signed: Any) -> Event:
    request = PROGRAM.sign(**signed)._replace(authority=host, target="/p.gif?s=clinic")
    hit = msgspec.structs.replace(BASE, signed=request, **(changes or {}))
    (event,) = run_edge(hit, tables, now_ms=NOW_S * 1000).events
    assert parse(frame(event)) == event
    return event


def facts(event: Event) -> tuple[str, str]:
    return event.agent_signed, event.signer


def test_a_signed_request_proves_the_name_of_its_program(tables: EdgeTables) -> None:
    assert facts(taken(tables)) == ("verified", "agent")


def test_a_signed_request_is_forgotten_with_the_clients(tables: EdgeTables) -> None:
    request = PROGRAM.sign()._replace(authority=HOST, target="/p.gif?s=clinic")
    run_edge(msgspec.structs.replace(BASE, signed=request), tables, now_ms=NOW_S * 1000)
    before = sys.getrefcount(request)
    tables.forget(now_ms=NOW_S * 1000)
    assert sys.getrefcount(request) < before


def test_a_request_without_signature_says_nothing(tables: EdgeTables) -> None:
    (event,) = run_edge(BASE, tables, now_ms=NOW_S * 1000).events
    assert facts(event) == ("none", "")


def test_a_failed_signature_names_nobody(tables: EdgeTables) -> None:
    assert facts(taken(tables, authority="other.example")) == ("failed", "")


def test_without_known_programs_nothing_is_checked(tables: EdgeTables) -> None:
    assert facts(taken(replace(tables, networks=NetworkTables()))) == ("none", "")


@pytest.mark.parametrize(
    ("host", "authority", "state"),
    [
        (HOST, HOST, "verified"),
        ("127.0.0.1:8080", HOST, "verified"),  # a proxy that does not pass the host on
        ("clinic.example", "clinic.example", "verified"),  # the pixel on the site's own host
        ("www.Clinic.example:443", "www.clinic.example", "verified"),
        ("xn--80apagcdp.xn--p1ai", "xn--80apagcdp.xn--p1ai", "verified"),
        ("clinic.example", HOST, "verified"),
        (HOST, "clinic.example", "failed"),
        ("other.example", "other.example", "failed"),  # sent to another host and used again here
    ],
)
def test_a_signature_counts_for_our_own_hosts_whatever_the_host_header_claims(
    tables: EdgeTables, host: str, authority: str, state: str
) -> None:
    assert taken(tables, host, authority=authority).agent_signed == state


@pytest.mark.parametrize(
    ("target", "state"), [("/p.gif?s=clinic", "verified"), ("/stats/p.gif?s=clinic", "verified"), ("/e", "failed")]
)
def test_a_covered_path_is_that_of_the_request_or_of_the_public_address(
    tables: EdgeTables, target: str, state: str
) -> None:
    components = '"@authority" "@path" "signature-agent";key="sig1"'
    assert taken(tables, target=target, components=components).agent_signed == state


def test_each_ad_block_of_a_signed_page_has_the_name(tables: EdgeTables) -> None:
    hit = msgspec.structs.replace(BASE, signed=PROGRAM.sign(), ads=("top", "side"))
    events = run_edge(hit, tables, now_ms=NOW_S * 1000).events
    assert [facts(event) for event in events] == [("verified", "agent")] * 2


def test_the_signature_is_checked_last_so_that_a_refused_hit_does_not_pay_for_it() -> None:
    assert EDGE_STEPS[-1] is put_signature


def test_a_replayed_request_fails_and_the_events_of_one_request_do_not(tables: EdgeTables) -> None:
    signed = PROGRAM.sign()._replace(authority=HOST, target="/p.gif?s=clinic")
    one, other = (msgspec.structs.replace(BASE, signed=signed._replace()) for _ in range(2))
    states = [run_edge(hit, tables, now_ms=NOW_S * 1000).events[0].agent_signed for hit in (one, one, other)]
    assert states == ["verified", "verified", "failed"]
