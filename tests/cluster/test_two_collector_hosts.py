"""Two collector hosts, each with its own spool and shipper, that store into two shards over a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.database.client import working_as
from pipeline.operations.migrate import migrate
from pipeline.settings.sections import ClickHouse
from support.auditor import KEPT, Stored, audit
from support.clinic import Clinic, Load
from support.ledger import Ledger
from support.namespaces import Host, cut, hosts, why_not
from support.shards import Shards
from support.waiting import wait_until

SECOND_NONCES = 1_000_000


class Network(NamedTuple):
    """Two shards on this machine, and two hosts beside it, each with a clinic."""

    shards: Shards
    hosts: list[Host]
    clinics: list[Clinic]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    if reason := why_not():
        pytest.skip(reason)
    cluster = Shards(tmp_path, anywhere=True)
    with hosts(2) as made:
        clinics = []
        for host in made:
            urls = tuple(f"http://{host.gateway}:{server.settings.clickhouse.port}" for server in cluster.servers)
            section = ClickHouse(url=urls[0], cluster=cluster.settings.clickhouse.cluster, shards=urls)
            clinics.append(Clinic(tmp_path / host.name, section, host=host.address, before=host.before))
            cluster.give_passwords(clinics[-1].settings)
        try:
            cluster.start()
            migrate(cluster.settings)
            for clinic in clinics:
                clinic.start("collect")
                clinic.start("ship")
            yield Network(cluster, made, clinics)
        finally:
            for clinic in clinics:
                clinic.close()
            cluster.stop()


@pytest.mark.slow
def test_the_hits_of_two_hosts_are_each_stored_once_though_a_host_is_cut_off_and_a_shard_is_killed(
    network: Network,
) -> None:
    ledgers = [Ledger(first) for first in (1, SECOND_NONCES)]
    with ExitStack() as visits:
        for clinic, host, ledger in zip(network.clinics, network.hosts, ledgers, strict=True):
            visits.enter_context(Load(clinic.settings.collector.port, ledger, threads=1, host=host.address))
        wait_until(lambda: all(len(ledger.acknowledged) > 50 for ledger in ledgers), "hits of both hosts", seconds=60)
        network.shards.servers[1].kill()
        cut(network.hosts[1])
        before = len(ledgers[0].acknowledged)
        wait_until(lambda: len(ledgers[0].acknowledged) > before + 50, "hits of the first host", seconds=60)
        network.shards.servers[1].start()
        cut(network.hosts[1], joined=True)
        before = len(ledgers[1].acknowledged)
        wait_until(lambda: len(ledgers[1].acknowledged) > before + 50, "hits of the second host", seconds=60)
    for clinic in network.clinics:
        clinic.stop("collect")
        wait_until(clinic.spool_is_empty, f"the spool to drain, see {clinic.log}", seconds=120)
        clinic.stop("ship")
    with working_as(network.shards.settings, "pixel_admin") as home:
        stored = Stored.in_clickhouse(home)
    both = ledgers[0].filled(ledgers[1].acknowledged, ledgers[1].sent)
    both.refuse(*ledgers[1].refused)
    assert audit(both, stored) == KEPT
    assert min(stored.nonces) < SECOND_NONCES <= max(stored.nonces), "both hosts have rows"
