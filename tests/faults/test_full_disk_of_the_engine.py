"""The embedded engine and a full disk: it takes a failed write for a success. So it ends before, and a restart reads the sources of a broken part."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import ping, working_as
from pipeline.database.embedded import LEAST_MB, ROOM_MB
from pipeline.database.engine_config import KEPT_FREE_MB
from pipeline.delivery.plan import Batch
from pipeline.delivery.store import ClickHouseStore
from pipeline.errors import Retryable
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from support import clinic_day
from support.command import CLI, environment
from support.days import MIDNIGHT
from support.loop_disk import loop_disk, why_not
from support.server import Server
from support.traced import failing
from support.waiting import wait_until

ROWS, MOST_PARTS = 20, 30
BATCH = uuid.uuid4()
READ_ALL = "SELECT count(), uniqExact(event_id) FROM pixel.events"


def rows(settings: Settings) -> object:
    """Read every row; returns None where the engine cannot."""
    with working_as(settings, "pixel_admin") as client:
        try:
            return client.query(READ_ALL).result_rows
        except ClickHouseError:
            return None


def store(settings: Settings) -> None:
    clinic_day.store(
        settings, [clinic_day.row(MIDNIGHT, event_id=uuid.uuid4(), nonce=0, batch_id=BATCH) for _ in range(ROWS)]
    )


def of_merges(settings: Settings) -> list[Path]:
    """Return the files that the first merge of the day's partition may write its rows and marks to."""
    table = (settings.clickhouse_dir / "data" / "data" / "pixel" / "events").resolve()
    parts = (
        f"tmp_merge_{MIDNIGHT:%Y%m%d}_{first}_{last}_1" for first in (1, 2, 3) for last in range(first + 1, MOST_PARTS)
    )
    return [table / part / file for part in parts for file in ("data.bin", "data.cmrk4")]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed: no system call can be made to fail"
)
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_rows_of_a_merge_whose_writes_failed_are_there_after_a_restart(
    restartable: Server, tmp_path: Path, error: str
) -> None:
    settings = restartable.start().settings
    migrate(settings)
    assert restartable.process is not None
    log, stored = tmp_path / "strace", 0
    batch = Batch(str(BATCH), "events", int(f"{MIDNIGHT:%Y%m%d}"), [], [])
    with failing("write,pwrite64", restartable.process.pid, f"error={error}", log=log, of=of_merges(settings)):
        while not log.stat().st_size:
            assert stored < MOST_PARTS * ROWS, "no merge began"
            store(settings)
            stored += ROWS
        wait_until(
            lambda: rows(settings) is None, "the broken part to be in place: does this engine tell a failed write now?"
        )
    with pytest.raises(Retryable, match="restart ClickHouse at once"):
        ClickHouseStore(settings).count(batch)
    restartable.kill()
    restartable.start()
    assert ClickHouseStore(settings).count(batch) == stored
    assert rows(settings) == [(stored, stored)]


@pytest.mark.slow
def test_the_engine_ends_before_its_disk_is_full_and_waits_for_room(tmp_path: Path) -> None:
    if reason := why_not(tmp_path):
        pytest.skip(reason)
    server = Server(tmp_path / "var")
    with loop_disk(tmp_path / "disk", server.settings.clickhouse_dir, 300) as disk:
        server.start()
        migrate(server.settings)
        store(server.settings)
        disk.fill()
        assert server.process is not None
        assert server.process.wait(20) == os.EX_TEMPFAIL
        command = [*CLI, "clickhouse"]
        with subprocess.Popen(command, env=environment(server.settings), stderr=subprocess.PIPE, text=True) as waiting:
            try:
                assert waiting.stderr is not None
                said = f"MB free; the embedded ClickHouse waits for {ROOM_MB} MB; free the disk"
                assert said in waiting.stderr.readline()
                assert not ping(server.settings)
                disk.make_room()
                assert "there is room again" in waiting.stderr.readline()
                wait_until(lambda: ping(server.settings), "the engine")
                assert rows(server.settings) == [(ROWS, ROWS)]
                disk.fill()
                assert "MB free: the embedded ClickHouse ends" in waiting.stderr.readline()
                assert waiting.wait(20) == os.EX_TEMPFAIL
            finally:
                waiting.kill()


def test_others_alone_can_bring_the_end_about() -> None:
    assert LEAST_MB < KEPT_FREE_MB < ROOM_MB
