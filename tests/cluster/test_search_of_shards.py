"""`verify-privacy` on a cluster: an identifier in a row of any shard is found, and no row is searched twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from pipeline.database.client import working_as
from pipeline.database.cluster import shards
from pipeline.privacy_check.byte_search import Search
from pipeline.privacy_check.canaries import Canary
from pipeline.privacy_check.places import Searching, search_tables
from support.server import Rows
from support.shards import Shards

CANARY = Canary("name", "page", "quetzalcoatlus", ("quetzalcoatlus",))


@pytest.mark.parametrize("place", [0, 1], ids=["home", "other shard"])
def test_an_identifier_in_a_row_of_any_shard_is_found_there_and_under_no_other_name(
    place: int, two_shards: Shards
) -> None:
    since_ns = time.time_ns()
    with working_as(shards(two_shards.settings)[place], "pixel_writer") as writer:
        writer.insert(
            "events_local",
            [[datetime.now(UTC), f"/{CANARY.text}"]],
            column_names=["received_at", "page"],
            column_type_names=["DateTime64(3, 'UTC')", "String"],
            database="pixel",
        )
    searching = Searching(Search([CANARY]))
    search_tables(searching, two_shards.settings, since_ns=since_ns)
    rows = Rows(two_shards.settings)
    rows.clear("events")
    rows.close()
    assert {leak.where for leak in searching.proof().leaks} == {"pixel.events_local.page"}
