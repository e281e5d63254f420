"""A scored day: its cases, their ids when it grows, and what readers see of a run."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from clickhouse_connect.driver import Client

from pipeline.errors import Fatal
from pipeline.fraud import job
from pipeline.fraud.job import score_days
from pipeline.scoring.rules import rules_version
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support.clinic_day import SINCE, store
from support.clinic_day import rows as day_rows
from support.server import Rows
from support.suspicion import MadeClient

PAGES = tuple(f"/page-{number}" for number in range(30))
CASES = "SELECT suspect, case_id, band, signals, reasons FROM pixel.fraud_cases FINAL ORDER BY day, suspect"
NORMALS = "SELECT DISTINCT signal FROM pixel.fraud_normals"
NOW = datetime.now(UTC)


def test_a_scanner_is_a_likely_case_and_keeps_its_id_as_it_grows(tables: Rows, clickhouse: Settings) -> None:
    scanner = MadeClient({"net_class": "datacenter", "as_org": "Hosting"})
    store(clickhouse, [*day_rows(), *scanner.views(range(9), PAGES, attack="dotfile", status=404)])
    assert score_days(clickhouse, NOW) > 0
    (before,) = [row for row in tables.admin.query(CASES).result_rows if row[0] == scanner.suspect]
    assert before[2:4] == ("likely", ["F17", "F20", "F13", "F05"])
    assert before[4][0].startswith("9 attack attempts within 10 minutes (hidden files), such as ")
    assert score_days(clickhouse, NOW) == 0
    store(clickhouse, scanner.views(range(100, 110), PAGES, attack="dotfile", status=404))
    assert score_days(clickhouse, NOW) == 1
    (after,) = [row for row in tables.admin.query(CASES).result_rows if row[0] == scanner.suspect]
    assert after[1] == before[1]


def test_a_day_is_scored_again_when_it_is_over_because_its_usual_values_count_then(
    tables: Rows, clickhouse: Settings
) -> None:
    store(clickhouse, MadeClient().views([0]))
    day, night = (datetime.combine(SINCE.date(), time(hour), UTC) for hour in (12, 23))
    assert [score_days(clickhouse, moment) for moment in (day, night)] == [1, 0]
    assert tables.admin.query(NORMALS).result_rows == []
    assert score_days(clickhouse, night + timedelta(hours=2)) == 1
    assert ("F13",) in tables.admin.query(NORMALS).result_rows


def test_a_day_that_cannot_be_scored_is_named_and_holds_up_no_other(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = MadeClient()
    days = [SINCE.date() - timedelta(days=back) for back in range(5)]
    for back in range(5):
        attack = scanner.views([9.3 * each - 86_400 * back for each in range(5)], PAGES, attack="dotfile")
        store(clickhouse, [{**row, "epoch": days[back]} for row in attack])
    kept = job.score_day

    def fails(client: Client, site: Site, of: date, *rest: Any) -> None:
        if of in bad:
            raise ValueError("what a visitor sent")
        kept(client, site, of, *rest)

    monkeypatch.setattr(job, "score_day", fails)
    scored = "SELECT DISTINCT day FROM pixel.fraud_runs ORDER BY day DESC"
    bad = set(days)
    with pytest.raises(Fatal) as everything:
        score_days(clickhouse, NOW)
    assert str(everything.value).count("unforeseen ValueError") == job.MOST_FAILED
    bad = {days[0]}
    with pytest.raises(Fatal, match=f"not scored: clinic, {days[0]}: unforeseen ValueError") as one:
        score_days(clickhouse, NOW, most=3)
    assert "what a visitor sent" not in str(one.value)
    assert tables.admin.query(scored).result_rows == [(each,) for each in days[1:4]]


def test_a_case_keeps_its_number_after_a_scoring_that_was_killed_before_its_last_row(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, smaller = (MadeClient({"visitor": number, "net_token": "fd00::7"}) for number in (900, 100))
    store(clickhouse, first.views(range(9), PAGES, attack="dotfile"))
    score_days(clickhouse, NOW)
    ((before,),) = tables.admin.query("SELECT DISTINCT case_id FROM pixel.fraud_cases").result_rows
    store(clickhouse, smaller.views(range(9), PAGES, attack="dotfile"))
    with monkeypatch.context() as killed:
        killed.setattr("pipeline.fraud.store.write_run", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score_days(clickhouse, NOW + timedelta(minutes=1))
    assert score_days(clickhouse, NOW + timedelta(minutes=2)) == 1
    assert {row[:2] for row in tables.admin.query(CASES).result_rows} == {(100, before), (900, before)}


def test_a_run_tells_the_rules_and_the_lists_that_it_used(tables: Rows, clickhouse: Settings) -> None:
    store(clickhouse, MadeClient().views([0]))
    score_days(clickhouse, NOW)
    ((rules, lists),) = tables.admin.query("SELECT rules_version, lists_version FROM pixel.fraud_runs").result_rows
    assert rules == rules_version()
    assert "crawler-user-agents" in lists
