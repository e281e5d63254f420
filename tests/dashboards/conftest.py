"""The dashboards over the shared database, with people of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboards.access.store import access_file
from pipeline.settings.model import Settings
from support.dashboards import Pages, serving


@pytest.fixture
def pages(clickhouse: Settings) -> Iterator[Pages]:
    """The dashboards; nobody may sign in yet."""
    access_file(clickhouse).unlink(missing_ok=True)
    with serving(clickhouse) as served:
        yield served
