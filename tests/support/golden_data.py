"""Golden data of a version: a small data directory and the tables beside it, as a hard stop leaves them.

`python -m support.golden_data NAME` writes `tests/data/golden/NAME`; make one for each released version, and never change it
afterwards. `tests/upgrades` upgrades each. It holds
made-up events without any address: sealed segments, one that is being written, a journal whose batch is stored and not
confirmed, the rows, and the statements that made the tables.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from clickhouse_connect.driver import Client

from pipeline.database import cluster
from pipeline.database.client import connect
from pipeline.delivery.plan import Batch
from pipeline.delivery.store import ClickHouseStore
from pipeline.operations import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector
from pipeline.ship.worker import Worker
from pipeline.spool.records import frame
from sql import MIGRATIONS_DIR, fill, statements
from support.server import Server
from support.shipping import counts, event, write_segment

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
_PARTS = (
    "SELECT DISTINCT table FROM system.parts WHERE database = 'pixel' AND active AND rows > 0 AND table != 'migrations'"
)


class _Killed(BaseException):
    """The end of the process right after an insert."""


class _Mortal(ClickHouseStore):
    def insert(self, batch: Batch, token: str) -> None:
        super().insert(batch, token)
        raise _Killed


def make(target: Path) -> None:
    """Write the golden data of the version whose code runs."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        server = Server(Path(home) / "var").start()
        try:
            migrate.migrate(server.settings)
            sent = _fill(server.settings.model_copy(update={"collector": Collector(name="golden")}))
            _export(server.settings, target)
        finally:
            server.stop()
        for name in ("spool", "journal"):
            shutil.copytree(server.settings.data / name, target / name, ignore=shutil.ignore_patterns("*lock"))
    (target / "sent.json").write_text(json.dumps(sent) + "\n")


def _fill(settings: Settings) -> list[int]:
    """Ship some events, stop hard after an insert of others, and leave more in the spool; return the nonces."""
    spool = settings.spool_dir
    write_segment(spool, 1, [*(event(nonce) for nonce in range(1, 31)), counts(30)])
    Worker(settings, stop=threading.Event(), jobs=()).run(until_empty=True)
    write_segment(spool, 2, [*(event(nonce) for nonce in range(31, 51)), counts(20)])
    worker = Worker(settings, stop=threading.Event(), jobs=(), store=_Mortal(settings))
    threading.excepthook = lambda _given: None
    threading.Thread(target=lambda: worker.run(until_empty=True), daemon=True).start()
    journal = settings.journal_dir / "journal"
    while not (journal.exists() and b'"intent"' in journal.read_bytes() and _stored(settings) == 50):
        threading.Event().wait(0.1)
    write_segment(spool, 3, [*(event(nonce) for nonce in range(51, 61)), counts(10)])
    left = write_segment(spool, 4, [event(nonce) for nonce in range(61, 66)], slot="w1")
    with left.open("ab") as stream:
        stream.write(frame(event(66))[:-20])  # never acknowledged
    left.rename(left.with_suffix(".open"))
    return list(range(1, 66))


def _stored(settings: Settings) -> int:
    client = connect(settings, "pixel_admin")
    try:
        return int(client.query("SELECT count() FROM pixel.events").result_rows[0][0])
    finally:
        client.close()


def _export(settings: Settings, target: Path) -> None:
    words = cluster.words(cluster.flavour(settings))
    files = sorted(MIGRATIONS_DIR.glob("0*.sql"))
    texts = statements(fill(migrate._BOOTSTRAP, words))
    texts += [text for file in files for text in statements(fill(file.read_text(encoding="utf-8"), words))]
    (target / "schema.sql").write_text(";\n".join(texts) + ";\n")
    client = connect(settings, "pixel_admin")
    try:
        recorded = client.query("SELECT name, checksum FROM pixel.migrations WHERE match(name, '^[0-9]')").result_rows
        (target / "migrations.json").write_text(json.dumps(sorted(map(list, recorded)), indent=1) + "\n")
        for (table,) in client.query(_PARTS).result_rows:
            rows = client.raw_query(f"SELECT * FROM pixel.{table}", fmt="Native")
            (target / f"{table}.native.gz").write_bytes(gzip.compress(rows, mtime=0))
    finally:
        client.close()


def tables_of(golden: Path, migrator: Client) -> None:
    """Make the tables of golden data in an empty database, with their rows."""
    for text in statements((golden / "schema.sql").read_text()):
        migrator.command(text)
    for name, checksum in json.loads((golden / "migrations.json").read_text()):
        migrator.command(f"INSERT INTO pixel.migrations VALUES ('{name}', '{checksum}', now64(3))")
    for file in golden.glob("*.native.gz"):
        migrator.raw_insert(
            f"pixel.{file.name.partition('.')[0]}", None, gzip.decompress(file.read_bytes()), fmt="Native"
        )


if __name__ == "__main__":
    make(GOLDEN / sys.argv[1])
