"""The sessions of people who signed in: kept on the server, so that each can be ended.

Owns the table `sessions`. The browser has a random token, the table its hash. A session ends after `IDLE` without a request and after
`LONGEST` in any case; signing in always makes a new token, so a token from before is worth nothing (session fixation). A session that
began in the future, because a clock was put back, is over: it would last for as long as the clock was wrong.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, cast

from dashboards.access.people import Person
from dashboards.access.roles import Role
from dashboards.access.store import AccessAway, hashed, opened, reading

IDLE: Final = 30 * 60
LONGEST: Final = 12 * 60 * 60
"""Seconds."""
AHEAD: Final = 60
"""Seconds by which a clock may be put back without ending sessions."""
_SEEN_STEP: Final = 30
"""Seconds between two writes of the time of the last request."""
_SEEN_WAIT: Final = 0.2
"""Seconds that a page waits to write it: the next page may do it as well."""


class Session(NamedTuple):
    """A session; `form` is what each of its forms must send, and `purpose` the reason that the person gave for sensitive pages."""

    token: bytes
    person: Person
    form: str
    purpose: str


class Sessions:
    """The table of sessions; `now` gives seconds since 1970."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now = now

    def begin(self, name: str, stored: str = "") -> str:
        """Begin a session of a person and return its token for the browser, '' where there is no such person any more.

        `stored` is the password that was checked, as it was stored then: if it was changed meanwhile, no session begins.
        """
        token, now = secrets.token_urlsafe(32), self._now()
        with opened(self._file) as access:
            access.execute(
                "DELETE FROM sessions WHERE NOT (seen_at BETWEEN ? AND ? AND started_at BETWEEN ? AND ?)",
                _in_force(now),
            )
            row = (hashed(token), secrets.token_urlsafe(32), now, now, name, stored)
            begun = access.execute(
                "INSERT INTO sessions SELECT ?, name, ?, ?, ?, '' FROM people WHERE name = ? AND ? IN ('', password)",
                row,
            ).rowcount
        return token if begun else ""

    def find(self, token: str, *, is_by_itself: bool = False) -> Session | None:
        """Return the session of a token that is in force, and note that it was used, unless a page asked by itself."""
        now = self._now()
        with reading(self._file) as access:
            row = access.execute(
                "SELECT token, people.name, role, sites, form, purpose, seen_at FROM sessions JOIN people USING (name)"
                " WHERE token = ? AND seen_at BETWEEN ? AND ? AND started_at BETWEEN ? AND ?",
                (hashed(token), *_in_force(now)),
            ).fetchone()
        if row is None:
            return None
        stored, name, role, sites, form, purpose, seen = row
        if now - seen > _SEEN_STEP and not is_by_itself:
            with suppress(AccessAway), opened(self._file, _SEEN_WAIT) as access:
                access.execute("UPDATE sessions SET seen_at = ? WHERE token = ?", (now, stored))
        return Session(stored, Person(name, cast("Role", role), tuple(sites.split())), form, purpose)

    def give_purpose(self, session: Session, purpose: str) -> None:
        """Keep the reason that the person gave, until the session ends."""
        with opened(self._file) as access:
            access.execute("UPDATE sessions SET purpose = ? WHERE token = ?", (purpose, session.token))

    def end(self, session: Session) -> None:
        """End one session."""
        with opened(self._file) as access:
            access.execute("DELETE FROM sessions WHERE token = ?", (session.token,))


def _in_force(now: float) -> tuple[float, float, float, float]:
    """Return the bounds of the last request and of the begin."""
    return now - IDLE, now + AHEAD, now - LONGEST, now + AHEAD
