"""A signal with two links of one client: both are stored, the worst counts once, and it is the one that a reviewer sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.database.client import connect
from pipeline.fraud import kept, store
from pipeline.fraud.copied import copied
from pipeline.fraud.day import Day, Found, Measured, Normal
from pipeline.fraud.measure import suspects_of
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, SITE
from support.clinic_day import store as store_rows
from support.server import Rows
from support.suspicion import MadeClient

DAY = Day(SITE, SINCE.date(), SINCE + timedelta(days=1), datetime.now(UTC).replace(microsecond=0))
NORMAL = Normal(0, 1, 1, is_own=False)


@pytest.mark.parametrize(("name", "worse", "weaker"), [("F13", 24.0, 9.0), ("F17", 9.0, 3.0)])
def test_both_links_are_stored_and_the_worst_is_shown_and_scored_once(
    tables: Rows, clickhouse: Settings, name: str, worse: float, weaker: float
) -> None:
    client = MadeClient()
    store_rows(clickhouse, client.views(range(9)))
    row = client.views([0])[0]
    told = dict.fromkeys(("in_10s", "in_60s", "in_10m", "attempts", "pages", "kinds"), "1")
    found = [
        Found(name, value, 2, NORMAL, link, told, client.suspect, client.suspect, row["ip_token"], DAY.day)  # type: ignore[arg-type]
        for value, link in ((worse, "campaign b"), (weaker, "campaign a"))
    ]
    signal = all_signals()[name]
    with copied(tables.writer, DAY):
        (suspect,) = suspects_of(tables.writer, DAY, [Measured(signal, 1, [0, 0, 0, 0], found, is_cut=False)], {name})
    stored = "SELECT link, value FROM pixel.fraud_signals FINAL ORDER BY value"
    assert tables.admin.query(stored).result_rows == [("campaign a", weaker), ("campaign b", worse)]
    assert [(sign.link, sign.value) for sign in kept.worst_signs(suspect)] == [("campaign b", worse)]
    (one,) = kept.keep(DAY, [suspect], [], {name})
    assert one.scored.points == {name: signal.points(worse)}
    assert len(one.reasons["en"]) == 1
    assert f"{worse:g}" in one.reasons["en"][0]
    assert one.links == [f"{name} campaign a", f"{name} campaign b"]
    store.write_cases(tables.writer, DAY, [one])
    store.write_run(tables.writer, DAY, stored=9, suspects=1, milliseconds=1, cut=[], lists="")
    reviewer = connect(clickhouse, "security")
    assert reviewer.query("SELECT signal, value FROM fraud.signals").result_rows == [(name, worse)]
    reviewer.close()
