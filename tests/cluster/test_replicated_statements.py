"""The statements of a cluster with replicas, against ZooKeeper: every table finds its path there, and cannot be written to here.

The embedded engine has no port between replicas. So its replicated tables stay read-only, and neither copying nor quorum is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pipeline.database import cluster
from pipeline.database.client import working_as
from pipeline.delivery.plan import Batch
from pipeline.delivery.store import ClickHouseStore
from pipeline.delivery.tally import Bin
from pipeline.errors import Retryable
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Ship
from sql import MIGRATIONS_DIR, fill, statements
from support.keeper import ZooKeeper, why_not, zookeeper
from support.shards import CLUSTER, Shard

FLAVOUR = cluster.Flavour(CLUSTER, replicated=True)
FILES = sorted(MIGRATIONS_DIR.glob("[0-9]*.sql"))
SCRATCH = "fraud_hits"
"""The copy of the hits of a scoring is the only table that is not replicated."""


class Replica(NamedTuple):
    """A server with ZooKeeper, on which every table was made."""

    shard: Shard
    keeper: ZooKeeper


def placed() -> list[str]:
    """Return the statements that make databases and tables, for one server: it runs no `ON CLUSTER`."""
    words = cluster.words(FLAVOUR)
    made = [text for file in FILES for text in statements(fill(file.read_text(encoding="utf-8"), words))]
    texts = [cluster.placed(text, FLAVOUR) for text in made if text.startswith("CREATE")]
    assert all(f" ON CLUSTER {CLUSTER}" in text for text in texts)
    return [text.replace(f" ON CLUSTER {CLUSTER}", "", 1) for text in texts]


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    if reason := why_not():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("replica")
    with zookeeper(home / "zookeeper") as keeper:
        shard = Shard(home / "shard")
        shard.config = (
            f"<zookeeper><node><host>127.0.0.1</host><port>{keeper.port}</port></node></zookeeper>"
            "<macros><shard>7</shard><replica>one</replica></macros>"
        )
        try:
            shard.start()
            with working_as(shard.settings, "pixel_migrator", timeout=120) as migrator:
                for text in placed():
                    migrator.command(text)
            yield Replica(shard, keeper)
        finally:
            shard.stop()


def tables() -> dict[str, str]:
    """Return the path of each replicated table."""
    local = {f"{table}_local": f"/clinic-pixel/7/pixel/{table}_local" for table in cluster.SHARDED}
    return local | {table: f"/clinic-pixel/pixel/{table}" for table in cluster.AT_HOME if table != SCRATCH}


def test_every_table_has_its_path_and_its_columns_in_zookeeper(replica: Replica) -> None:
    wanted = tables()
    found = replica.keeper.read([f"{path}/columns" for path in wanted.values()])
    with working_as(replica.shard.settings, "pixel_admin") as admin:
        rows = admin.query("SELECT table, groupArray(name) FROM system.columns WHERE database = 'pixel' GROUP BY table")
        columns = {str(table): set(names) for table, names in rows.result_rows}
    for table, path in wanted.items():
        stored = set(re.findall(r"^`(\w+)` ", found[f"{path}/columns"], re.MULTILINE))
        assert stored == columns[table], table


def test_a_sharded_table_is_replicated_within_its_shard_and_another_one_to_every_server(replica: Replica) -> None:
    wanted = tables()
    named = {
        table: f"{path}/replicas/{'one' if table.endswith('_local') else '7-one'}/host"
        for table, path in wanted.items()
    }
    found = replica.keeper.read(list(named.values()))
    assert set(found) == set(named.values())


@pytest.mark.parametrize("quorum", [False, True])
def test_a_batch_for_a_read_only_table_is_sent_again_later(replica: Replica, quorum: bool) -> None:
    url = replica.shard.url
    settings = Settings(
        data=replica.shard.settings.data,
        clickhouse=ClickHouse(url=url, cluster=CLUSTER, shards=(url,), replicated=True, quorum=quorum),
        ship=Ship(timeout_seconds=5),
    )
    batch = Batch("00000000-0000-0000-0000-000000000001", "rejects", 20261129, [_REJECT], [Bin(0, "clinic")])
    # The server waits for the table to become writable, longer than the shipper; with a quorum it asks Keeper first.
    with pytest.raises(Retryable, match=r"error (242|999)|does not answer"):
        ClickHouseStore(settings).insert(batch, "token")


_REJECT = b'["2026-11-29 10:00:00.000", "clinic", "00000000-0000-0000-0000-000000000001", "page", "00000000-0000-0000-0000-000000000001"]\n'
