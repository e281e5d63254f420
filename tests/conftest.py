"""Fixtures that several test modules share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from support.server import Rows, Server
from support.system import QUIET_SITE, TWICE_SITE, System

# A loaded machine is no failure of the code; what must be fast is measured by `make bench`.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One embedded ClickHouse for the whole run, migrated; not to be killed."""
    server = Server(tmp_path_factory.mktemp("clickhouse")).start()
    try:
        migrate(server.settings)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def clickhouse(clickhouse_server: Server) -> Settings:
    """Settings of the shared server; rows of other tests may be there, see `tables`."""
    return clickhouse_server.settings


@pytest.fixture
def tables(clickhouse: Settings) -> Iterator[Rows]:
    """The shared server with every table empty and without files about networks."""
    rows = Rows(clickhouse)
    rows.clear()
    shutil.rmtree(clickhouse.networks_dir, ignore_errors=True)
    yield rows
    rows.close()


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, not started: it may be killed and started again."""
    server = Server(tmp_path / "var")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole product, running; tests tell their events apart by nonce and must not stop it."""
    clinic = DEMO_SITE.model_dump(mode="json", exclude_defaults=True)
    others = [{"id": name, "hosts": [f"{name}.example"]} for name in (QUIET_SITE, TWICE_SITE)]
    running = System(tmp_path_factory.mktemp("system"), sites=[clinic, *others])
    try:
        yield running.start()
    finally:
        running.stop()
