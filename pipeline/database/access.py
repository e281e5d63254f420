"""The rights in ClickHouse: passwords, and users, profiles, grants and row policies as `sql/access/*.sql` have them.

Owns `secrets/clickhouse.json` and the reading of the access files. Rules:

* `sql/access/*.sql` is the only source of users, profiles, grants and row policies, with `sql/access/cluster/*.sql` for the
  servers of a cluster. A server gets the statements themselves (`access_sql`) or the same as XML; the embedded server, which cannot store users, gets XML (`users_config`).
* A statement that this module does not understand is an error and is never skipped: a grant or a policy that is
  missing without an error would be a leak.
* Passwords are random, one per user, in one file of mode 0600; only their SHA-256 goes into `users.xml`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from secrets import token_urlsafe
from string import Template
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from pipeline.errors import BAD_JSON, Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system.private_files import replace_private
from pipeline.system.secrets import handed_over, make_once, read_secret
from sql import ACCESS_DIR, statements

User = Literal[
    "pixel_viewer",
    "pixel_migrator",
    "pixel_writer",
    "pixel_eraser",
    "pixel_admin",
    "ops",
    "security",
    "privacy",
]
USERS: tuple[User, ...] = get_args(User)
USERS_OF: Final[Mapping[str, tuple[User, ...]]] = {
    "migrate": ("pixel_migrator",),
    "ship": ("pixel_writer", "pixel_eraser"),
    "dashboards": ("pixel_writer", "pixel_admin", "ops", "security", "privacy"),
}
"""The users of each process that has an operating system's user of its own; the embedded server has the hashes of all."""


class Grants(StrEnum):
    """The forms in which the rights are printed for a server."""

    SQL = "sql"
    ENV = "env"


class Reader(StrEnum):
    """The users who read views and work with tools of their own."""

    OPS = "ops"
    SECURITY = "security"
    PRIVACY = "privacy"


PASSWORD_FILE = "clickhouse.json"  # noqa: S105 - the name of a file

_PROFILE = re.compile(r"CREATE SETTINGS PROFILE OR REPLACE (\w+) SETTINGS\s+(.+)", re.DOTALL)
_SETTING = re.compile(r"(\w+) = (\d+|'\w+')(?: MIN (\d+) MAX (\d+)(?= CHANGEABLE))?( CHANGEABLE_IN_READONLY| CONST)?")
_USER = re.compile(r"CREATE USER OR REPLACE (\w+) IDENTIFIED WITH sha256_hash BY '(\w+)' SETTINGS PROFILE '(\w+)'")
_GRANT = re.compile(r"(GRANT .+) TO (\w+)", re.DOTALL)
_REVOKE = re.compile(r"REVOKE ALL ON \*\.\* FROM (\w+)")
_POLICY = re.compile(
    r"CREATE ROW POLICY OR REPLACE \w+ ON (\w+)\.(\w+) USING\s+(.+?)\s+TO ALL EXCEPT ([\w, ]+)", re.DOTALL
)


_ONE_SERVER: Final = {"local": "", "viewer_profile": "pixel_reader"}


class Bound(NamedTuple):
    """One setting of a profile.

    A changeable one may be changed by the user, between `least` and `most` if it has them; a fixed one by nobody, also not by a query that
    another server sends in the user's name.
    """

    name: str
    value: str
    least: str | None
    most: str | None
    changeable: bool
    fixed: bool = False


@dataclass
class Account:
    """One user: the hash of the password, profile, grants (without `TO`), row filters by (database, table)."""

    name: str
    sha256: str
    profile: str
    grants: list[str] = field(default_factory=list)
    filters: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """The content of `sql/access/*.sql`."""

    profiles: dict[str, list[Bound]]
    accounts: dict[str, Account]


def access_sql(passwords: dict[str, str], *, cluster: bool = False) -> str:
    """Return the access files as one text with password hashes filled in, for an administrator of a real server."""
    return _access_text({user: _sha256(password) for user, password in passwords.items()}, cluster)


def access_without_passwords(*, cluster: bool = False) -> Access:
    """Return the rights with a name in place of each hash: `CLINIC_PIXEL_OPS_SHA256` for the user `ops`."""
    return parse_access(_access_text({user: hash_variable(user) for user in USERS}, cluster))


