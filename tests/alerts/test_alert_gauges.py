"""The numbers of problems and alerts in /metrics: from the step of `ship` through the file to the collector."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from collector.metrics import exposition
from pipeline.alerts.gauges import Gauges, SinkNumbers, counted, gauges_file, read_gauges, write_gauges
from pipeline.alerts.send import deliver
from pipeline.settings.model import Settings
from support.problems import NOW, ended, told


def shown(run_dir: Path) -> list[str]:
    """Return the lines of /metrics about problems and alerts."""
    lines = exposition(run_dir, {}).decode().splitlines()
    return [line for line in lines if line.startswith(("clinic_pixel_problems", "clinic_pixel_alerts"))]


def test_every_step_of_ship_shows_the_numbers_of_problems_by_site_watch_and_state(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path})
    problems = [
        told("a"),
        told("b"),
        told("c", state="ongoing", watch="broken_link"),
        told("d", muted_until=NOW + timedelta(hours=1)),
        told("e", site="other"),
        ended("f", NOW),
        told("g", state="closed"),
    ]
    deliver(settings, problems, NOW)
    at, *numbers = shown(settings.run_dir)
    assert float(at.removeprefix("clinic_pixel_problems_evaluated_seconds ")) == NOW.timestamp()
    assert numbers == [
        'clinic_pixel_problems{site="clinic",state="ongoing",watch="broken_link"} 1.0',
        'clinic_pixel_problems{site="clinic",state="muted",watch="silent_page"} 1.0',
        'clinic_pixel_problems{site="clinic",state="open",watch="silent_page"} 2.0',
        'clinic_pixel_problems{site="clinic",state="resolved",watch="silent_page"} 1.0',
        'clinic_pixel_problems{site="other",state="open",watch="silent_page"} 1.0',
    ]
    deliver(settings, [], NOW + timedelta(minutes=1))
    [at] = shown(settings.run_dir)
    assert float(at.removeprefix("clinic_pixel_problems_evaluated_seconds ")) == NOW.timestamp() + 60


def test_the_file_has_neither_text_nor_id_nor_page(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path})
    deliver(settings, [told("a1b2c3d4", title="/booking is silent")], NOW)
    content = gauges_file(settings.run_dir).read_text()
    assert "silent_page" in content
    assert not [text for text in ("a1b2c3d4", "/booking", "Sentence") if text in content]


def test_the_numbers_of_each_sink_are_shown(tmp_path: Path) -> None:
    write_gauges(tmp_path, counted([], [SinkNumbers("webhook", delivered=5, failed=4, lost=3, waiting=2)], NOW))
    assert shown(tmp_path)[1:] == [
        'clinic_pixel_alerts_total{result="delivered",sink="webhook"} 5.0',
        'clinic_pixel_alerts_total{result="failed",sink="webhook"} 4.0',
        'clinic_pixel_alerts_total{result="lost",sink="webhook"} 3.0',
        'clinic_pixel_alerts_waiting{sink="webhook"} 2.0',
    ]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"at": "x"}', b'{"at": 1, "problems": [["a"]]}'])
def test_a_damaged_file_shows_no_problems_and_hides_nothing_else(tmp_path: Path, content: bytes) -> None:
    gauges_file(tmp_path).write_bytes(content)
    assert read_gauges(tmp_path) is None
    assert "clinic_pixel_ready 1.0" in exposition(tmp_path, {"ready": 1.0}).decode()
    assert shown(tmp_path) == []


def test_a_label_with_quotes_and_line_breaks_adds_no_line(tmp_path: Path) -> None:
    write_gauges(tmp_path, Gauges(1.0, (('a"\nclinic_pixel_ready 0', "w", "open", 1),)))
    assert [
        line for line in exposition(tmp_path, {}).decode().splitlines() if line.startswith("clinic_pixel_ready")
    ] == []
    assert len(shown(tmp_path)) == 2
