"""Two shards that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.operations.migrate import migrate
from support.shards import Shards


@pytest.fixture(scope="session")
def two_shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    """Two embedded servers as one cluster, migrated; not to be killed."""
    shards = Shards(tmp_path_factory.mktemp("cluster")).start()
    try:
        migrate(shards.settings)
        yield shards
    finally:
        shards.stop()
