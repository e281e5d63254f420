"""What the doctor says of the collector's totals and of the worker's status, without any process running."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.clock import now_ms
from pipeline.database.confinement import supported
from pipeline.operations.doctor import examine
from pipeline.settings import Settings
from pipeline.ship.status import ShipStatus, status_path, write_status
from support.command import free_port


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
    monkeypatch.setattr("pipeline.operations.doctor.supported", lambda: False)
    ((state, text),) = findings(settings, "engine")
    assert state == "note"
    assert "no Landlock" in text
