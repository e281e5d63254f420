"""kill -9 over two shards, collector and shipper under load, and a shard that stays away: exact accounting by nonce."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

from pipeline.database.client import of_each_shard, working_as
from pipeline.operations.migrate import migrate
from support.auditor import Stored
from support.clinic import Clinic, Load, Name
from support.ledger import Ledger
from support.rounds import LONG, PATIENCE, Rounds, recovery
from support.shards import Shards
from support.waiting import wait_until

pytestmark = pytest.mark.slow

HOME, OTHER = 0, 1
AWAY_SECONDS = 60.0 if LONG else 5.0
VICTIMS: tuple[tuple[int | Name, ...], ...] = (("ship", OTHER), ("collect", HOME, OTHER), (OTHER,), (HOME,))


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

    def drain(self) -> None:
        """End the collector, wait until everything accepted is stored, and end the shipper."""
        self.clinic.stop("collect")
        wait_until(self.clinic.spool_is_empty, f"the spool to drain, see {self.clinic.log}", seconds=PATIENCE)
        self.clinic.stop("ship")

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


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def test_nothing_acknowledged_is_lost_or_doubled_however_often_a_shard_is_killed(
    cluster: Cluster, rounds: Rounds
) -> None:
    fault, number = "kill -9 of shards, ship and collector", rounds.number(quick=2, long=40)
    seconds = 0.0
    with cluster.under_load() as ledger:
        for victims in rounds.each(fault, itertools.islice(itertools.cycle(VICTIMS), number)):
            before = len(ledger.acknowledged)
            wanted = before + rounds.random.randrange(50, 300)
            wait_until(lambda wanted=wanted: len(ledger.acknowledged) > wanted, "hits", seconds=PATIENCE)
            if victims[0] != "collect":
                wait_until(cluster.clinic.inserting, "an insert under way", seconds=PATIENCE)
            for victim in victims:
                cluster.kill(victim)
            with recovery() as watch:
                for victim in reversed(victims):
                    cluster.revive(victim)
            seconds = max(seconds, watch.seconds)
        wait_until(lambda: all(cluster.stored()[1]), "rows on each shard", seconds=PATIENCE, pause=0.5)
    cluster.drain()
    stored, own = cluster.stored()
    rounds.book(fault, ledger, stored, rounds=number, seconds=seconds)
    assert sum(own) == stored.nonces.total()


@pytest.mark.parametrize("away", [OTHER, pytest.param(HOME, marks=pytest.mark.skipif(not LONG, reason="FAULTS=long"))])
def test_while_a_shard_is_away_hits_are_accepted_and_afterwards_each_is_stored_once(
    cluster: Cluster, away: int, rounds: Rounds
) -> None:
    with cluster.under_load() as ledger:
        wait_until(lambda: len(ledger.acknowledged) > 200, "hits", seconds=PATIENCE)
        cluster.kill(away)
        before = len(ledger.acknowledged)
        sleep(AWAY_SECONDS)  # the length of the outage is the point
        assert len(ledger.acknowledged) > before, "the collector goes on"
        cluster.revive(away)
    with recovery() as watch:
        cluster.drain()
    stored, own = cluster.stored()
    rounds.book(f"a shard is away for {AWAY_SECONDS:.0f} seconds", ledger, stored, seconds=watch.seconds)
    assert sum(own) == stored.nonces.total()
