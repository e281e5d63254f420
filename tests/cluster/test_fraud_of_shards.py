"""The fraud review of two shards finds what that of one server finds: signals, points, cases and their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.database.client import working_as
from pipeline.fraud.job import score_days
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.shards import Shards
from support.suspicion import UNEVEN, MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))
NOW = datetime.now(UTC)
_SIGNALS = "SELECT site, subject_kind, subject, signal, round(value, 6), points, evidence FROM pixel.fraud_signals FINAL ORDER BY ALL"
_CASES = "SELECT site, band, score, hits, subjects, touched, harm, harm_unit, paid_clicks, reasons, reasons_ru FROM fraud.cases ORDER BY ALL"


def made_day() -> list[dict[str, object]]:
    """Return the hits of a scanner, a clicker and a person."""
    scanner = MadeClient({"cookie_age": "month"})
    clicker = MadeClient({"click_kind": "gclid"})
    person = MadeClient({"cookie_age": "week"})
    return [
        *scanner.views(UNEVEN, PAGES, attack="dotfile", paid=True, click_kind="gclid", page_role="form"),
        *clicker.views(UNEVEN, PAGES[:3] * 4, paid=True),
        *person.views(UNEVEN[:4], PAGES),
    ]


def found(settings: Settings, day: list[dict[str, object]]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Score a day and return its signals and cases."""
    rows = Rows(settings)
    rows.clear()
    store(settings, day)
    assert score_days(settings, NOW) >= 1
    with working_as(settings, "pixel_admin") as admin, working_as(settings, "security") as reviewer:
        answer = admin.query(_SIGNALS).result_rows, reviewer.query(_CASES).result_rows
    rows.clear()
    rows.close()
    return answer


def test_two_shards_give_the_signals_and_cases_of_one_server(clickhouse: Settings, two_shards: Shards) -> None:
    day = made_day()
    signals, cases = found(clickhouse, day)
    assert signals
    assert cases
    assert found(two_shards.settings, day) == (signals, cases)
