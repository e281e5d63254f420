"""The shard of a batch: its identity chooses it, and the plan keeps it for retries."""

from __future__ import annotations

import uuid
from collections import Counter

import msgspec
import pytest

from pipeline.delivery.build import build
from pipeline.delivery.plan import Batch, Plan
from pipeline.delivery.store import SEEN_BY_MOST, WRITTEN_BY_MOST, ClickHouseStore
from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.shipping import INCARNATION, event, row

ONE, TWO, THREE = "http://one.example:8123", "http://two.example:8123", "http://three.example:8123"
SEGMENT = f"w0-{INCARNATION}-1.seg"
HEAD = {SEGMENT: b"head"}


def batch(number: int, *addresses: str) -> Batch:
    return Batch(str(uuid.UUID(int=number)), "events", 20261129, [], [], addresses)


def of_cluster(*urls: str, quorum: bool = False) -> Settings:
    return Settings(
        clickhouse=ClickHouse(url=urls[0], cluster="clinics", shards=urls, replicated=quorum, quorum=quorum)
    )


def test_the_identities_of_batches_spread_them_over_all_shards() -> None:
    counts = Counter(batch(uuid.uuid4().int, ONE, TWO, THREE).shard for _ in range(3000))
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 800


def test_of_one_server_every_batch_is_for_the_only_shard() -> None:
    assert {batch(number).shard for number in range(10)} == {0}


def test_a_plan_keeps_the_shards_of_its_making_for_each_of_its_batches() -> None:
    plan = Plan.of(HEAD, 1, addresses=(ONE, TWO))
    kept = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)
    made = [
        [(each.id, each.address) for each in build(of, lambda _: [event(1), event(2)], row_of_batch).batches]
        for of in (plan, kept)
    ]
    assert len(made[0]) == 2
    assert made[0] == made[1]
    assert [address for _, address in made[0]] == [(ONE, TWO)[uuid.UUID(name).int % 2] for name, _ in made[0]]


def test_a_plan_of_the_version_before_is_for_the_first_shard() -> None:
    old = msgspec.to_builtins(Plan.of(HEAD, 1))
    del old["addresses"]
    (made,) = build(msgspec.convert(old, Plan), lambda _: [event(1)], row_of_batch).batches
    assert (made.shard, made.address) == (0, "")


class Recorder:
    """A client that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []

    def raw_insert(self, table: str, *_: object, settings: dict[str, object], **__: object) -> None:
        self.asked.append((table, settings))

    def raw_query(self, query: str, *, settings: dict[str, object], **_: object) -> bytes:
        self.asked.append((query, settings))
        return b"0\n"


@pytest.mark.parametrize("quorum", [False, True])
def test_a_batch_is_written_and_counted_in_the_local_table_of_its_shard_with_the_quorum_of_the_settings(
    quorum: bool,
) -> None:
    store, clients = ClickHouseStore(of_cluster(ONE, TWO, quorum=quorum)), [Recorder(), Recorder()]
    store._clients.update(enumerate(clients))  # type: ignore[arg-type]
    store.insert(batch(3, ONE, TWO), "token")
    store.count(batch(3, ONE, TWO))
    assert clients[0].asked == []
    (table, written), (query, seen) = clients[1].asked
    assert table == "pixel.events_local"
    assert "FROM pixel.events_local WHERE" in query
    assert (written.items() >= WRITTEN_BY_MOST.items()) == quorum
    assert (seen == SEEN_BY_MOST) == quorum


def row_of_batch(record: object, batch_id: str, _slot: str) -> object:
    return row(record, batch_id)  # type: ignore[arg-type]


def counted_at(store: ClickHouseStore, asked: Batch) -> int:
    """Return the place in the settings' list of the shard that a store asks for a batch."""
    clients = [Recorder() for _ in store._shards]
    store._clients.update(enumerate(clients))  # type: ignore[arg-type]
    store.count(asked)
    (place,) = (place for place, client in enumerate(clients) if client.asked)
    return place


@pytest.mark.parametrize(
    ("now", "place"),
    [((ONE, TWO, THREE), 1), ((ONE, THREE, TWO), 2), ((TWO, ONE), 0)],
    ids=["a shard was added", "added in between", "another order"],
)
def test_a_batch_that_was_begun_goes_to_the_same_server_however_the_list_changes(
    now: tuple[str, ...], place: int
) -> None:
    assert counted_at(ClickHouseStore(of_cluster(*now)), batch(1, ONE, TWO)) == place


@pytest.mark.parametrize("quorum", [False, True])
@pytest.mark.parametrize("now", [(ONE,), (THREE,)])
def test_a_batch_of_a_shard_that_left_the_settings_is_kept_and_told(now: tuple[str, ...], quorum: bool) -> None:
    with pytest.raises(Fatal, match=r"begun on shard 2 \(http://two.example:8123\), and .* has it no more"):
        ClickHouseStore(of_cluster(*now, quorum=quorum)).count(batch(1, ONE, TWO))


def test_another_server_in_the_place_of_a_shard_is_refused_while_it_may_lack_rows() -> None:
    with pytest.raises(Fatal, match="put its address back"):
        ClickHouseStore(of_cluster(ONE, THREE)).count(batch(1, ONE, TWO))


def test_another_replica_in_the_place_of_a_shard_is_asked_where_most_replicas_have_each_row() -> None:
    assert counted_at(ClickHouseStore(of_cluster(ONE, THREE, quorum=True)), batch(1, ONE, TWO)) == 1


def test_another_known_shard_in_the_place_of_one_is_refused_also_with_a_quorum() -> None:
    with pytest.raises(Fatal, match="put its address back"):
        ClickHouseStore(of_cluster(THREE, ONE, quorum=True)).count(batch(1, ONE, TWO))


def test_a_batch_of_a_plan_without_addresses_goes_to_the_server_at_url() -> None:
    assert counted_at(ClickHouseStore(of_cluster(ONE, TWO)), batch(1)) == 0
