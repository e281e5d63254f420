"""A blocked person is in no view of the fraud review, from the moment of the block, and in no later scoring."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.fraud.job import score_days
from pipeline.fraud.views import review_views
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, store
from support.server import Rows
from support.suspicion import MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))
PAID = {"attack": "dotfile", "paid": True, "click_kind": "gclid"}
OWN = {"runs", "signal_health"}
"""Their numbers of runs and of usual values are nobody's data, and stay as they were counted."""


@pytest.fixture
def security(clickhouse: Settings) -> Iterator[Client]:
    client = connect(clickhouse, "security")
    yield client
    client.close()


def views(client: Client) -> dict[str, object]:
    """Return the rows of every view about clients, and what fired."""
    found: dict[str, object] = {
        view.name: client.query(f"SELECT * FROM fraud.{view.name}").result_rows
        for view in review_views()
        if view.name not in OWN
    }
    return found | {"fires": client.query("SELECT signal, fires_28d, decided FROM fraud.signal_health").result_rows}


@pytest.mark.parametrize("by", ["visitor", "address"])
def test_a_blocked_suspect_vanishes_from_every_view_at_once_and_comes_back(
    tables: Rows, clickhouse: Settings, security: Client, by: str
) -> None:
    scanner, other = MadeClient(), MadeClient()
    today = {"epoch": datetime.now(UTC).date()} if by == "address" else {}  # the support blocks an address of today
    store(clickhouse, other.views(range(9), PAGES, attack="dotfile"))
    score_days(clickhouse, datetime.now(UTC))
    without = views(security)
    store(clickhouse, scanner.views(range(9), PAGES, **PAID, **today))
    score_days(clickhouse, datetime.now(UTC))
    with_them = views(security)
    assert {name for name in without if with_them[name] == without[name]} == {"advice", "verdicts"}
    who: Any = {"visitor": scanner.suspect} if by == "visitor" else {"address": str(scanner.views([0])[0]["ip_token"])}
    tables.block(**who)
    assert views(security) == without
    tables.block(**who, state="unblocked", seconds_later=1)
    assert views(security) == with_them


def test_a_day_is_scored_again_without_one_of_two_addresses_of_a_suspect_that_is_blocked(
    tables: Rows, clickhouse: Settings, security: Client
) -> None:
    suspect, today = MadeClient(), datetime.now(UTC).date()
    other = "fd00::99"
    store(clickhouse, suspect.views(range(0, 45, 5), PAGES, attack="dotfile", epoch=today))
    store(clickhouse, suspect.views([3000, 3040], PAGES, epoch=today, ip_token=other))
    hits = "SELECT sum(hits) FROM fraud.cases"
    score_days(clickhouse, datetime.now(UTC))
    assert security.query(hits).result_rows == [(11,)]
    assert score_days(clickhouse, datetime.now(UTC)) == 0
    shown = security.query("SELECT ip_token FROM fraud.suspects").result_rows[0][0]
    hidden, left = (other, 9) if shown != other else (str(suspect.views([0])[0]["ip_token"]), 2)
    tables.block(address=hidden, since=SINCE, until=SINCE)
    assert score_days(clickhouse, datetime.now(UTC)) == 1
    assert security.query(hits).result_rows == [(left if left == 9 else 0,)]
    tables.block(address=hidden, state="unblocked", seconds_later=1, since=SINCE, until=SINCE)
    assert score_days(clickhouse, datetime.now(UTC)) == 1
    assert security.query(hits).result_rows == [(11,)]


def test_a_new_scoring_does_not_contain_a_blocked_person(tables: Rows, clickhouse: Settings) -> None:
    scanner, other = MadeClient(), MadeClient()
    store(clickhouse, [row for each in (scanner, other) for row in each.views(range(9), PAGES, **PAID)])
    tables.block(visitor=scanner.suspect)
    score_days(clickhouse, datetime.now(UTC))
    for table in ("fraud_cases", "fraud_signals"):
        found = tables.admin.query(f"SELECT DISTINCT suspect FROM pixel.{table}").result_rows
        assert found == [(other.suspect,)]
