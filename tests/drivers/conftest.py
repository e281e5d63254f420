"""A server of its own with the native port open, and the views that every client is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.database.access import read_passwords
from pipeline.database.client import connect
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from support.command import free_port
from support.reading import Door, View
from support.server import Server

COLUMNS = {
    "site": ("LowCardinality(String)", "the site"),
    "browser": ("String", "browser family"),
    "visitors": ("UInt64", "distinct visitors"),
    "error_share": ("Nullable(Float64)", "errors among the page views, in percent"),
    "day": ("Date", "the day"),
    "hour": ("DateTime('Europe/Moscow')", "the hour"),
}
QUERY = """\
SELECT 'clinic' AS site, numbers.2 AS browser, numbers.1 AS visitors, if(visitors > 50, NULL, 2.5) AS error_share,
       toDate('2026-11-20') AS day, toDateTime('2026-11-20 10:00:00', 'Europe/Moscow') AS hour
FROM (SELECT arrayJoin([(toUInt64(40), 'Firefox'), (90, 'Chrome'), (45, 'Браузер')]) AS numbers)"""


@pytest.fixture(scope="session")
def native_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of an embedded ClickHouse with the native port open, migrated."""
    server = Server(tmp_path_factory.mktemp("drivers"), tcp_port=free_port()).start()
    try:
        migrate(server.settings)
        yield server.settings
    finally:
        server.stop()


@pytest.fixture(scope="session")
def door(native_server: Settings) -> Door:
    """The door of an engineer of `ops`."""
    return Door(native_server, "ops", read_passwords(native_server)["ops"])


@pytest.fixture(scope="session")
def plain_view(native_server: Settings) -> View:
    """A view that is asked without parameters, with an explicit list of columns and their comments."""
    columns = ", ".join(f"{name} {kind} COMMENT '{comment}'" for name, (kind, comment) in COLUMNS.items())
    _make(native_server, f"technical.drivers_7d ({columns})", QUERY)
    return _read(native_server, "technical.drivers_7d")


@pytest.fixture(scope="session")
def asked_view(native_server: Settings) -> View:
    """A view that is asked with parameters, with the values of the question in its name."""
    _make(
        native_server,
        "technical.drivers",
        f"SELECT * FROM ({QUERY}) WHERE site = {{site:String}} AND hour >= {{since:DateTime64(3, 'UTC')}}",
    )
    return _read(native_server, "technical.drivers(site='clinic', since='2026-11-20 00:00:00')")


def _make(settings: Settings, view: str, query: str) -> None:
    migrator = connect(settings, "pixel_migrator")
    migrator.command(f"CREATE OR REPLACE VIEW {view} DEFINER = pixel_viewer SQL SECURITY DEFINER AS {query}")
    migrator.close()


def _read(settings: Settings, name: str) -> View:
    """Return the view as our own client reads it."""
    client = connect(settings, "ops")
    table = name.partition("(")[0].partition(".")[2]
    comments = client.query(
        "SELECT name, comment FROM system.columns WHERE database = 'technical' AND table = {table:String}",
        parameters={"table": table},
    ).result_rows
    asked = View(name, dict(comments), [])
    rows = client.query(asked.question).result_rows
    client.close()
    assert rows
    return replace(asked, rows=[tuple(row) for row in rows])
