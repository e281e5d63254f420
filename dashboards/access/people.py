"""The people who may sign in: name, role, password, and the sites to which a page owner is bound; and when each last looked.

Owns the tables `people` and `looks`. A person whose role, password or sites change, or who is removed, loses all sessions and all links.
`looks` has names of faults of the site at most, and nothing of a visitor.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final, NamedTuple, cast

from dashboards.access import passwords
from dashboards.access.roles import Role
from dashboards.access.store import opened, reading

VISIT: Final = 30 * 60
"""Seconds without a look after which the next one is another visit."""
_LOOK_STEP: Final = 30
"""Seconds between two writes of the same look."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Person(NamedTuple):
    """Somebody who may sign in; no `sites` are all sites."""

    name: str
    role: Role
    sites: tuple[str, ...] = ()

    def may_see(self, site: str) -> bool:
        """Return whether the person may see a site."""
        return not self.sites or site in self.sites


class Look(NamedTuple):
    """The end of a person's last visit before this one (seconds since 1970, None at the first), and what was in the list then."""

    before: float | None
    known: frozenset[str]


class SignedIn(NamedTuple):
    """Somebody whose password was right, and how it was stored then."""

    person: Person
    stored: str


class People:
    """The table of people in the file of access."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, person: Person, password: str) -> None:
        """Add a person; raises `ValueError` for a name that is taken or malformed."""
        if not NAME.fullmatch(person.name):
            raise ValueError(f"{person.name!r}: expected at most 64 letters, digits and . _ @ -")
        stored = passwords.hashed(password)
        with opened(self._file) as access:
            row = (person.name, person.role, stored, " ".join(person.sites), time.time())
            added = access.execute("INSERT OR IGNORE INTO people VALUES (?, ?, ?, ?, ?)", row).rowcount
        if not added:
            raise ValueError(f"{person.name!r} is there already; see `clinic-pixel user list`")

    def all(self) -> list[Person]:
        """Return everybody, by name."""
        with reading(self._file) as access:
            return [_person(row) for row in access.execute("SELECT name, role, sites FROM people ORDER BY name")]

    def find(self, name: str) -> Person | None:
        """Return the person of this name."""
        with reading(self._file) as access:
            row = access.execute("SELECT name, role, sites FROM people WHERE name = ?", (name,)).fetchone()
        return _person(row) if row else None

    def remove(self, name: str) -> bool:
        """Remove a person with all sessions and links; return whether there was one."""
        with opened(self._file) as access:
            _end(access, name)
            return access.execute("DELETE FROM people WHERE name = ?", (name,)).rowcount > 0

    def set_password(self, name: str, password: str) -> bool:
        """Change a password and end the person's sessions and links; return whether there is such a person."""
        stored = passwords.hashed(password)
        with opened(self._file) as access:
            _end(access, name)
            return access.execute("UPDATE people SET password = ? WHERE name = ?", (stored, name)).rowcount > 0

    def invited(self, person: Person, password: str) -> None:
        """Take the password of somebody who was invited: a new person, or one who has the role and sites of the invitation from now on."""
        stored = passwords.hashed(password)
        with opened(self._file) as access:
            _end(access, person.name)
            row = (person.name, person.role, stored, " ".join(person.sites), time.time())
            access.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?, ?) ON CONFLICT (name)"
                " DO UPDATE SET role = excluded.role, password = excluded.password, sites = excluded.sites",
                row,
            )

    def signed_in(self, name: str, password: str) -> SignedIn | None:
        """Return the person if the password is right; an unknown name takes as long as a wrong password."""
        with reading(self._file) as access:
            row = access.execute("SELECT name, role, sites, password FROM people WHERE name = ?", (name,)).fetchone()
        is_right = passwords.is_right(password[: passwords.LONGEST + 1], row[3] if row else "")
        return SignedIn(_person(row[:3]), row[3]) if row and is_right else None

    def look(self, name: str, what: str, met: Collection[str], now: float) -> Look:
        """Note that a person looks at a list, and return the look before this visit: requests less than `VISIT` apart are one visit."""
        shown = " ".join(sorted(met))
        with opened(self._file) as access:
            row = access.execute(
                "SELECT at, before_at, met, known FROM looks WHERE name = ? AND list = ?", (name, what)
            ).fetchone()
            if row is None:
                row = (now, None, shown, shown)
            elif now - row[0] >= VISIT:
                row = (now, row[0], shown, row[2])
            elif now - row[0] < _LOOK_STEP and row[2] == shown:
                return Look(row[1], frozenset(row[3].split()))
            else:
                row = (now, row[1], shown, row[3])
            access.execute("INSERT OR REPLACE INTO looks VALUES (?, ?, ?, ?, ?, ?)", (name, what, *row))
        return Look(row[1], frozenset(row[3].split()))


def _end(access: Connection, name: str) -> None:
    access.execute("DELETE FROM sessions WHERE name = ?", (name,))
    access.execute("DELETE FROM links WHERE name = ?", (name,))


def _person(row: Sequence[str]) -> Person:
    name, role, sites = row
    return Person(name, cast("Role", role), tuple(sites.split()))
