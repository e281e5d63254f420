"""The results of `doctor` on the collector's totals and the worker's status, without any process running."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import orjson
import pytest
from urllib3 import HTTPResponse

from pipeline.clock import now_ms
from pipeline.database.confinement import supported
from pipeline.operations import doctor, machine_checks
from pipeline.operations.doctor import examine
from pipeline.settings import Settings
from pipeline.ship.status import ShipStatus, status_path, write_status
from support.command import free_port
from support.server import Rows


def findings(settings: Settings, check: str) -> list[tuple[str, str]]:
    return [(finding.state, finding.text) for finding in examine(settings) if finding.check == check]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"data": tmp_path, "collector": {"port": free_port()}, "clickhouse": {"port": free_port()}}
    )


def test_a_job_that_failed_is_named_with_its_error(settings: Settings) -> None:
    status = ShipStatus(
        1, at_ms=now_ms(), state="idle", failed_jobs={"copy the audit": "unforeseen KeyError at x.py:1"}
    )
    write_status(status_path(settings.data), status)
    state, text = findings(settings, "ship")[-1]
    assert state == "problem"
    assert "'copy the audit'" in text
    assert "unforeseen KeyError at x.py:1" in text


@pytest.mark.parametrize(
    ("lost", "state", "text"),
    [
        (0, "ok", "every page address could be read"),
        (20, "note", "20 of 2,000 events"),
        (21, "problem", "21 of 2,000 events"),
    ],
)
def test_pages_that_an_error_of_ours_made_unreadable_are_counted(
    settings: Settings, lost: int, state: str, text: str
) -> None:
    settings.run_dir.mkdir(parents=True)
    rows = [("spooled", "", "", 1_000), *([("page_faults", "", "", lost)] if lost else [])]
    (settings.run_dir / "collector-w0.json").write_bytes(msgspec.json.encode(rows))
    (settings.run_dir / "collector-w1.json").write_bytes(msgspec.json.encode([("spooled", "", "", 1_000)]))
    ((found, said),) = findings(settings, "pages")
    assert found == state
    assert text in said


def test_files_that_somebody_planted_in_the_engine_are_named(settings: Settings) -> None:
    assert [state for state, _ in findings(settings, "engine")] == ["ok" if supported() else "note"]
    (settings.clickhouse_dir / "planted").mkdir(parents=True)
    (settings.clickhouse_dir / "planted" / "0-x.sql").touch()
    state, text = findings(settings, "engine")[-1]
    assert state == "problem"
    assert "1 planted files were moved" in text


def test_a_kernel_without_landlock_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.operations.database_checks.supported", lambda: False)
    ((state, text),) = findings(settings, "engine")
    assert state == "note"
    assert "no Landlock" in text


def test_a_check_that_fails_by_itself_is_a_result_and_the_others_are_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings) -> Iterator[tuple[str, str]]:
        yield from [][0]

    monkeypatch.setattr(doctor, "CHECKS", (("broken", broken), *doctor.CHECKS))
    ((state, text),) = findings(settings, "broken")
    assert state == "problem"
    assert "unforeseen IndexError" in text
    assert findings(settings, "files") == [("ok", "keys, secrets and audit are private to this user")]


def test_a_ship_that_ended_is_named_with_its_last_words(settings: Settings) -> None:
    status = ShipStatus(1, at_ms=now_ms(), state="stopped", error="journal: line 7 is damaged", error_ms=now_ms())
    write_status(status_path(settings.data), status)
    state, text = findings(settings, "ship")[0]
    assert state == "problem"
    assert "it ended with: journal: line 7 is damaged" in text


def test_a_ship_whose_process_is_gone_is_named_at_once(settings: Settings) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_status(status_path(settings.data), ShipStatus(gone.pid, at_ms=now_ms(), state="shipping"))
    state, text = findings(settings, "ship")[0]
    assert state == "problem"
    assert text.startswith("not running for 0 s")


def test_segments_that_vanished_are_named(settings: Settings) -> None:
    lost = [f"w0-20261127000000-{number:06d}" for number in range(1, 8)]
    write_status(status_path(settings.data), ShipStatus(os.getpid(), at_ms=now_ms(), state="idle", lost_segments=lost))
    state, text = findings(settings, "ship")[-1]
    assert state == "problem"
    assert "7 segments vanished" in text
    assert lost[4] + ", ..." in text


@pytest.mark.parametrize(
    ("name", "state"),
    [("w0-20261127000000-000001.seg", "problem"), ("w0-20261127000000-000001.seg.bad", "problem"), ("junk", "note")],
)
def test_acknowledged_events_in_quarantine_are_a_problem_and_other_files_a_note(
    settings: Settings, name: str, state: str
) -> None:
    (settings.spool_dir / "quarantine").mkdir(parents=True)
    (settings.spool_dir / "quarantine" / name).write_text("damaged\n")
    assert [found for found, text in findings(settings, "spool") if "quarantine" in text] == [state]


def test_a_segment_that_cannot_be_sealed_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = b"clinic_pixel_segment_unsealed_seconds %d.0\n"

    def answer(age: int) -> list[tuple[str, str]]:
        monkeypatch.setattr(machine_checks, "answer_of", lambda *_, **__: HTTPResponse(figures % age, status=200))
        return findings(settings, "collector")

    assert [state for state, _ in answer(settings.spool.segment_seconds + 5)] == ["ok", "ok"]
    state, text = answer(settings.spool.segment_seconds + 61)[-1]
    assert state == "problem"
    assert "should have been sealed" in text


def test_a_damaged_request_or_block_is_named(settings: Settings) -> None:
    assert findings(settings, "persons") == [("ok", "0 requests of persons can be read, and every block")]
    for directory in (settings.blocks_dir, settings.cases_dir):
        directory.mkdir(mode=0o700)
        (directory / "a.json").touch(mode=0o600)
        ((state, text),) = findings(settings, "persons")
        assert state == "problem"
        assert "a.json: not a " in text


@pytest.mark.parametrize(("starred", "named"), [(1, False), (2, True)])
def test_the_share_of_pages_without_a_name_is_told(
    clickhouse: Settings, tables: Rows, starred: int, named: bool
) -> None:
    tables.writer.command(
        "INSERT INTO pixel.events (received_at, site, kind, page) SELECT now64(3) - INTERVAL 1 MINUTE, 'clinic', 'pageview',"
        f" if(number < {starred}, '/karta/*', '/uslugi') FROM numbers(20)"
    )
    told = [each for each in examine(clickhouse) if "`clinic-pixel pages learn`" in each.text]
    assert [each.state for each in told] == (["note"] if named else [])
    assert not named or told[0].text.startswith("10% of the page views")


def test_rows_of_the_future_and_hits_that_were_lost_on_the_way_are_named(clickhouse: Settings, tables: Rows) -> None:
    soon = datetime.now(UTC) + timedelta(days=3)
    tables.writer.raw_insert(
        "pixel.events", insert_block=orjson.dumps({"received_at": f"{soon:%Y-%m-%d %H:%M:%S}"}), fmt="JSONEachRow"
    )
    minute = f"{datetime.now(UTC):%Y-%m-%d %H:%M:00}"
    counts = [("offered", "", 9), ("refused", "spool_full", 7), ("refused", "flood", 2)]
    for name, reason, value in counts:
        row = {"minute": minute, "name": name, "reason": reason, "value": value}
        tables.writer.raw_insert("pixel.counters", insert_block=orjson.dumps(row), fmt="JSONEachRow")
    problems = [text for state, text in findings(clickhouse, "clickhouse") if state == "problem"]
    assert [text for text in problems if "in the future" in text], findings(clickhouse, "clickhouse")
    assert [text for text in problems if "refused with" in text] == [
        "7 hits of the last hour were refused with `spool_full` (docs/refusals.md)"
    ]
