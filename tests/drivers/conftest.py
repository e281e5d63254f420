"""A server of its own with the native port open, and published numbers of a made-up day in the views of the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.database.access import read_passwords
from pipeline.database.client import connect
from pipeline.operations.migrate import migrate
from pipeline.publish.publisher import Publisher
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support import clinic_day
from support.command import free_port
from support.reading import Door, View
from support.server import Server

NOON = clinic_day.SINCE + timedelta(hours=12)
# A zone other than UTC shows whether a client gets the times of a column right.
CLINIC = Site(id=clinic_day.SITE, hosts=("clinic.example",), timezone="Europe/Moscow")


@pytest.fixture(scope="session")
def native_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of an embedded ClickHouse with the native port open and the numbers of `clinic_day` published."""
    server = Server(tmp_path_factory.mktemp("drivers"), tcp_port=free_port())
    settings = server.settings = server.settings.model_copy(update={"sites": (CLINIC,)})
    server.start()
    try:
        migrate(settings)
        # So many people that the row of the dropped cells appears with any noise.
        rare = [
            clinic_day.row(NOON, visitor=9_000_000 + each, visitor_kind="cookie", browser=f"Rare {each}")
            for each in range(12)
        ]
        clinic_day.store(settings, [*clinic_day.rows(), *rare])
        until = clinic_day.UNTIL  # then the day of the clinic, which began at 21:00 UTC, is over
        assert Publisher(settings).run(until, until, wait=False)
        yield settings
    finally:
        server.stop()


@pytest.fixture(scope="session")
def door(native_server: Settings) -> Door:
    """The door of an engineer of `ops`."""
    return Door(native_server, "ops", read_passwords(native_server)["ops"])


@pytest.fixture(scope="session")
def plain_view(native_server: Settings) -> View:
    """The browsers of seven days: asked without parameters, its columns are declared."""
    return _read(native_server, "technical.browsers_7d")


@pytest.fixture(scope="session")
def asked_view(native_server: Settings) -> View:
    """The browsers of the day, with the values of the question in its name."""
    since, until = (f"{time:%Y-%m-%d %H:%M:%S}" for time in (clinic_day.SINCE, clinic_day.UNTIL))
    return _read(native_server, f"technical.browsers(site='{CLINIC.id}', since='{since}', until='{until}')")


def _read(settings: Settings, name: str) -> View:
    """Return the view as our own client reads it."""
    client = connect(settings, "ops")
    table = name.partition("(")[0].partition(".")[2]
    comments = client.query(
        "SELECT name, comment FROM system.columns WHERE database = 'technical' AND table = {table:String}",
        parameters={"table": table},
    ).result_rows
    rows = client.query(View(name, {}, []).question).result_rows
    client.close()
    assert len(rows) > 1
    return View(name, dict(comments), [tuple(row) for row in rows])