def hashes(passwords: dict[str, str]) -> str:
    """Return a line `VARIABLE=HASH` for each user, for the environment of a server that has our file in `users.d`."""
    return "".join(f"{hash_variable(user)}={_sha256(password)}\n" for user, password in passwords.items())


def hash_variable(user: str) -> str:
    """Return the environment variable of a server that has the SHA-256 of a user's password, in hexadecimal."""
    return f"CLINIC_PIXEL_{user.removeprefix('pixel_').upper()}_SHA256"


def parse_access(text: str) -> Access:
    """Read access statements; raises `Fatal` that quotes the beginning of a statement it does not understand."""
    access = Access({}, {})
    for statement in statements(text):
        if match := _PROFILE.fullmatch(statement):
            access.profiles[match[1]] = [_bound(part) for part in re.split(r",\s*", match[2])]
        elif match := _USER.fullmatch(statement):
            access.accounts[match[1]] = Account(match[1], match[2], match[3])
        elif match := _GRANT.fullmatch(statement):
            access.accounts[match[2]].grants.append(" ".join(match[1].split()))
        elif match := _REVOKE.fullmatch(statement):
            access.accounts[match[1]].grants.clear()
        elif match := _POLICY.fullmatch(statement):
            spared = {name.strip() for name in match[4].split(",")}
            for account in access.accounts.values():
                if account.name not in spared:
                    account.filters[match[1], match[2]] = " ".join(match[3].split())
        else:
            raise Fatal(f"sql/access: cannot be turned into users.xml: {' '.join(statement.split())[:80]}")
    return access


def read_passwords(settings: Settings, users: Collection[User] = USERS) -> dict[str, str]:
    """Return the passwords of some users from `secrets/clickhouse.json`; for a real server an administrator writes that file.

    The file that was handed to a process may have no others. Raises `Fatal` for a file that others may read or that lacks a
    user, `Retryable` while the embedded server has not made it yet.
    """
    path = password_file(settings)
    try:
        given = msgspec.json.decode(read_secret(path))
    except FileNotFoundError:
        if settings.clickhouse.url is None:
            raise Retryable(f"{path}: not there yet; `clinic-pixel clickhouse` makes it") from None
        raise Fatal(f"{path}: missing; see docs/clickhouse-server.md") from None
    except (OSError, *BAD_JSON) as error:
        raise Fatal(f"{path}: cannot be read as JSON ({type(error).__name__})") from None
    missing = [user for user in users if not isinstance(given, dict) or not isinstance(given.get(user), str)]
    if missing:
        raise Fatal(f"{path}: no password for {missing[0]}; expected one for each of {', '.join(users)}")
    return {user: given[user] for user in users}


def make_passwords(settings: Settings) -> dict[str, str]:
    """Return the passwords of the embedded server, made on the first call; several callers end with the same ones."""
    make_once(settings.secrets_dir / PASSWORD_FILE, lambda: _as_json({user: token_urlsafe(24) for user in USERS}))
    return read_passwords(settings)


def hand_out_passwords(settings: Settings) -> None:
    """Write a file with its own passwords for each process that works under a user of its own; raises `Fatal` or `OSError`."""
    passwords = make_passwords(settings)
    for process, users in USERS_OF.items():
        own = {user: passwords[user] for user in users}
        replace_private(settings.secrets_dir / process / PASSWORD_FILE, _as_json(own))


def password_file(settings: Settings) -> Path:
    """Return the file that was handed over, by systemd for example, else the one in `secrets/`."""
    file = settings.secrets_dir / PASSWORD_FILE
    return handed_over(file) or file


def _as_json(passwords: Mapping[User, str]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(passwords))


def _access_text(hashes: dict[str, str], cluster: bool) -> str:
    files = [*ACCESS_DIR.glob("*.sql"), *(ACCESS_DIR.glob("cluster/*.sql") if cluster else ())]
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name))
    words = {"local": "_local", "viewer_profile": "pixel_definer"} if cluster else _ONE_SERVER
    return Template(text).substitute({f"{user}_sha256": value for user, value in hashes.items()} | words)


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _bound(text: str) -> Bound:
    match = _SETTING.fullmatch(text)
    if match is None:
        raise Fatal(f"sql/access: not `name = value [[MIN a MAX b] CHANGEABLE_IN_READONLY | CONST]`: {text}")
    name, value, least, most, kind = match.groups()
    fixed = kind == " CONST"
    return Bound(name, value.strip("'"), least, most, kind is not None and not fixed, fixed)
