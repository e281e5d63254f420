"""The dashboards over the shared database with keys, audit, requests and spool of one test alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pipeline.headers import cookies
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.keys.tokens import cookie_visitor
from pipeline.settings.model import Settings
from pipeline.subjects import request_code
from support.dashboards import Pages, serving
from support.server import Rows

COLUMNS = "event_id, received_at, epoch, site, visitor, visitor_kind, ip_token, page"


def own_data(settings: Settings, data: Path, **changed: Any) -> Settings:
    """Return settings with a data directory of their own, which has the passwords of the shared database."""
    here = settings.model_copy(update={"data": data, **changed})
    data.mkdir(parents=True)
    here.secrets_dir.symlink_to(settings.secrets_dir)
    return here


@contextmanager
def office(settings: Settings, data: Path, **changed: Any) -> Iterator[Pages]:
    """Serve the dashboards with a data directory of their own."""
    with serving(own_data(settings, data, **changed)) as pages:
        yield pages


class Person:
    """Somebody with an id cookie, and their rows."""

    def __init__(self, settings: Settings) -> None:
        self.now = datetime.now(UTC)
        self.keys = KeyDirectory.of(settings)
        Keyring(self.keys, may_mint=True).day(self.now.date(), today=self.now.date())
        Keyring(self.keys, may_mint=True).visitor_key(self.now.date(), today=self.now.date())
        known = cookies.parse_id(
            cookies.new_id(os.urandom(16), now_s=int(self.now.timestamp())), now_s=int(self.now.timestamp())
        )
        assert known is not None
        self.cookie = known
        self.visitor = cookie_visitor(self.keys.year_key(self.now.year) or b"", known.secret)

    def code(self) -> str:
        """Return the code that /privacy shows them."""
        return request_code.make(self.cookie, self.keys.year_key, now=datetime.now(UTC))

    def visits(self, rows: Rows, *pages: str) -> None:
        """Store a page view of each page, of today."""
        put(rows, self.now.date(), self.visitor, *pages)


def put(rows: Rows, day: date, visitor: int, *pages: str, address: str = "::7") -> None:
    """Store events of a day."""
    values = [
        f"('{uuid4()}', '{day} 00:00:01', '{day}', 'clinic', {visitor}, 'cookie', '{address}', '{page}')"
        for page in pages
    ]
    rows.writer.command(f"INSERT INTO pixel.events ({COLUMNS}) VALUES {', '.join(values)}")
