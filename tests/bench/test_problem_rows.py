"""Rows that are made without HTTP are those of the real endpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from bench.problems.networks import write_networks
from bench.problems.rows import Product, store_hits
from pipeline.database.client import connect
from pipeline.enrich.rows import Row
from pipeline.enrich.steps import EnrichTables, enrich
from pipeline.event import RawAddress
from pipeline.networks.lookup import NetworkTables
from pipeline.settings.model import Settings
from pipeline.system.secrets import read_or_make_secret
from pipeline.traffic.history import planned_history
from pipeline.traffic.places import CARRIER, PEOPLE, places
from pipeline.traffic.send import PlannedHit, send
from support.edge import CLINIC, Edge
from support.server import Rows

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def hits(count: int) -> list[PlannedHit]:
    made = [hit for hit in planned_history(CLINIC, YESTERDAY, 1, visitors=200) if hit.at_ms < time.time() * 1000]
    return made[:count]


def told(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return the columns of rows that do not depend on a drawn number, in the order of their nonces."""
    drawn = {"event_id", "batch_id", "collector"}
    listed = []
    for row in sorted(rows, key=lambda row: (row.nonce, row.ad)):
        columns = {name: getattr(row, name) for name in Row.__struct_fields__ if name not in drawn}
        if row.visitor_kind == "cookie":
            del columns["visitor"]
        listed.append(columns)
    return listed


def test_a_row_made_without_http_is_that_of_the_real_endpoint_but_for_what_is_drawn(tmp_path: Path) -> None:
    planned = hits(600)
    with Edge(tmp_path) as edge:
        ticket = read_or_make_secret(edge.settings.secrets_dir / "replay.ticket")
        account = send(planned, edge.url, ticket, first_nonce=1, progress=lambda: None)
        assert account.accepted == len(planned)
        tables = EnrichTables.load(edge.settings)
        by_http = [enrich(event, tables, "", "") for event in edge.events()]
        product = Product(edge.settings, now_ms=int(time.time() * 1000))
        direct = list(product.rows(planned))
    assert told(direct) == told(by_http)
    assert {row.cookie_state for row in direct} >= {"new", "returning", "signal"}
    assert not product.refused


def test_a_copied_jar_continues_a_history_with_the_same_people(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, sites=(CLINIC,))
    planned = hits(400)
    first = Product(settings, now_ms=int(time.time() * 1000))
    whole = list(first.rows(planned))
    begun = Product(settings, now_ms=int(time.time() * 1000))
    list(begun.rows(planned[:200]))
    later = Product(settings, now_ms=int(time.time() * 1000))
    later.jar = dict(begun.jar)
    states = [row.cookie_state for row in later.rows(planned[200:], first_nonce=201)]
    assert states == [row.cookie_state for row in whole if row.nonce > 200]


def test_a_hit_over_the_rate_is_counted_and_gives_no_row(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, sites=(CLINIC,))
    product = Product(settings, now_ms=int(time.time() * 1000))
    one = hits(1)[0]
    rows = list(product.rows([one] * 250))
    assert (len(rows), dict(product.refused)) == (200, {"flood": 50})


@pytest.mark.parametrize("processes", [1, 2])
def test_the_rows_of_all_processes_are_stored_once_and_with_the_keys_of_their_day(
    tables: Rows, clickhouse: Settings, processes: int
) -> None:
    make = partial(planned_history, clickhouse.sites[0], YESTERDAY, 1, visitors=60)
    now_ms = int((time.time() + 86_400) * 1000)
    made = store_hits(clickhouse, make, now_ms=now_ms, processes=processes)
    expected = sum(max(1, len(hit.query.get("a", "").split(","))) for hit in make())
    client = connect(clickhouse, "pixel_admin")
    count, events, tokens, returning = client.query(
        "SELECT count(), uniqExact(event_id), uniqExactIf(ip_token, ip_token != toIPv6('::')), countIf(cookie_state = 'returning')"
        " FROM pixel.events"
    ).result_rows[0]
    client.close()
    assert made.rows == count == events == expected
    assert made.refused == {}
    assert made.per_second > 0
    assert returning > 0.3 * count
    # One key of the day: each address has one token, whichever process saw it.
    addresses = {(hit.at_ms // 86_400_000, hit.address) for hit in make() if "Sec-GPC" not in hit.headers}
    assert 0.9 * len(addresses) < tokens <= len(addresses)


def test_the_written_files_give_every_invented_person_a_network_and_a_country(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    write_networks(settings)
    known, why_not = places(settings)
    assert why_not == ""
    tables = NetworkTables.load(settings)
    facts = {
        tables.look_up(RawAddress(hit.address))[:2]
        for hit in planned_history(CLINIC, YESTERDAY, 1, visitors=800, places=known)
        if hit.person and not hit.person.startswith("staff")
    }
    assert {country for country, _ in facts} == {"RU", "KZ", "BY"}
    assert {asn for _, asn in facts} <= {number for provider in (*PEOPLE, CARRIER) for number in provider.systems}
    outage = known.provider(known.carrier())
    assert outage is not None
    assert outage.country == "RU"
