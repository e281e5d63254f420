"""A person erased at any moment of a delivery: nothing of them is left, nothing is sent twice, nothing alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipeline.delivery.build import Shipment, build
from pipeline.delivery.exactly_once import Delivery
from pipeline.delivery.journal import Journal
from pipeline.delivery.plan import Batch, Plan
from pipeline.enrich.steps import enrich
from pipeline.errors import Retryable
from pipeline.event import Event
from pipeline.spool.records import read
from pipeline.subjects.erasure import Erasures
from support.shipping import RECEIVED_MS, counts, event, plain_tables, write_segment
from support.stores import Fault, ListStore

PERSON, SECOND = 77, 78
STEPS = 8
"""More than any of these deliveries asks of the store."""


class ErasingStore(ListStore):
    """Erases a person as `subject erase` does, before or after its call of a given number."""

    def __init__(self, faults: Iterable[Fault], number: int, *, after: bool) -> None:
        super().__init__(faults)
        self.erasures = Erasures({})
        self._left, self._number, self._after = number, number, after

        self._questions = 0
        self.sent: list[Batch] = []

    def without(self, batch: Batch) -> Batch:
        """Answer delivery's question; with a number below 0 the erasure comes just before that question."""
        self._questions += 1
        if self._questions == -self._number:
            self.erase()
        return self.erasures.without(batch)

    def erase(self) -> None:
        self.erasures = Erasures({PERSON: RECEIVED_MS})
        self.rows["events"] = [row for row in self.rows["events"] if row["visitor"] != PERSON]

    def _during(self, call: Callable[[], int | None]) -> int | None:
        self._left -= 1
        if self._left == 0 and not self._after:
            self.erase()
        try:
            return call()
        finally:
            if self._left == 0 and self._after:
                self.erase()

    def insert(self, batch: Batch, token: str) -> None:
        self.sent.append(batch)
        self._during(lambda: ListStore.insert(self, batch, token))

    def count(self, batch: Batch) -> int:
        return self._during(lambda: ListStore.count(self, batch)) or 0


def shipment_of(spool: Path, visitors: Iterable[int]) -> Shipment:
    events = [replace(event(number), visitor=visitor, visitor_kind="cookie") for number, visitor in enumerate(visitors)]
    path = write_segment(spool, 1, [*events, counts(len(events))])

    def to_row(record: object, batch_id: str, _slot: str):
        assert isinstance(record, Event)
        return enrich(record, plain_tables(), batch_id)

    return build(Plan.of({path.name: path.read_bytes()[:64]}, 100), lambda name: read(spool / name), to_row)


def deliver(store: ErasingStore, home: Path, visitors: Iterable[int]) -> None:
    """Deliver as a worker does that begins anew after every trouble."""
    spool = home / "spool"
    shipment = shipment_of(spool, visitors)
    for _ in range(STEPS):
        with Journal(home / "journal") as journal:
            delivery = Delivery(store, journal, spool, without_erased=store.without)
            try:
                delivery.deliver(shipment)
            except Retryable:
                continue
        return
    raise AssertionError("never delivered")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, STEPS))
@pytest.mark.parametrize("fault", ["", "lost answer", "not reached", "stalled", "killed at rename", "count fails"])
@pytest.mark.parametrize("visitors", [(1, PERSON, 2, PERSON), (PERSON,)], ids=["with others", "alone"])
def test_an_erasure_at_any_step_leaves_nothing_of_the_person_and_all_of_the_others(
    tmp_path: Path, visitors: tuple[int, ...], fault: Fault, number: int, *, after: bool
) -> None:
    store = ErasingStore(["", fault], number, after=after)
    deliver(store, tmp_path, visitors)
    store.let_late_bodies_arrive()
    store.erase()  # what the job does with a body that came late, and the case where delivery was over before
    others = {number: 1 for number, visitor in enumerate(visitors) if visitor != PERSON}
    assert store.nonces() == Counter(others)
    assert not (tmp_path / "spool" / "quarantine").exists()
    sums = store.counters()
    assert sums["quarantined"] == 0
    assert sums["spooled"] == sums["stored"] + sums["rejected"] == len(visitors)


@pytest.mark.parametrize("question", range(1, 6))
def test_an_erasure_between_two_steps_is_like_one_at_a_step(tmp_path: Path, question: int) -> None:
    store = ErasingStore([], -question, after=False)
    deliver(store, tmp_path, (PERSON, PERSON))
    assert store.nonces() == {}
    assert all(batch.rows for batch in store.sent)
    assert not (tmp_path / "spool" / "quarantine").exists()


def test_while_one_of_two_persons_is_already_deleted_the_batch_is_whole(tmp_path: Path) -> None:
    class Halfway(ErasingStore):
        def insert(self, batch: Batch, token: str) -> None:
            super().insert(batch, token)
            self.erase()
            self.erasures = Erasures({PERSON: RECEIVED_MS, SECOND: RECEIVED_MS})

    store = Halfway([], 0, after=False)
    deliver(store, tmp_path, (1, PERSON, SECOND))
    assert store.nonces() == {0: 1, 2: 1}
    assert store.counters() == {"offered": 3, "spooled": 3, "stored": 2, "rejected": 1}
    assert not (tmp_path / "spool" / "quarantine").exists()


def test_what_is_erased_before_it_is_sent_is_never_sent(tmp_path: Path) -> None:
    store = ErasingStore([], 0, after=False)
    store.erase()
    deliver(store, tmp_path, (1, PERSON, PERSON))
    assert store.nonces() == {0: 1}
    assert store.counters() == {"offered": 3, "spooled": 3, "stored": 1, "rejected": 2}
    assert store.rows["rejects"] == []


def test_a_batch_of_the_erased_alone_is_not_even_begun(tmp_path: Path) -> None:
    store = ErasingStore([], 0, after=False)
    store.erase()
    deliver(store, tmp_path, (PERSON, PERSON))
    assert [table for table, _ in store.inserts] == ["counters"]


def test_rows_that_vanish_without_an_erasure_are_still_an_alarm(tmp_path: Path) -> None:
    class Losing(ErasingStore):
        def insert(self, batch: Batch, token: str) -> None:
            super().insert(batch, token)
            del self.rows["events"][1:]

    deliver(Losing([], 0, after=False), tmp_path, (1, PERSON, 2))
    assert [path.suffix for path in (tmp_path / "spool" / "quarantine").iterdir()] == [".seg"]
