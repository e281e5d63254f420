"""A migration that is killed after any of its statements: named by `doctor`, completed by the next one."""

from __future__ import annotations

from typing import Any

import pytest
from clickhouse_connect.driver import Client

from pipeline.database.client import connect
from pipeline.operations import database_checks, migrate
from pipeline.settings.model import Settings
from support.server import Server


class Killed(BaseException):
    """The end of the process, as far as the database can see it."""


class Mortal:
    """A client whose process is killed right after each statement that it has not run before."""

    def __init__(self, client: Client, ran: set[str]) -> None:
        self._client, self._ran = client, ran

    def command(self, text: str) -> Any:
        done = self._client.command(text)
        views = sum(" VIEW " in each for each in self._ran)  # each begins anew: one of the first stands for all
        kill = text not in self._ran and (" VIEW " not in text or views == 5)
        self._ran.add(text)
        if kill:
            raise Killed
        return done

    def close(self) -> None:
        """Stay open for the next round."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.slow
def test_a_migration_killed_after_any_statement_is_completed_by_the_next(
    restartable: Server, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = restartable.start().settings
    ran: set[str] = set()
    rounds, named = 0, set[str]()
    with monkeypatch.context() as patched, connect(settings, "pixel_migrator") as client:
        patched.setattr(migrate, "connect", lambda _settings, _user: Mortal(client, ran))
        while True:
            try:
                migrate.migrate(settings)
                break
            except Killed:
                rounds += 1
            if rounds % 15 == 10:
                named |= {
                    str(text) for _, text in database_checks.clickhouse(settings) if "not to the end" in str(text)
                }
    assert rounds > 50
    assert any("0007_fraud.sql" in text and "clinic-pixel migrate" in text for text in named)
    assert migrate.migrate(settings) == []
    with connect(settings, "pixel_migrator") as mine, connect(clickhouse, "pixel_migrator") as theirs:
        query = "SELECT database, name, create_table_query FROM system.tables WHERE database IN ('pixel', 'technical', 'rollup') ORDER BY ALL"
        assert mine.query(query).result_rows == theirs.query(query).result_rows
