"""Each hit is counted once, whatever becomes of it: here what the other tests of the edge cannot see."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector import process as process_module
from collector.process import EARLIEST_MS, Process
from pipeline.edge.steps import OverRate, run_edge
from pipeline.errors import Reason, Refused
from pipeline.event import Count, Hit
from pipeline.settings import Collector, Networks, Settings

OWN = {"id": "clinic", "hosts": ["clinic.example"], "own_networks": ["192.0.2.0/24"]}


def test_a_flood_is_refused_and_counted_by_what_may_be_known_of_its_sender(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data": tmp_path, "sites": [OWN], "collector": Collector(flood_burst=1), "networks": Networks()}
    )
    process = Process(settings)
    hit = Hit(received_ms=1_795_000_000_000, peer="192.0.2.7", site="clinic")
    run_edge(hit, process.tables, now_ms=hit.received_ms)
    with pytest.raises(OverRate) as over:
        run_edge(hit, process.tables, now_ms=hit.received_ms)
    assert process.refuse(over.value).reason is Reason.FLOOD
    record = process.counters.drain("w0")
    assert record is not None
    counted = {count._replace(minute_ms=0) for count in record.counts}
    assert counted == {
        Count(0, "offered"),
        Count(0, "refused", "flood"),
        Count(0, "flood", net_class="own"),
    }


def test_nothing_is_taken_while_the_clock_is_plainly_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(Settings(data=tmp_path))
    monkeypatch.setattr(process_module, "now_ms", lambda: EARLIEST_MS - 1)
    with pytest.raises(Refused, match="bad_clock"):
        process.moment()
    assert "clock" in process.not_ready()
    monkeypatch.setattr(process_module, "now_ms", lambda: EARLIEST_MS)
    assert process.moment() == EARLIEST_MS


def test_an_unforeseen_error_is_logged_by_type_and_place_and_counted_as_one_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = Process(Settings(data=tmp_path))
    with pytest.raises(ValueError, match="anna") as unforeseen:
        int("anna@mail.example")
    assert process.refuse(unforeseen.value).reason is Reason.INTERNAL
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("unforeseen ValueError at test_process.py:")
    record = process.counters.drain("w0")
    assert record is not None
    assert {(count.name, count.reason, count.value) for count in record.counts} == {
        ("offered", "", 1),
        ("refused", "internal", 1),
    }
