"""Ways around a reader's grant on a cluster: tried on the home and on another shard; ClickHouse itself refuses each one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import User, connect, working_as
from pipeline.database.cluster import shards
from pipeline.settings.model import Settings
from support import clinic_day
from support.publishing import views
from support.server import Rows
from support.shards import Shards

HIDDEN, SHOWN = 77, 78
DENIED: Final = r"ACCESS_DENIED|UNKNOWN_TABLE"  # another shard has no name over all
ATTEMPTS: Final = {
    "the names over all shards": "SELECT count() FROM pixel.events",
    "the rows of a shard": "SELECT count() FROM pixel.events_local",
    "the copies": "SELECT count() FROM pixel.held_local",
    "cluster()": "SELECT count() FROM cluster('clinics', 'pixel', 'events_local')",
    "clusterAllReplicas()": "SELECT count() FROM clusterAllReplicas('clinics', 'pixel', 'events_local')",
    "remote()": "SELECT count() FROM remote('127.0.0.1', 'pixel', 'events_local')",
    "the servers": "SELECT * FROM system.clusters",
    "the replicas": "SELECT * FROM system.replicas",
}
_VIEW = (
    "CREATE OR REPLACE VIEW privacy.chosen DEFINER = pixel_viewer SQL SECURITY DEFINER AS"
    f" SELECT visitor, ip_token FROM pixel.events WHERE visitor = {SHOWN}"
)


@pytest.fixture
def filled(two_shards: Shards) -> Iterator[Settings]:
    """The cluster with rows of two visitors on both shards, and a view that leaves one of them out."""
    rows = Rows(two_shards.settings)
    rows.clear()
    for visitor in (HIDDEN, SHOWN):
        clinic_day.store(two_shards.settings, views(visitor, 1) * 4)
    with working_as(two_shards.settings, "pixel_migrator") as migrator:
        migrator.command(_VIEW)
    yield two_shards.settings
    with working_as(two_shards.settings, "pixel_migrator") as migrator:
        migrator.command("DROP VIEW privacy.chosen")
    rows.clear()
    rows.close()


@pytest.mark.parametrize("query", ATTEMPTS.values(), ids=ATTEMPTS)
@pytest.mark.parametrize("user", ["ops", "security", "privacy"])
@pytest.mark.parametrize("place", [0, 1], ids=["home", "other shard"])
def test_no_reader_reads_a_row_or_the_servers(place: int, user: User, query: str, two_shards: Shards) -> None:
    reader = connect(shards(two_shards.settings)[place], user)
    with pytest.raises(DatabaseError, match=DENIED):
        reader.query(query)
    reader.close()


def test_a_condition_of_a_reader_is_not_tried_on_rows_that_a_view_leaves_out(filled: Settings) -> None:
    with working_as(filled, "privacy") as reader:
        query = f"SELECT count() FROM privacy.chosen WHERE NOT throwIf(visitor = {HIDDEN})"
        assert reader.query(query).result_rows == [(4,)]
        with pytest.raises(DatabaseError, match="FUNCTION_THROW_IF"):
            reader.query(query.replace(str(HIDDEN), str(SHOWN)))


def test_a_readers_limit_of_rows_is_for_the_answer_and_not_for_what_a_shard_sends(filled: Settings) -> None:
    with working_as(filled, "privacy") as reader:
        limited = "SELECT count() FROM privacy.chosen SETTINGS max_result_rows = 1"
        assert reader.query(limited).result_rows == [(4,)]
        with pytest.raises(DatabaseError, match="TOO_MANY_ROWS"):
            reader.query("SELECT * FROM privacy.chosen SETTINGS max_result_rows = 1, result_overflow_mode = 'throw'")


@pytest.mark.parametrize("setting", ["allow_push_predicate_ast_for_distributed_subqueries", "serialize_query_plan"])
def test_a_reader_cannot_switch_the_pushing_of_conditions_on(setting: str, filled: Settings) -> None:
    reader = connect(filled, "privacy")
    with pytest.raises(DatabaseError, match=r"READONLY|SETTING_CONSTRAINT_VIOLATION"):
        reader.query(f"SELECT count() FROM privacy.chosen SETTINGS {setting} = 1")
    reader.close()
