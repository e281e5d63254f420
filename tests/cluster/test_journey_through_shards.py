"""Requests on their way through the whole product to rows on two shards and to one number of a report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.database.client import of_each_shard
from pipeline.settings.site import DEMO_SITE
from support.publishing import publish_exactly
from support.shards import Shards
from support.system import System
from support.waiting import wait_until

VISITORS = 12


@pytest.fixture
def system(two_shards: Shards) -> Iterator[System]:
    section = two_shards.settings.clickhouse
    system = System(
        two_shards.settings.data.parent / "journey",
        sites=[DEMO_SITE.model_dump(mode="json", exclude_defaults=True)],
        clickhouse={"url": section.url, "cluster": section.cluster, "shards": list(section.shards)},
    )
    two_shards.give_passwords(system.settings)
    try:
        yield system.start()
    finally:
        system.stop()


def on_each(system: System, nonces: range) -> list[int]:
    query = f"SELECT count() FROM pixel.events_local WHERE nonce >= {nonces.start} AND nonce < {nonces.stop}"
    return of_each_shard(system.settings, "pixel_admin", lambda shard: int(shard.query(query).result_rows[0][0]))


def test_hits_are_stored_on_both_shards_and_are_one_number_of_a_report(system: System) -> None:
    nonces = system.nonces(10_000)
    sent = 0

    def spread() -> bool:
        """Send hits of some visitors in turn, a second apart, so that each is a batch: its id chooses the shard."""
        nonlocal sent
        address = f"203.0.113.{sent % VISITORS + 1}"
        assert system.pixel(u="https://clinic.example/contacts/", n=str(nonces[sent]), address=address).status == 200
        sent += 1
        return sent >= VISITORS and min(on_each(system, nonces)) > 0

    wait_until(spread, "rows on both shards", seconds=120, pause=0.5)
    wait_until(lambda: sum(on_each(system, nonces)) == sent, "every hit to be stored once", seconds=60)
    assert system.stored(nonces) == sent
    publish_exactly(system.settings, datetime.now(UTC) + timedelta(days=1))
    report = system.run("report", "technical/browsers", "--format", "csv")
    (shown,) = csv.DictReader(io.StringIO(report.stdout))
    assert (shown["browser"], shown["visitors"]) == ("Chrome", str(VISITORS))
