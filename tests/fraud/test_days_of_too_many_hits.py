"""Days that are too large or too many: what is left out is named, the rest is scored, and each day has its turn."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from pipeline.errors import Fatal
from pipeline.fraud import copied, job, measure, views
from pipeline.fraud.day import Day
from pipeline.operations import setting_checks
from pipeline.publish.job import Passed
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, SITE, row, store
from support.clinic_day import rows as day_rows
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient

OVER = SINCE + timedelta(days=1)
DAY = Day(SITE, SINCE.date(), OVER, OVER + timedelta(hours=1))
COSTLY = {
    "memory": "SELECT arraySort(groupArray(number)) FROM numbers(40000000)",
    "time": "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))",
}


@pytest.mark.parametrize("fault", COSTLY)
def test_a_signal_that_needs_too_much_is_named_and_the_others_are_scored(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    scanner = MadeClient()
    store(clickhouse, scanner.views(UNEVEN, ("/a", "/b", "/c"), attack="dotfile"))
    monkeypatch.setattr(job, "measurable", lambda _site: [all_signals()[name] for name in ("F18", "F17", "F13")])
    monkeypatch.setattr(measure, "SIGNAL_SECONDS", 4)
    monkeypatch.setattr(measure, "BOUNDS", {**copied.BOUNDS, "max_memory_usage": 100_000_000})
    asked: list[str] = []

    def view(signal: str) -> str:
        asked.append(signal)
        return views.view_of(signal) if signal != "F18" else f"({COSTLY[fault]}) AS costly, {views.view_of(signal)}"

    monkeypatch.setattr(measure, "view_of", view)
    assert job.score_days(clickhouse, OVER) == 1
    ((cut,),) = tables.admin.query("SELECT cut FROM pixel.fraud_runs").result_rows
    assert cut == ["not measured: F18"]
    assert asked.count("F18") == 2
    signals = {row[0] for row in tables.admin.query("SELECT signal FROM pixel.fraud_signals").result_rows}
    assert "F17" in signals
    assert {row[0] for row in tables.admin.query("SELECT suspect FROM pixel.fraud_cases").result_rows} == {
        scanner.suspect
    }
    texts = [text for _, text in setting_checks.fraud(clickhouse)]
    assert any("F18 needed too much time or memory and were left out" in text for text in texts)


def test_signals_for_which_a_day_has_no_time_left_are_named(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(clickhouse, MadeClient().views(UNEVEN))
    monkeypatch.setattr(measure, "DAY_SECONDS", 0)
    assert job.score_days(clickhouse, OVER) == 1
    ((cut,),) = tables.admin.query("SELECT cut FROM pixel.fraud_runs").result_rows
    assert "not measured: F13" in cut


def test_an_error_that_is_no_lack_of_room_is_no_cut(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(clickhouse, MadeClient().views(UNEVEN))
    monkeypatch.setattr(measure, "view_of", lambda _signal: "rollup.no_such_view")
    with pytest.raises(Fatal, match=f"not scored: {SITE}, "):
        job.score_days(clickhouse, OVER)
    assert tables.admin.query("SELECT count() FROM pixel.fraud_runs").result_rows == [(0,)]


def test_of_a_client_with_very_many_hits_the_first_of_each_hour_are_copied_and_it_is_told(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood, person = MadeClient(), MadeClient()
    store(clickhouse, [*flood.views(range(0, 3600 * 2, 60)), *person.views(range(0, 3600, 360))])
    with copied.copied(tables.writer, DAY, most=50) as crowded:
        rows = tables.admin.query(
            "SELECT suspect, toHour(received_at), count(), max(toMinute(received_at)) FROM pixel.fraud_hits GROUP BY 1, 2 ORDER BY 1, 2"
        ).result_rows
    assert rows == [(flood.suspect, 10, 50, 49), (flood.suspect, 11, 50, 49), (person.suspect, 10, 10, 54)]
    assert crowded == 1
    assert measure.cut_words([], [], crowded) == ["hits"]
    run = (SINCE.date(), SITE, OVER, ["hits"])
    tables.writer.insert("fraud_runs", [run], ["day", "site", "computed_at", "cut"], database="pixel")
    texts = [text for _, text in setting_checks.fraud(clickhouse)]
    assert any("of clients with thousands of hits in an hour only the first were looked at" in text for text in texts)


def test_a_day_copied_in_pieces_is_the_day_copied_at_once(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Deliveries of one event on both sides of a border between two pieces, and one of another event of the same browser.
    made = [
        row(
            SINCE + timedelta(hours=12, seconds=second),
            visitor=1,
            ip_token="::1",
            nonce=nonce,
            event_id=UUID(int=second + 9),
        )
        for second, nonce in ((-1, 7), (1, 7), (700, 7), (2, 8), (1199, 9), (1201, 9))
    ]
    store(clickhouse, [*day_rows(), *made])
    seen = []
    for rows in (copied.PIECE_ROWS, 1):
        monkeypatch.setattr(copied, "PIECE_ROWS", rows)
        pieces = list(copied._pieces(tables.writer, DAY))
        assert (pieces[0][0], pieces[-1][1]) == (SINCE, OVER)
        assert all(before[1] == after[0] for before, after in pairwise(pieces))
        with copied.copied(tables.writer, DAY):
            query = "SELECT event_id, suspect, at_ms, is_repeat FROM pixel.fraud_hits ORDER BY event_id"
            seen.append((len(pieces), tables.admin.query(query).result_rows))
    assert seen[0][0] == 1
    assert seen[1][0] > 20
    assert seen[0][1] == seen[1][1]
    # Of the three deliveries with the number 7 the last one came 701 seconds after the second; both with 9 are two seconds apart.
    assert sum(is_repeat for _, _, _, is_repeat in seen[0][1]) == 2


def test_a_day_that_is_over_has_its_turn_where_today_changes_all_the_time(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SINCE + timedelta(hours=20)
    monkeypatch.setattr(job, "SHORTEST_REST", 0)
    monkeypatch.setattr(job, "REST", 0)
    monkeypatch.setattr(Passed, "look", lambda *_given: now)
    scoring = job.Scoring()
    scored = []
    for back in (1, 2):
        store(clickhouse, [row(SINCE - timedelta(days=back), visitor=1, ip_token="::1", event_id=UUID(int=back))])
    for turn in range(4):
        at = SINCE + timedelta(hours=10, seconds=turn)
        store(clickhouse, [row(at, visitor=1, ip_token="::1", event_id=UUID(int=9 + turn))])
        scoring(clickhouse)
        days = tables.admin.query("SELECT DISTINCT day FROM pixel.fraud_runs ORDER BY day DESC").result_rows
        scored.append([day for (day,) in days])
    today, yesterday, before = (SINCE.date() - timedelta(days=back) for back in range(3))
    assert scored == [[today], [today, yesterday], [today, yesterday], [today, yesterday, before]]
