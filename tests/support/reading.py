"""The place, the person and the views of the tests in which clients of other people's tools ask."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.settings.model import Settings


@dataclass(frozen=True)
class Door:
    """The place and the person of a connection."""

    settings: Settings
    user: str
    password: str

    @property
    def http(self) -> int:
        """The HTTP port on 127.0.0.1."""
        return self.settings.clickhouse.port

    @property
    def native(self) -> int:
        """The native port on 127.0.0.1."""
        return self.settings.clickhouse.tcp_port


@dataclass(frozen=True)
class View:
    """A view as it is asked: its name, with parameters if it needs some, column -> comment, (browser, visitors)."""

    name: str
    comments: dict[str, str]
    rows: list[tuple[str, int]]

    @property
    def question(self) -> str:
        """The query that gives `rows`."""
        return f"SELECT browser, visitors FROM {self.name} ORDER BY visitors"
