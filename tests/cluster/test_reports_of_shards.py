"""Two shards answer every report as the single server does, although the events of each visitor are on both."""

from __future__ import annotations

import pytest

from pipeline.database.client import of_each_shard
from pipeline.settings.model import Settings
from support import golden
from support.shards import Shards


@pytest.fixture(scope="module")
def days(two_shards: Shards) -> Settings:
    """The settings of the cluster with the fixed days, published."""
    golden.store_days(two_shards.settings)
    return two_shards.settings


def test_both_shards_have_rows_of_each_table(days: Settings) -> None:
    for table in ("events", "technical"):
        query = f"SELECT count() FROM pixel.{table}_local"
        counts = of_each_shard(days, "pixel_admin", lambda shard, query=query: shard.query(query).result_rows[0][0])
        assert len(counts) == 2
        assert min(counts) > 0


def test_every_report_of_two_shards_is_the_golden_table_of_one_server(days: Settings) -> None:
    changed = [text for report in golden.ALL if (text := golden.difference(report, days))]
    assert not changed, "\n\n".join(changed)
