"""The results of `doctor` on the collector's totals and the worker's status, without any process running."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.clock import now_ms
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
