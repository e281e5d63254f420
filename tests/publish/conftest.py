"""A server for the tests of published numbers: its sites are in several time zones, its rows never end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.operations.migrate import migrate
from pipeline.settings.sections import Retention
from pipeline.settings.site import Site
from support.publishing import SAME_ZONE, SITE, ZONES, Desk
from support.server import Rows, Server

SITES = tuple(
    Site(id=name, hosts=(f"{name}.example",), timezone=zone) for name, zone in {**ZONES, SAME_ZONE: ZONES[SITE]}.items()
)


@pytest.fixture(scope="package")
def publishing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One embedded ClickHouse for these tests, migrated; not to be killed."""
    server = Server(tmp_path_factory.mktemp("publishing"))
    # The change of a clock may be months ago.
    longest = {"sites": SITES, "retention": Retention(rows_days=800)}
    server.settings = server.settings.model_copy(update=longest)
    try:
        server.start()
        migrate(server.settings)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="package")
def opened(publishing: Server) -> Iterator[Desk]:
    """The connections of these tests."""
    rows = Rows(publishing.settings)
    made = Desk(rows)
    yield made
    made.close()
    rows.close()


@pytest.fixture
def desk(opened: Desk) -> Desk:
    """The server with its tables empty and no known page, and a reader."""
    opened.clear()
    return opened
