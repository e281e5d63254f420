"""Faults of a real ClickHouse and of the network before it, and the rows after them."""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from pipeline.clock import now_ms
from pipeline.delivery.build import Shipment, build
from pipeline.delivery.exactly_once import Delivery
from pipeline.delivery.journal import Journal
from pipeline.delivery.plan import COLUMNS, Batch, Plan
from pipeline.delivery.store import ClickHouseStore
from pipeline.durations import DAY_MS
from pipeline.enrich import steps
from pipeline.enrich.rows import Row
from pipeline.errors import Fatal, Retryable
from pipeline.event import Event, Measurement
from pipeline.operations.migrate import migrate
from pipeline.reasons import RejectReason
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Ship
from pipeline.ship import worker
from pipeline.ship.worker import Worker
from pipeline.spool.framing import framed
from pipeline.spool.records import frame, read
from pipeline.spool.segments import QUARANTINE
from support.auditor import Stored
from support.days import MIDNIGHT
from support.ledger import Ledger
from support.proxy import Fault, Proxy
from support.rounds import Rounds, recovery
from support.server import Rows, Server
from support.shipping import RECEIVED_MS, counts, event, write_raw_segment, write_segment
from support.waiting import wait_until

QUICK = Ship(timeout_seconds=1, retry_seconds=0.2, poll_seconds=0.02)


@pytest.fixture
def proxy(clickhouse: Settings) -> Iterator[Proxy]:
    between = Proxy(clickhouse.clickhouse.port)
    yield between
    between.close()


@pytest.fixture
def home(tmp_path: Path, clickhouse: Settings, proxy: Proxy) -> Settings:
    """A data directory of the test's own that reaches the shared server through the proxy."""
    shutil.copytree(clickhouse.secrets_dir, tmp_path / "secrets")
    return Settings(data=tmp_path, clickhouse=ClickHouse(url=f"http://127.0.0.1:{proxy.port}"), ship=QUICK)


def fill(settings: Settings, number: int, *, first: int = 1) -> None:
    nonces = range(first, first + number)
    write_segment(settings.spool_dir, first, [*(event(nonce) for nonce in nonces), counts(number)])


def ship(settings: Settings) -> Worker:
    """Ship in this process until the spool is empty."""
    shipper = Worker(settings, stop=threading.Event(), jobs=())
    shipper.run(until_empty=True)
    return shipper


def stored(tables: Rows) -> dict[int, int]:
    """Return how often each nonce is stored."""
    return Stored.in_clickhouse(tables.admin).nonces


def sums(tables: Rows) -> dict[str, int]:
    """Return the sum of each counter."""
    return Stored.in_clickhouse(tables.admin).counters


def batch_of(settings: Settings, change: Callable[[Row], Row] = lambda row: row) -> Batch:
    return shipment_of(settings, change).batches[0]


def shipment_of(settings: Settings, change: Callable[[Row], Row]) -> Shipment:
    tables = steps.EnrichTables.load(settings)

    def to_row(record: object, batch_id: str, _slot: str) -> Row:
        assert isinstance(record, Event)
        return change(steps.enrich(record, tables, batch_id))

    heads = {path.name: b"" for path in sorted(settings.spool_dir.glob("*.seg"))}
    return build(Plan.of(heads, 50_000), lambda name: read(settings.spool_dir / name), to_row)


ENDED = [fault for fault in get_args(Fault) if fault and fault != "trickle the answer"]
"""Faults after which the shipper has no answer to its insert."""


@pytest.mark.parametrize("fault", ENDED)
def test_an_insert_whose_answer_never_comes_is_stored_once(
    home: Settings, proxy: Proxy, tables: Rows, rounds: Rounds, fault: Fault
) -> None:
    fill(home, 500)
    proxy.fault = fault
    shipper = ship(home)
    assert proxy.fault == "", "the fault must have struck"
    assert shipper.status.error != ""
    proxy.release()
    if fault in ("stall the body", "hold the answer"):
        assert proxy.arrived.wait(10)
    rounds.book(f"network: {fault}", Ledger().filled(range(1, 501)), Stored.in_clickhouse(tables.admin))
    assert sums(tables)["stored"] == 500


def test_an_answer_that_comes_byte_by_byte_is_read_to_its_end(home: Settings, proxy: Proxy, tables: Rows) -> None:
    fill(home, 500)
    proxy.fault = "trickle the answer"
    shipper = ship(home)
    assert proxy.fault == "", "the fault must have struck"
    assert (shipper.status.error, shipper.status.tries) == ("", 0)
    assert stored(tables) == dict.fromkeys(range(1, 501), 1)


