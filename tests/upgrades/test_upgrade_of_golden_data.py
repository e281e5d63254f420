"""Each version's golden data, upgraded by this version: every event once, whatever was on its way."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from pipeline.database.client import connect
from pipeline.delivery.journal_entries import Intent, parse
from pipeline.operations.migrate import migrate
from pipeline.settings.sections import Retention
from pipeline.ship.worker import Worker
from pipeline.spool.segments import listing
from support.auditor import Stored
from support.golden_data import GOLDEN, tables_of
from support.server import Server

ALL = sorted(path for path in GOLDEN.iterdir() if path.is_dir())
LONG = Retention(rows_days=3660, keys_days=3660, numbers_months=240)
"""Golden data grows old, and must not end by its term."""


@pytest.mark.slow
@pytest.mark.parametrize("golden", ALL, ids=lambda path: path.name)
def test_an_upgrade_loses_and_doubles_nothing(golden: Path, restartable: Server) -> None:
    server = restartable.start()
    settings = server.settings.model_copy(update={"retention": LONG})
    for name in ("spool", "journal"):
        shutil.copytree(golden / name, settings.data / name)
        (settings.data / name).chmod(0o700)
    journal = (settings.journal_dir / "journal").read_bytes()
    assert any(isinstance(parse(line), Intent) for line in journal.splitlines(keepends=True))
    assert {segment.state for segment in listing(settings.spool_dir)} == {"seg", "open"}
    sent = msgspec.json.decode((golden / "sent.json").read_bytes(), type=list[int])
    with connect(settings, "pixel_migrator") as migrator:
        tables_of(golden, migrator)
    migrate(settings)
    assert migrate(settings) == []
    Worker(settings, stop=threading.Event(), jobs=()).run(until_empty=True)
    with connect(settings, "pixel_admin") as admin:
        stored = Stored.in_clickhouse(admin)
        assert stored.nonces == Counter(sent)
        sums = stored.counters
    assert sums["spooled"] == sums["stored"] == len(sent)
    assert listing(settings.spool_dir) == []


def test_golden_data_is_small() -> None:
    assert ALL
    for golden in ALL:
        assert sum(path.stat().st_size for path in golden.rglob("*") if path.is_file()) < 1_000_000
