"""The exactly-once protocol against a database and a process that fail anywhere, in any order."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.delivery.build import Shipment, build, nothing
from pipeline.delivery.exactly_once import MOST_REFUSED, Delivery
from pipeline.delivery.journal import Journal
from pipeline.delivery.journal_entries import Begun, Intent, parse
from pipeline.delivery.plan import Batch, Plan, reject_batches
from pipeline.delivery.tally import Reject
from pipeline.enrich.rows import Row
from pipeline.enrich.steps import Rejected
from pipeline.errors import Fatal, Retryable
from pipeline.event import Event, Measurement
from pipeline.reasons import RejectReason
from pipeline.settings.model import Settings
from pipeline.ship.worker import Worker
from pipeline.spool.records import frame, read
from support.mortal import FailOnce, Killed, MortalFiles
from support.shipping import RECEIVED_MS, counts, event, row, write_raw_segment, write_segment
from support.stores import Fault, ListStore

FAULTS: list[Fault] = ["", "lost answer", "not reached", "stalled", "killed at rename", "replayed", "count fails"]


def to_row(record: Event | Measurement, batch_id: str, _slot: str = "") -> Row:
    if record.site == "refused":
        raise Rejected(RejectReason.BAD_NUMBER)
    return row(record, batch_id)


def shipment_in(spool: Path, *, rows: int = 3) -> Shipment:
    heads = {path.name: path.read_bytes()[:4096] for path in sorted(spool.glob("*.seg"))}
    return build(Plan.of(heads, rows), lambda name: read(spool / name), to_row)


def deliver(store: ListStore, shipment: Shipment, home: Path, *, tries: int = 60) -> None:
    """Do as the worker does: enter again until all is done."""
    with Journal(home / "journal") as journal:
        delivery = Delivery(store, journal, home / "spool")
        for _ in range(tries):
            try:
                delivery.deliver(shipment)
            except Retryable:
                store.let_late_bodies_arrive()
                continue
            return
    raise AssertionError("no end")


def spool_with(home: Path, nonces: Iterable[int]) -> Path:
    events = [event(nonce) for nonce in nonces]
    write_segment(home / "spool", 1, [*events, counts(len(events))])
    return home / "spool"


def test_a_plan_is_stored_counted_and_its_segments_go(tmp_path: Path) -> None:
    spool, store = spool_with(tmp_path, range(7)), ListStore()
    deliver(store, shipment_in(spool), tmp_path)
    assert store.nonces() == Counter(range(7))
    assert store.counters() == {"offered": 7, "spooled": 7, "stored": 7}
    assert list(spool.iterdir()) == []


def test_the_counts_of_the_worker_have_the_site_and_those_of_the_collector_none(tmp_path: Path) -> None:
    sites = ["clinic", "portal", "clinic", "refused", "clinic"]
    events = [event(nonce, site=site) for nonce, site in enumerate(sites)]
    write_segment(tmp_path / "spool", 1, [*events, counts(5)])
    store = ListStore(refused=[2])
    deliver(store, shipment_in(tmp_path / "spool"), tmp_path)
    found = {(row["name"], row["reason"], row["site"]): row["value"] for row in store.rows["counters"]}
    assert found == {
        ("offered", "", ""): 5,
        ("spooled", "", ""): 5,
        ("stored", "", "clinic"): 2,
        ("stored", "", "portal"): 1,
        ("rejected", "bad_number", "refused"): 1,
        ("rejected", "refused_by_table", "clinic"): 1,
    }


@pytest.mark.parametrize(
    ("fault", "generations"),
    [
        ("lost answer", ["0"]),
        ("not reached", ["0", "0"]),
        ("stalled", ["0"]),
        ("killed at rename", ["0", "0", "1"]),
        ("replayed", ["0"]),
    ],
)
def test_after_a_fault_the_token_is_changed_only_when_it_is_poisoned(
    tmp_path: Path, fault: Fault, generations: list[str]
) -> None:
    store = ListStore(["", fault])  # the first call counts what is there
    deliver(store, shipment_in(spool_with(tmp_path, [1])), tmp_path)
    assert [token.rpartition("/")[2] for table, token in store.inserts if table == "events"] == generations
    assert store.nonces() == {1: 1}


class WitnessStore(ListStore):
    """Notes what the journal on the disk says about a batch at the moment it is inserted."""

    def __init__(self, journal: Path, faults: Iterable[Fault]) -> None:
        super().__init__(faults)
        self.seen: list[object] = []
        self._journal = journal

    def insert(self, batch: Batch, token: str) -> None:
        lines = [parse(line) for line in self._journal.read_bytes().splitlines(keepends=True)]
        self.seen.append(lines[-1])
        super().insert(batch, token)


def test_an_intent_is_on_the_disk_before_its_insert(tmp_path: Path) -> None:
    shipment = shipment_in(spool_with(tmp_path, [1, 2]))
    store = WitnessStore(tmp_path / "journal" / "journal", ["", "killed at rename"])
    deliver(store, shipment, tmp_path)
    plan, batch = shipment.plan.id, shipment.batches[0].id
    first, again, next_generation, _counters = store.seen
    assert first == again == Intent(plan, batch, 0, 2)
    assert next_generation == Intent(plan, batch, 1, 2)


@pytest.mark.parametrize("operation", range(1, 20))
def test_a_worker_that_dies_while_it_removes_segments_leaves_nothing_in_quarantine(
    tmp_path: Path, operation: int
) -> None:
    spool = tmp_path / "spool"
    for seq in (1, 2, 3):
        write_segment(spool, seq, [event(seq), counts(1)])
    store, files = ListStore(), MortalFiles(operation, after=True)
    journal = Journal(tmp_path / "journal", files)
    try:
        Delivery(store, journal, spool, files).deliver(shipment_in(spool))
    except Killed:
        pass
    finally:
        journal.close()
    Worker(Settings(data=tmp_path), stop=threading.Event(), store=store, jobs=()).run(until_empty=True)
    assert store.nonces() == {1: 1, 2: 1, 3: 1}
    assert store.counters() == {"offered": 3, "spooled": 3, "stored": 3}
    assert not (spool / "quarantine").exists()


def test_a_disk_that_fails_while_segments_are_removed_is_tried_again(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    write_raw_segment(spool, 1, [frame(event(1)), b"no record\n", frame(counts(2))])
    store, shipment = ListStore(), shipment_in(spool)
    with Journal(tmp_path / "journal") as journal:
        delivery = Delivery(store, journal, spool, FailOnce(spool))
        with pytest.raises(Retryable, match="cannot be removed"):
            delivery.deliver(shipment)
        delivery.deliver(shipment)
        assert not journal.knows(shipment.plan)
    assert store.nonces() == {1: 1}


def test_a_body_that_arrives_after_the_retry_is_dropped(tmp_path: Path) -> None:
    store = ListStore(["", "stalled"])
    shipment = shipment_in(spool_with(tmp_path, [1, 2]))
    with Journal(tmp_path / "journal") as journal:
        delivery = Delivery(store, journal, tmp_path / "spool")
        with pytest.raises(Retryable):
            delivery.deliver(shipment)
        delivery.deliver(shipment)
        store.let_late_bodies_arrive()
    assert store.nonces() == {1: 1, 2: 1}
    assert len(store.inserts) == 3  # the late one, its retry, the counters


def test_the_late_body_test_bites_where_a_new_token_is_taken_at_once(tmp_path: Path) -> None:
    store = ListStore(["", "stalled"])
    shipment = shipment_in(spool_with(tmp_path, [1, 2]))
    batch = shipment.batches[0]
    store.count(batch)
    with pytest.raises(Retryable):
        store.insert(batch, f"{batch.id}/0")
    store.insert(batch, f"{batch.id}/1")
    store.let_late_bodies_arrive()
    assert store.nonces() == {1: 2, 2: 2}


@example(faults=["", "stalled", "", "killed at rename"], kill=0, after=False)
@example(faults=["", "killed at rename", "", "lost answer"], kill=9, after=True)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=25), kill=st.integers(0, 40), after=st.booleans())
def test_every_event_is_stored_once_whatever_fails_and_whenever_the_worker_dies(
    tmp_path_factory: pytest.TempPathFactory, faults: list[Fault], kill: int, after: bool
) -> None:
    home = tmp_path_factory.mktemp("ship")
    refused, rejected = 2, 5
    events = [event(nonce, site="refused" if nonce == rejected else "clinic") for nonce in range(8)]
    spool = home / "spool"
    write_segment(spool, 1, [*events[:5], counts(5)])
    write_segment(spool, 2, [*events[5:], counts(3)])
    store = ListStore(faults, refused=[refused])
    shipment = shipment_in(spool)
    files = MortalFiles(kill, after=after)
    try:
        journal = Journal(home / "journal", files)
        try:
            delivery = Delivery(store, journal, spool, files)
            for _ in range(60):
                try:
                    delivery.deliver(shipment)
                    break
                except Retryable:
                    store.let_late_bodies_arrive()
        finally:
            journal.close()
    except Killed:
        with Journal(home / "journal") as journal:
            for known in journal.open_plans():
                delivery = Delivery(store, journal, spool)
                if known.finished:
                    delivery.deliver(nothing(known.plan))
        if list(spool.glob("*.seg")):
            deliver(store, shipment, home)
    store.let_late_bodies_arrive()
    assert store.nonces() == Counter(nonce for nonce in range(8) if nonce not in (refused, rejected))
    assert sorted(row["reason"] for row in store.rows["rejects"]) == ["bad_number", RejectReason.REFUSED_BY_TABLE]
    assert store.counters() == {"offered": 8, "spooled": 8, "stored": 6, "rejected": 2}
    assert list(spool.glob("*.seg")) == []


def test_one_row_that_the_table_refuses_goes_to_the_rejects_and_the_rest_is_stored(tmp_path: Path) -> None:
    store = ListStore(refused=[4])
    deliver(store, shipment_in(spool_with(tmp_path, range(20)), rows=20), tmp_path)
    assert store.nonces() == Counter(nonce for nonce in range(20) if nonce != 4)
    assert [(row["reason"], row["site"]) for row in store.rows["rejects"]] == [
        (RejectReason.REFUSED_BY_TABLE, "clinic")
    ]
    assert store.counters() == {"offered": 20, "spooled": 20, "stored": 19, "rejected": 1}
    assert len([table for table, _ in store.inserts if table == "events"]) <= 2 * 5 + 1


def test_a_table_that_refuses_every_row_stops_the_worker_instead_of_emptying_the_spool(tmp_path: Path) -> None:
    nonces = range(2 * MOST_REFUSED)
    spool = spool_with(tmp_path, nonces)
    store = ListStore(refused=nonces)
    with pytest.raises(Fatal, match="do schema and version match"):
        deliver(store, shipment_in(spool, rows=1000), tmp_path)
    assert not store.rows["rejects"]
    assert list(spool.glob("*.seg"))


def test_trouble_that_a_person_must_mend_is_passed_on_and_nothing_is_lost(tmp_path: Path) -> None:
    store, shipment = ListStore(["", "halt"]), shipment_in(spool_with(tmp_path, [1]))
    with pytest.raises(Fatal):
        deliver(store, shipment, tmp_path)
    deliver(store, shipment, tmp_path)
    assert store.nonces() == {1: 1}


def test_part_of_a_batch_is_left_alone_and_its_segments_are_kept(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, range(3))
    shipment = shipment_in(spool)
    store = ListStore()
    store.rows["events"] = [{"nonce": 0, "batch_id": shipment.batches[0].id}]
    deliver(store, shipment, tmp_path)
    assert store.nonces() == {0: 1}
    assert store.counters() == {"offered": 3, "spooled": 3, "stored": 1, "quarantined": 2}
    assert [path.name for path in (spool / "quarantine").iterdir()] == list(shipment.plan.segments)


def test_rejects_past_their_term_vanish_as_they_are_stored_and_cost_no_segment(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, range(8))
    shipment = shipment_in(spool, rows=8)
    shipment.rejects.append(Reject(RECEIVED_MS, "clinic", str(uuid.UUID(int=9)), "bad_number"))
    batch = reject_batches(shipment.plan, shipment.rejects)[0]
    store = ListStore()
    store.tokens = [f"{batch.id}/{generation}" for generation in range(100)]  # taken, and the rows are not there
    deliver(store, shipment, tmp_path)
    assert store.counters() == {"offered": 8, "spooled": 8, "stored": 8, "rejected": 1}
    assert not (spool / "quarantine").exists()


def test_rows_that_vanish_as_they_are_stored_end_in_quarantine_and_not_in_a_loop(tmp_path: Path) -> None:
    spool = spool_with(tmp_path, [1])
    batch = shipment_in(spool).batches[0]
    store = ListStore()
    store.tokens = [f"{batch.id}/{generation}" for generation in range(100)]  # taken, and the rows are not there
    deliver(store, shipment_in(spool), tmp_path)
    assert store.counters() == {"offered": 1, "spooled": 1, "quarantined": 1}
    assert len(list((spool / "quarantine").glob("*.seg"))) == 1


def test_another_version_that_rejects_more_accepts_what_was_sent_before(tmp_path: Path) -> None:
    shipment = shipment_in(spool_with(tmp_path, range(3)))
    old = shipment.batches[0]
    store = ListStore()
    store.insert(old, f"{old.id}/0")
    with Journal(tmp_path / "journal") as journal:
        journal.write(Begun(shipment.plan), Intent(shipment.plan.id, old.id, 0, 3))
    newer = shipment._replace(batches=[old._replace(lines=[b"", *old.lines[1:]])])
    deliver(store, newer, tmp_path)
    assert store.nonces() == Counter(range(3))
    assert not (tmp_path / "spool" / "quarantine").exists()


def test_a_spool_whose_journal_is_lost_is_not_stored_twice(tmp_path: Path) -> None:
    spool, store = spool_with(tmp_path, range(3)), ListStore()
    shipment = shipment_in(spool)
    store.insert(shipment.batches[0], "a token that nobody knows any more")
    deliver(store, shipment, tmp_path)
    assert store.nonces() == Counter(range(3))
    assert [table for table, _ in store.inserts] == ["events", "counters"]


INVALID_TEXT = b'{"record":"event","received_ms":1,"event_id":"\xed\xa0\x80","site":"x","epoch":"e"}'


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"00000000 {not a record}\n", id="wrong sum"),
        pytest.param(b"%08x %b\n" % (crc32(INVALID_TEXT), INVALID_TEXT), id="right sum, invalid UTF-8"),
        pytest.param(b"%08x {}\n" % crc32(b"{}"), id="right sum, unknown record"),
        pytest.param(b"\0" * 50 + b"\n", id="zeros"),
    ],
)
def test_a_bad_line_is_set_aside_counted_and_stops_nothing(tmp_path: Path, bad: bytes) -> None:
    spool = tmp_path / "spool"
    path = write_raw_segment(spool, 1, [frame(event(1)), bad, frame(event(2)), frame(counts(3))])
    store = ListStore()
    deliver(store, shipment_in(spool), tmp_path)
    assert store.nonces() == {1: 1, 2: 1}
    assert store.counters() == {"offered": 3, "spooled": 3, "stored": 2, "quarantined": 1}
    assert (spool / "quarantine" / f"{path.name}.bad").read_bytes() == bad
    assert not path.exists()
