"""The people who may sign in: name, role, password, and the sites to which a page owner is bound.

Owns the table `people`. A person whose role, password or sites change loses all sessions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

from dashboards.access import passwords
from dashboards.access.roles import Role
from dashboards.access.store import opened

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Person(NamedTuple):
    """Somebody who may sign in; no `sites` are all sites."""

    name: str
    role: Role
    sites: tuple[str, ...] = ()

    def may_see(self, site: str) -> bool:
        """Return whether the person may see a site."""
        return not self.sites or site in self.sites


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
        with opened(self._file) as access:
            return [_person(row) for row in access.execute("SELECT name, role, sites FROM people ORDER BY name")]

    def find(self, name: str) -> Person | None:
        """Return the person of this name."""
        with opened(self._file) as access:
            row = access.execute("SELECT name, role, sites FROM people WHERE name = ?", (name,)).fetchone()
        return _person(row) if row else None

    def remove(self, name: str) -> bool:
        """Remove a person with all sessions; return whether there was one."""
        with opened(self._file) as access:
            return access.execute("DELETE FROM people WHERE name = ?", (name,)).rowcount > 0

    def set_password(self, name: str, password: str) -> bool:
        """Change a password and end the person's sessions; return whether there is such a person."""
        stored = passwords.hashed(password)
        with opened(self._file) as access:
            access.execute("DELETE FROM sessions WHERE name = ?", (name,))
            return access.execute("UPDATE people SET password = ? WHERE name = ?", (stored, name)).rowcount > 0

    def signed_in(self, name: str, password: str) -> Person | None:
        """Return the person if the password is right; an unknown name takes as long as a wrong password."""
        with opened(self._file) as access:
            row = access.execute("SELECT name, role, sites, password FROM people WHERE name = ?", (name,)).fetchone()
        is_right = passwords.is_right(password[: passwords.LONGEST + 1], row[3] if row else "")
        return _person(row[:3]) if row and is_right else None


def _person(row: Sequence[str]) -> Person:
    name, role, sites = row
    return Person(name, cast("Role", role), tuple(sites.split()))
