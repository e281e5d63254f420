"""`migrate` makes the tables of each server of a cluster, and a second run finds nothing to do."""

from __future__ import annotations

from pipeline.database.client import working_as
from pipeline.database.cluster import AT_HOME, BLOCKS, EVERYWHERE, SHARDED, shards
from pipeline.operations.migrate import migrate, printed
from support.shards import Shards

_ENGINES = "SELECT name, engine FROM system.tables WHERE database = 'pixel'"
_VIEWS = "SELECT count() FROM system.tables WHERE database IN ('technical', 'fraud', 'privacy', 'rollup')"


def engines(shards_: Shards) -> list[dict[str, str]]:
    found = []
    for server in shards(shards_.settings):
        with working_as(server, "pixel_admin") as client:
            found.append(dict(client.query(_ENGINES).result_rows))
    return found


def test_the_home_has_every_table_and_another_shard_those_of_rows(two_shards: Shards) -> None:
    home, other = engines(two_shards)
    local = {f"{table}_local" for table in SHARDED}
    assert set(home) == {*local, *SHARDED, *AT_HOME, EVERYWHERE}
    assert set(other) == {*local, BLOCKS, EVERYWHERE}
    assert {home[table] for table in SHARDED} == {"Distributed"} == {other[BLOCKS]}
    assert {home[table] for table in local} == {"MergeTree"} == {other[table] for table in local}


def test_the_views_are_on_the_home_alone(two_shards: Shards) -> None:
    counts = []
    for server in shards(two_shards.settings):
        with working_as(server, "pixel_admin") as client:
            counts.append(client.query(_VIEWS).result_rows[0][0])
    assert counts[0] > 0
    assert counts[1] == 0


def test_a_second_run_finds_nothing_to_do(two_shards: Shards) -> None:
    migrate(two_shards.settings)  # another test may have left views of other settings
    assert migrate(two_shards.settings) == []


def test_the_printed_statements_name_the_server_that_they_are_for_the_home_last(two_shards: Shards) -> None:
    text = printed(two_shards.settings)
    urls = two_shards.settings.clickhouse.shards
    places = [text.index(f"-- on {url}\n") for url in urls]
    assert places[1] < places[0]
    assert "CREATE OR REPLACE VIEW" not in text[: places[0]]
    assert "ENGINE = Distributed('clinics_home', 'pixel', 'subject_blocks')" in text[: places[0]]
    assert "ENGINE = Distributed('clinics', 'pixel', 'events_local')" in text[places[0] :]