CUTS = range(0, 3000, 100) if os.environ.get("FAULTS") == "long" else (0, 300, 900)


@pytest.mark.parametrize("after", CUTS)
def test_a_connection_that_is_cut_after_any_number_of_bytes_loses_and_doubles_nothing(
    home: Settings, proxy: Proxy, tables: Rows, after: int
) -> None:
    fill(home, 20)
    proxy.passed = after
    proxy.fault = "cut the body"
    shipper = ship(home)
    assert proxy.fault == "", "the fault must have struck"
    assert shipper.status.error != ""
    assert stored(tables) == dict.fromkeys(range(1, 21), 1)
    assert sums(tables) == {"offered": 20, "spooled": 20, "stored": 20}


@pytest.mark.parametrize(("second_token", "times"), [("0", 1), ("1", 2)])
def test_only_its_own_token_keeps_a_late_body_out(
    home: Settings, proxy: Proxy, tables: Rows, second_token: str, times: int
) -> None:
    fill(home, 300)
    batch = batch_of(home)
    store = ClickHouseStore(home)
    assert store.count(batch) == 0
    proxy.fault = "stall the body"
    with pytest.raises(Retryable):
        store.insert(batch, f"{batch.id}/0")
    store.insert(batch, f"{batch.id}/{second_token}")
    assert store.count(batch) == 300
    proxy.release()
    assert proxy.arrived.wait(10)
    assert store.count(batch) == 300 * times


def test_the_driver_sends_bytes_again_by_itself_but_not_our_stream(home: Settings, proxy: Proxy, tables: Rows) -> None:
    fill(home, 10)
    batch, store = batch_of(home), ClickHouseStore(home)
    client = store._connected(batch)
    proxy.fault = "cut the answer"
    untold = {"async_insert": 0, "deduplicate_insert": "disable"}
    body = b"".join(batch.body())
    client.raw_insert("pixel.events", COLUMNS["events"], body, fmt="JSONCompactEachRow", settings=untold)
    assert proxy.inserts == 2
    assert store.count(batch) == 20, "without a token the driver's second copy is a duplicate"
    proxy.fault = "cut the answer"
    with pytest.raises(Retryable):
        store.insert(batch, "own/0")
    assert proxy.inserts == 3


def test_a_technical_signal_reaches_its_table(home: Settings, tables: Rows) -> None:
    signal = Measurement(
        received_ms=RECEIVED_MS,
        event_id=str(uuid.UUID(int=1)),
        site="clinic",
        kind="js_error",
        name="TypeError",
        source="clinic.example:/app.js:17",
        page="/",
        country="RU",
    )
    write_segment(home.spool_dir, 1, [signal, event(1), counts(2)])
    ship(home)
    assert tables.admin.query("SELECT name, source_line FROM pixel.technical").result_rows == [("TypeError", 17)]
    assert sums(tables) == {"offered": 2, "spooled": 2, "stored": 2}


def test_a_full_batch_is_one_part(clickhouse: Settings, home: Settings, tables: Rows) -> None:
    fill(home, 50_000)
    batch, store = batch_of(home), ClickHouseStore(home)
    store.insert(batch, "whole/0")
    assert tables.admin.query("SELECT count(), uniqExact(_part) FROM pixel.events").result_rows == [(50_000, 1)]


def test_a_batch_over_two_months_is_refused_and_not_taken_for_a_busy_server(home: Settings, tables: Rows) -> None:
    fill(home, 2)
    batch = batch_of(home)
    earlier = MIDNIGHT.replace(day=1) - timedelta(days=1)
    received_at, of_another_month = f'"{MIDNIGHT:%F} '.encode(), f'"{earlier:%F} '.encode()
    other = batch.lines[1].replace(received_at, of_another_month)
    assert of_another_month in other
    store = ClickHouseStore(home)
    with pytest.raises(Fatal):
        store.insert(batch._replace(lines=[batch.lines[0], other]), "months/0")
    assert stored(tables) == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "nonsense"),
        ("epoch", "never"),
        ("ip_token", "no address"),
        ("event_id", "no uuid"),
        ("received_at", "yesterday"),
        ("status", "text"),
        ("cookies", "no map"),
        ("visitor", -1.5),
    ],
)
def test_a_row_that_only_clickhouse_finds_bad_is_rejected_and_the_others_stored(
    home: Settings, tables: Rows, column: str, value: object
) -> None:
    fill(home, 40)

    def change(row: Row) -> Row:
        return msgspec.structs.replace(row, **{column: value}) if row.nonce == 17 else row

    with Journal(home.journal_dir) as journal:
        Delivery(ClickHouseStore(home), journal, home.spool_dir).deliver(shipment_of(home, change))
    assert stored(tables) == {nonce: 1 for nonce in range(1, 41) if nonce != 17}
    assert tables.admin.query("SELECT site, reason FROM pixel.rejects").result_rows == [
        ("clinic", RejectReason.REFUSED_BY_TABLE)
    ]
    assert sums(tables) == {"offered": 40, "spooled": 40, "stored": 39, "rejected": 1}


