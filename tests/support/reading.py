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
    """A view of browsers as it is asked: its name, with parameters if it needs some, column -> comment, and the answer."""

    name: str
    comments: dict[str, str]
    rows: list[tuple[object, ...]]

    @property
    def question(self) -> str:
        """The query that gives `rows`; a row of too few visitors has no number."""
        return f"SELECT browser, major, visitors FROM {self.name} ORDER BY visitors, browser"
