"""kill -9 over two shards, collector and shipper under load, and a shard that stays away: exact accounting by nonce."""

from __future__ import annotations

import itertools
import logging
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from pipeline.database.client import of_each_shard, working_as
from pipeline.operations.migrate import migrate
from support.auditor import KEPT, Stored, audit
from support.clinic import Clinic, Load, Name
from support.ledger import Ledger
from support.shards import Shards
from support.waiting import wait_until

ROUNDS = int(os.environ.get("SHARD_KILL_ROUNDS", "4"))
AWAY_SECONDS = float(os.environ.get("SHARD_AWAY_SECONDS", "5"))
"""`SHARD_AWAY_SECONDS=60 SHARD_KILL_ROUNDS=40` takes some minutes."""
HOME, OTHER = 0, 1
AWAY = (OTHER, HOME) if "SHARD_AWAY_SECONDS" in os.environ else (OTHER,)
VICTIMS: tuple[tuple[int | Name, ...], ...] = ((OTHER,), (HOME,), ("ship", OTHER), ("collect", HOME, OTHER))
_LOG = logging.getLogger(__name__)


class Cluster:
    """Two shards, and one host with collector and shipper."""

    def __init__(self, home: Path) -> None:
        self.shards = Shards(home)
        self.clinic = Clinic(home / "host", self.shards.settings.clickhouse)
        self.shards.give_passwords(self.clinic.settings)
        self.ledger = Ledger()

    def start(self) -> None:
        self.shards.start()
        migrate(self.shards.settings)

    @contextmanager
    def under_load(self) -> Iterator[Ledger]:
        """Run collector and shipper, with visitors until the end of the block."""
        self.clinic.start("collect")
        self.clinic.start("ship")
        with Load(self.clinic.settings.collector.port, self.ledger, threads=2):
            yield self.ledger

    def kill(self, victim: int | Name) -> None:
        if isinstance(victim, int):
            self.shards.servers[victim].kill()
        else:
            self.clinic.kill(victim)

    def revive(self, victim: int | Name) -> None:
        if isinstance(victim, int):
            self.shards.servers[victim].start()
        else:
            self.clinic.start(victim)

    def drain(self) -> float:
        """End the collector, wait until everything accepted is stored, and return how many seconds that took."""
        begun = monotonic()
        self.clinic.stop("collect")
        wait_until(self.clinic.spool_is_empty, f"the spool to drain, see {self.clinic.log}", seconds=120)
        took = monotonic() - begun
        self.clinic.stop("ship")
        return took

    def stored(self) -> tuple[Stored, list[int]]:
        """Return what the tables hold, and the number of events on each shard."""
        with working_as(self.shards.settings, "pixel_admin") as home:
            stored = Stored.in_clickhouse(home)
        own = of_each_shard(
            self.shards.settings,
            "pixel_admin",
            lambda shard: int(shard.query("SELECT count() FROM pixel.events_local").result_rows[0][0]),
        )
        return stored, own

    def close(self) -> None:
        self.clinic.close()
        self.shards.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("killed"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def check(cluster: Cluster, facts: str) -> None:
    """Assert that each acknowledged hit of all tests so far is stored once, and that the counts agree."""
    stored, own = cluster.stored()
    facts = (
        f"{facts}: {len(cluster.ledger.sent)} sent, {len(cluster.ledger.acknowledged)} acknowledged, {len(stored.nonces)} stored,"
        f" {own[HOME]} + {own[OTHER]} on the shards"
    )
    _LOG.info(facts)
    assert audit(cluster.ledger, stored) == KEPT, facts
    assert sum(own) == stored.nonces.total(), facts


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_however_often_a_shard_is_killed(cluster: Cluster) -> None:
    seed = random.randrange(2**32)
    choice = random.Random(seed)
    with cluster.under_load() as ledger:
        for victims in itertools.islice(itertools.cycle(VICTIMS), ROUNDS):
            before = len(ledger.acknowledged)
            wait_until(lambda before=before: len(ledger.acknowledged) > before + choice.randrange(50, 300), "hits")
            if victims[0] != "collect":
                wait_until(cluster.clinic.inserting, "an insert under way")
            for victim in victims:
                cluster.kill(victim)
            for victim in reversed(victims):
                cluster.revive(victim)
    took = cluster.drain()
    check(cluster, f"seed {seed}, {ROUNDS} rounds, drained in {took:.1f} s")


@pytest.mark.slow
@pytest.mark.parametrize("away", AWAY)
def test_while_a_shard_is_away_hits_are_accepted_and_afterwards_each_is_stored_once(
    cluster: Cluster, away: int
) -> None:
    with cluster.under_load() as ledger:
        wait_until(lambda: len(ledger.acknowledged) > 200, "hits")
        cluster.kill(away)
        before = len(ledger.acknowledged)
        sleep(AWAY_SECONDS)  # the length of the outage is the point
        assert len(ledger.acknowledged) > before + 100, "the collector goes on"
        back = monotonic()
        cluster.revive(away)
    cluster.drain()
    check(cluster, f"shard {away + 1} away for {AWAY_SECONDS:.0f} s, recovered in {monotonic() - back:.1f} s")