@pytest.mark.parametrize("by", ["enrichment", "the table"])
def test_an_old_replayed_event_that_is_rejected_does_not_cost_its_segment(
    home: Settings, tables: Rows, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = now_ms() - 80 * DAY_MS  # its key still lives, while the table of rejects keeps 30 days
    good, bad = frame(event(1, received_ms=then)), frame(event(2, received_ms=then))
    if by == "enrichment":
        bad = framed(bad[9:-1].replace(b'"nonce":2', b'"nonce":%d' % 2**64))
    write_raw_segment(home.spool_dir, 1, [good, bad, frame(counts(2))])
    if by == "the table":

        def misspelt(record: Event, *rest: Any) -> Row:
            row = steps.enrich(record, *rest)
            return msgspec.structs.replace(row, kind="nonsense") if record.nonce == 2 else row

        monkeypatch.setattr(worker, "enrich", misspelt)
    ship(home)
    assert stored(tables) == {1: 1}
    rejects = "SELECT event_id, dateDiff('minute', received_at, now()) < 10 FROM pixel.rejects"
    assert tables.admin.query(rejects).result_rows == [(uuid.UUID(int=2), 1)]
    assert sums(tables) == {"offered": 2, "spooled": 2, "stored": 1, "rejected": 1}
    assert not (home.spool_dir / QUARANTINE).exists()


def test_a_database_without_tables_halts_the_worker_until_it_is_migrated(restartable: Server) -> None:
    restartable.start()
    settings = restartable.settings.model_copy(update={"ship": QUICK})
    fill(settings, 5)
    shipper = Worker(settings, stop=threading.Event(), jobs=())
    thread = threading.Thread(target=shipper.run, kwargs={"until_empty": True})
    thread.start()
    wait_until(lambda: shipper.status.state == "halted", "the worker to halt")
    assert "migrate" in shipper.status.error
    assert len(list(settings.spool_dir.glob("*.seg"))) == 1
    migrate(settings)
    thread.join(20)
    rows = Rows(settings)
    assert stored(rows) == dict.fromkeys(range(1, 6), 1)
    rows.close()


def test_a_wrong_password_halts_the_worker_with_the_file_to_look_at(home: Settings, tables: Rows) -> None:
    fill(home, 5)
    secret = home.secrets_dir / "clickhouse.json"
    right = secret.read_bytes()
    passwords = json.loads(right)
    secret.write_text(json.dumps(passwords | {"pixel_writer": "wrong"}))
    shipper = Worker(home, stop=threading.Event(), jobs=())
    thread = threading.Thread(target=shipper.run, kwargs={"until_empty": True})
    thread.start()
    wait_until(lambda: shipper.status.state == "halted", "the worker to halt")
    assert "clickhouse.json" in shipper.status.error
    secret.write_bytes(right)
    thread.join(20)
    assert stored(tables) == dict.fromkeys(range(1, 6), 1)


def test_a_server_that_is_away_is_waited_for_and_the_backlog_follows(restartable: Server, rounds: Rounds) -> None:
    restartable.start()
    migrate(restartable.settings)
    restartable.stop()
    settings = restartable.settings.model_copy(update={"ship": QUICK})
    for first in range(1, 100, 10):
        fill(settings, 10, first=first)
    shipper = Worker(settings, stop=threading.Event(), jobs=())
    thread = threading.Thread(target=shipper.run, kwargs={"until_empty": True})
    thread.start()
    wait_until(lambda: shipper.status.tries >= 3, "three tries")
    assert shipper.status.state == "waiting"
    assert len(list(settings.spool_dir.glob("*.seg"))) == 10
    with recovery() as watch:
        restartable.start()
        thread.join(120)
    rows = Rows(settings)
    ledger = Ledger().filled(range(1, 101))
    rounds.book("ClickHouse away", ledger, Stored.in_clickhouse(rows.admin), seconds=watch.seconds)
    rows.close()
