"""Each hit is counted once, whatever becomes of it: here what the other tests of the edge cannot see."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.process import Process
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
