"""An older version names the data of a newer one and damages nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from pipeline.database.client import connect
from pipeline.errors import Fatal
from pipeline.operations import database_checks, migrate
from pipeline.operations.doctor import examine
from pipeline.settings.model import Settings
from pipeline.spool.framing import framed
from pipeline.spool.records import frame
from pipeline.spool.segments import segment_path
from pipeline.upgrades import schema, stamp
from support.clinic import Clinic, hit
from support.command import CLI
from support.server import Rows
from support.shipping import INCARNATION, event
from support.system import AGENT

NEWER = framed(b'{"record":"of_the_future","event_id":"00000000-0000-7000-8000-000000000001"}')


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    clinic = Clinic(tmp_path)
    clinic.settings.spool_dir.mkdir(parents=True)
    newer = stamp.Stamp(stamp.FORMAT + 1, "9.1.0")
    clinic.settings.run_dir.mkdir(exist_ok=True)
    (clinic.settings.data / stamp.FILE).write_text(f'{{"format": {newer.format}, "version": "{newer.version}"}}')
    yield clinic
    clinic.close()


def test_a_newer_spool_is_left_alone_while_hits_are_collected(clinic: Clinic) -> None:
    spool = clinic.settings.spool_dir
    theirs = {
        segment_path(spool, "w0", INCARNATION, 1): frame(event(1)) + NEWER + b"torn",
        spool / "w0-of-a-newer-form": b"?",
    }
    for path, content in theirs.items():
        path.write_bytes(content)
    clinic.start("collect")
    address = f"http://127.0.0.1:{clinic.settings.collector.port}{hit(7)}"
    assert urllib3.request("GET", address, headers={"User-Agent": AGENT}).status == 200
    done = subprocess.run(
        [*CLI, "ship"], env=clinic._environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "written by the newer clinic-pixel 9.1.0" in done.stderr
    assert "install that version again, or restore a backup" in done.stderr
    clinic.stop("collect")
    assert {path: path.read_bytes() for path in theirs} == theirs
    assert not (spool / "quarantine").exists()
    assert b'"nonce":7' in b"".join(path.read_bytes() for path in spool.glob("*.seg"))
    said = [result for result in examine(clinic.settings) if result.check == "version"]
    assert [(result.state, "9.1.0" in result.text) for result in said] == [("problem", True)]
    with pytest.raises(Fatal, match=r"written by the newer clinic-pixel 9\.1\.0"):
        migrate.migrate(clinic.settings)


def test_a_directory_of_before_the_stamp_gets_one_and_a_damaged_stamp_is_named(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    stamp.claim(settings)
    assert stamp.stamp_of(tmp_path).format == stamp.FORMAT
    (tmp_path / stamp.FILE).write_text("{")
    with pytest.raises(Fatal, match=r"format\.json: damaged"):
        stamp.claim(settings)


def test_a_database_of_a_newer_version_is_refused_and_named(clickhouse: Settings, tables: Rows) -> None:
    with connect(clickhouse, "pixel_migrator") as client:
        schema.record(client, "9999_later.sql", "x")
        schema.record(client, schema.VERSION, "9.1.0")
        try:
            before = schema.recorded_in(client)
            with pytest.raises(Fatal, match=r"newer clinic-pixel 9\.1\.0.*9999_later\.sql.*Nothing was changed"):
                migrate.migrate(clickhouse)
            assert schema.recorded_in(client) == before
            found = [str(text) for state, text in database_checks.clickhouse(clickhouse) if state == "problem"]
            assert len(found) == 1
            assert "9999_later.sql" in found[0]
        finally:
            for name in ("9999_later.sql", schema.VERSION):
                client.command(f"ALTER TABLE pixel.migrations DELETE WHERE name = '{name}' SETTINGS mutations_sync = 2")
    assert migrate.migrate(clickhouse) == []
