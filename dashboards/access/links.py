"""One-time links with which a person chooses a name and password: the first administrator, and whom `user invite` invites.

Owns the table `links`. A link works once and for a day.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, cast

from dashboards.access.roles import Role
from dashboards.access.store import hashed, opened

LASTS: Final = 24 * 60 * 60
"""Seconds."""


class Invitation(NamedTuple):
    """For whom a link is; without a name the person chooses one."""

    name: str
    role: Role
    sites: tuple[str, ...] = ()


class Links:
    """The table of links; `now` gives seconds since 1970."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now = now

    def make(self, invitation: Invitation) -> str:
        """Return the token of a new link."""
        token = secrets.token_urlsafe(24)
        with opened(self._file) as access:
            access.execute("DELETE FROM links WHERE until < ?", (self._now(),))
            row = (hashed(token), invitation.name, invitation.role, " ".join(invitation.sites), self._now() + LASTS)
            access.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?)", row)
        return token

    def make_first(self) -> str:
        """Return the token of a link for an administrator, '' where somebody can sign in already; earlier first links end."""
        with opened(self._file) as access:
            if access.execute("SELECT count() FROM people").fetchone()[0]:
                return ""
            access.execute("DELETE FROM links WHERE name = ''")
        return self.make(Invitation("", "admin"))

    def find(self, token: str) -> Invitation | None:
        """Return for whom a link is that is in force."""
        with opened(self._file) as access:
            row = access.execute(
                "SELECT name, role, sites FROM links WHERE token = ? AND until >= ?", (hashed(token), self._now())
            ).fetchone()
        return Invitation(row[0], cast("Role", row[1]), tuple(row[2].split())) if row else None

    def use(self, token: str) -> bool:
        """Use a link up; return whether it was in force: of two at once one gets it."""
        with opened(self._file) as access:
            return (
                access.execute(
                    "DELETE FROM links WHERE token = ? AND until >= ?", (hashed(token), self._now())
                ).rowcount
                > 0
            )
