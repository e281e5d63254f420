"""The embedded ClickHouse is a real server: it starts, refuses a second owner, survives a kill."""

from __future__ import annotations

from pipeline.clickhouse import connect
from pipeline.settings import Settings


def test_the_embedded_server_answers_the_ordinary_client(clickhouse: Settings) -> None:
    client = connect(clickhouse, "pixel_admin")
    assert client.query("SELECT count() FROM pixel.events").result_rows[0][0] >= 0
    assert str(client.server_version).startswith("26.9.")
    client.close()
