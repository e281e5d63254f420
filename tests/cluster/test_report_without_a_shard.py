"""A report while a shard is away: an error that says why, and never the numbers of the shards that are left."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.client import User, connect, working_as
from pipeline.errors import Retryable
from pipeline.operations.migrate import migrate
from support.shards import Shards

VIEW = "CREATE VIEW privacy.counted DEFINER = pixel_viewer SQL SECURITY DEFINER AS SELECT count() AS rows FROM pixel.events"
QUERIES: dict[User, str] = {
    "privacy": "SELECT rows FROM privacy.counted",
    "pixel_admin": "SELECT count() FROM pixel.events",
    "pixel_writer": "SELECT count(site) FROM pixel.events",
}


def test_without_a_shard_a_report_fails_with_the_reason_and_no_reader_can_skip_it(tmp_path: Path) -> None:
    cluster = Shards(tmp_path).start()
    try:
        migrate(cluster.settings)
        with working_as(cluster.settings, "pixel_migrator") as migrator:
            migrator.command(VIEW)
        for user, query in QUERIES.items():
            with working_as(cluster.settings, user) as reader:
                assert reader.query(query).result_rows == [(0,)]
        cluster.servers[1].stop()
        for user, query in QUERIES.items():
            with (
                pytest.raises(
                    Retryable, match="another server of the cluster is away; `clinic-pixel doctor --cluster`"
                ),
                working_as(cluster.settings, user) as reader,
            ):
                reader.query(query)
        skipping = connect(cluster.settings, "privacy")
        with pytest.raises(DatabaseError, match="READONLY"):
            skipping.query(f"{QUERIES['privacy']} SETTINGS skip_unavailable_shards = 1")
        skipping.close()
    finally:
        cluster.stop()
