"""One-time links with which a person chooses a name and password: the first administrator, and whom `user invite` invites.

Owns the table `links`. A link works once and for a day, the newest of a name alone; that of the first administrator only while nobody may sign
in, because it may stand in a log.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, cast

from dashboards.access.roles import Role
from dashboards.access.store import hashed, opened, reading

LASTS: Final = 24 * 60 * 60
AHEAD: Final = 60
"""Seconds, the second by which a clock may be put back without ending links."""
_FIND: Final = (
    "SELECT name, role, sites FROM links WHERE token = ? AND until BETWEEN ? AND ?"
    " AND (name != '' OR NOT EXISTS (SELECT 1 FROM people))"
)
_USE: Final = (
    "DELETE FROM links WHERE token = ? AND until BETWEEN ? AND ? AND (name != '' OR NOT EXISTS (SELECT 1 FROM people))"
)


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
        """Return the token of a new link; earlier ones of the name end."""
        token = secrets.token_urlsafe(24)
        with opened(self._file) as access:
            access.execute("DELETE FROM links WHERE until < ? OR name = ?", (self._now(), invitation.name))
            row = (hashed(token), invitation.name, invitation.role, " ".join(invitation.sites), self._now() + LASTS)
            access.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?)", row)
        return token

    def make_first(self) -> str:
        """Return the token of a link for an administrator, '' where somebody can sign in already."""
        with reading(self._file) as access:
            if access.execute("SELECT count() FROM people").fetchone()[0]:
                return ""
        return self.make(Invitation("", "admin"))

    def find(self, token: str) -> Invitation | None:
        """Return for whom a link is that is in force."""
        with reading(self._file) as access:
            row = access.execute(_FIND, self._now_of(token)).fetchone()
        return Invitation(row[0], cast("Role", row[1]), tuple(row[2].split())) if row else None

    def use(self, token: str) -> bool:
        """Use a link up; return whether it was in force: of two at once one gets it."""
        with opened(self._file) as access:
            return access.execute(_USE, self._now_of(token)).rowcount > 0

    def _now_of(self, token: str) -> tuple[bytes, float, float]:
        return hashed(token), self._now(), self._now() + LASTS + AHEAD
