"""`doctor --cluster` over two real shards: all well, and each fault named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.cluster_check.check import LAG_SECONDS, Replica, examine, of_replicas
from pipeline.database.client import working_as
from pipeline.database.cluster import shards
from pipeline.settings.model import Settings
from support.command import command, free_port
from support.shards import Shards


def problems(settings: Settings) -> list[str]:
    return [text for state, text in examine(settings) if state == "problem"]


def with_shards(settings: Settings, *urls: str) -> Settings:
    section = settings.clickhouse.model_copy(update={"shards": urls})
    return settings.model_copy(update={"clickhouse": section})


@contextmanager
def changed(settings: Settings, shard: int, text: str, back: str) -> Iterator[None]:
    """Change a table of one shard, as its migrator, until the end of the block."""
    with working_as(shards(settings)[shard], "pixel_migrator") as migrator:
        migrator.command(text)
        try:
            yield
        finally:
            migrator.command(back)


def test_of_two_migrated_shards_all_is_well(two_shards: Shards) -> None:
    found = list(examine(two_shards.settings))
    assert {state for state, _ in found} == {"ok"}
    texts = [text for _, text in found]
    assert [text.split(":")[0] for text in texts if " answers at " in text] == ["shard 1", "shard 2"]
    assert "the first shard reaches the others as pixel_viewer" in texts
    assert "every shard has the same tables and columns" in texts


def test_one_server_is_no_cluster(tmp_path: Path) -> None:
    assert problems(Settings(data=tmp_path)) == ["`clickhouse.cluster` is not set: there is one server"]


def test_a_shard_that_is_away_is_named_and_the_other_is_examined(two_shards: Shards) -> None:
    settings = two_shards.settings
    gone = f"http://127.0.0.1:{free_port()}"
    found = list(examine(with_shards(settings, settings.clickhouse.shards[0], gone)))
    assert [text for state, text in found if state == "problem"] == [
        f"shard 2: {gone} does not answer; delivery waits for it, events stay in the spool, and reports of rows fail until it answers"
    ]
    assert any(text.startswith("shard 1: version ") for _, text in found)


def test_a_shard_that_the_settings_do_not_name_is_told(two_shards: Shards) -> None:
    alone = with_shards(two_shards.settings, two_shards.settings.clickhouse.shards[0])
    (told,) = problems(alone)
    assert "has 2 shard(s) in its `remote_servers`, and `clickhouse.shards` has 1" in told


def test_a_column_that_one_shard_lacks_is_told_with_its_table(two_shards: Shards) -> None:
    settings, table = two_shards.settings, "ALTER TABLE pixel.rejects_local"
    with changed(settings, 1, f"{table} ADD COLUMN extra UInt8", f"{table} DROP COLUMN extra"):
        assert problems(settings) == [
            "shard 2: pixel.rejects_local has other columns than on the first shard (extra); run `clinic-pixel migrate`"
        ]


def test_a_table_that_one_shard_lacks_is_told(two_shards: Shards) -> None:
    to, back = ("RENAME TABLE pixel.held_local TO pixel.away", "RENAME TABLE pixel.away TO pixel.held_local")
    with changed(two_shards.settings, 1, to, back):
        assert "shard 2: table pixel.held_local is missing; run `clinic-pixel migrate`" in problems(two_shards.settings)


def test_the_command_prints_the_findings_and_fails_when_one_is_a_problem(tmp_path: Path) -> None:
    done = command(tmp_path / "var", "doctor", "--cluster", "--format", "json")
    assert done.returncode == 1
    assert [(each["check"], each["state"]) for each in json.loads(done.stdout)] == [("cluster", "problem")]


EVENTS = Replica("events_local", "one", is_read_only=False, delay=0, queue=0, is_active={"one": 1, "two": 1})
"""A row of system.replicas as a server with Keeper and a second replica gives it; here no such server can run."""


@pytest.mark.parametrize(
    ("replica", "told"),
    [
        (EVENTS, "shard 1: 1 replicated tables, all replicas there"),
        (EVENTS._replace(is_read_only=True), "shard 1: pixel.events_local is read-only on one"),
        (
            EVENTS._replace(delay=LAG_SECONDS + 1, queue=7),
            "shard 1: one is 301 s behind in pixel.events_local, 7 entries",
        ),
        (EVENTS._replace(is_active={"one": 1, "two": 0}), "shard 1: replica two is away (1 tables)"),
    ],
    ids=["well", "read-only", "behind", "away"],
)
def test_what_a_replica_says_of_itself_is_told(replica: Replica, told: str) -> None:
    (found,) = of_replicas([replica], 1, ["events_local", "fraud_hits"])
    assert found[1].startswith(told)
    assert (found[0] == "ok") == (replica == EVENTS)


def test_a_table_that_should_be_replicated_and_is_not_is_told() -> None:
    (found,) = of_replicas([EVENTS], 2, ["events_local", "held_local"])
    assert found == ("problem", "shard 2: pixel.held_local is not replicated, though `clickhouse.replicated` is set")
