"""Each hit is counted once, whatever becomes of it: here what the other tests of the edge cannot see."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector import process as process_module
from collector.process import EARLIEST_MS, Process
from pipeline.errors import Refused
from pipeline.event import Count, Hit
from pipeline.settings import Collector, Networks, Settings

OWN = {"id": "clinic", "hosts": ["clinic.example"], "own_networks": ["192.0.2.0/24"]}


def test_a_flood_is_refused_and_counted_by_what_may_be_known_of_its_sender(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data": tmp_path, "sites": [OWN], "collector": Collector(flood_burst=1), "networks": Networks()}
    )
    process = Process(settings)
    hit = Hit(received_ms=1_795_000_000_000, peer="192.0.2.7", site="clinic")
    process.take(lambda _: hit)
    with pytest.raises(Refused, match="flood"):
        process.take(lambda _: hit)
    record = process.counters.drain("w0")
    assert record is not None
    counted = {count._replace(minute_ms=0) for count in record.counts}
    assert counted == {
        Count(0, "offered", value=2),
        Count(0, "refused", "flood"),
        Count(0, "flood", net_class="own"),
    }


def test_nothing_is_taken_while_the_clock_is_plainly_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(Settings(data=tmp_path))
    hit = Hit(received_ms=EARLIEST_MS, peer="192.0.2.7", site="clinic")
    monkeypatch.setattr(process_module, "now_ms", lambda: EARLIEST_MS - 1)
    with pytest.raises(Refused, match="bad_clock"):
        process.take(lambda _: hit)
    assert "clock" in process.not_ready()
    monkeypatch.setattr(process_module, "now_ms", lambda: EARLIEST_MS)
    assert process.take(lambda _: hit).events
    assert "clock" not in process.not_ready()
