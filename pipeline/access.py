"""Who may do what in ClickHouse: passwords, and the embedded server's `users.xml` made from `sql/access/*.sql`.

Owns `secrets/clickhouse.json` and the reading of the access files. Rules:

* `sql/access/*.sql` is the only source of users, profiles, grants and row policies. A server gets the statements
  themselves (`access_sql`); the embedded server, which cannot store users, gets the same as XML (`users_xml`).
* A statement that this module does not understand is an error, never passed over: a grant or a policy that silently
  went missing would be a leak.
* Passwords are random, one per user, in one file of mode 0600; only their SHA-256 goes into `users.xml`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Literal, get_args
from xml.sax.saxutils import escape

from pipeline.errors import Fatal, Retryable
from pipeline.settings import Settings
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
PASSWORD_FILE = "clickhouse.json"  # noqa: S105 - the name of a file

_PROFILE = re.compile(r"CREATE SETTINGS PROFILE IF NOT EXISTS (\w+) SETTINGS\s+(.+)", re.DOTALL)
_SETTING = re.compile(r"(\w+) = ('[^']*'|\w+)((?: MIN \w+)?(?: MAX \w+)?| CONST)")
_USER = re.compile(r"CREATE USER IF NOT EXISTS (\w+) IDENTIFIED WITH sha256_hash BY '(\w+)' SETTINGS PROFILE '(\w+)'")
_GRANT = re.compile(r"(GRANT .+) TO (\w+)", re.DOTALL)
_POLICY = re.compile(
    r"CREATE ROW POLICY IF NOT EXISTS \w+ ON (\w+)\.(\w+) USING\s+(.+?)\s+TO ALL EXCEPT ([\w, ]+)", re.DOTALL
)

# The session that keeps the embedded server alive: it opens the listeners and sleeps. Its one allowed query is always
# running, so a local client without a password cannot run a second one as `default`.
_DEFAULT_USER = """\
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>listener</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>"""


@dataclass(frozen=True)
class Bound:
    """One setting of a profile with what a user may do to it; an empty text is no bound."""

    name: str
    value: str
    least: str = ""
    most: str = ""
    const: bool = False


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
    """Everything `sql/access/*.sql` says."""

    profiles: dict[str, list[Bound]]
    accounts: dict[str, Account]


def access_sql(passwords: dict[str, str]) -> str:
    """Return the access files as one text with password hashes filled in, for an administrator of a real server."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(ACCESS_DIR.glob("*.sql")))
    return Template(text).substitute({f"{user}_sha256": _sha256(password) for user, password in passwords.items()})


def parse_access(text: str) -> Access:
    """Read access statements; raises `Fatal` that quotes the beginning of a statement it does not understand."""
    access = Access({}, {})
    for statement in statements(text):
        if match := _PROFILE.fullmatch(statement):
            access.profiles[match[1]] = _bounds(match[2])
        elif match := _USER.fullmatch(statement):
            access.accounts[match[1]] = Account(match[1], match[2], match[3])
        elif match := _GRANT.fullmatch(statement):
            access.accounts[match[2]].grants.append(" ".join(match[1].split()))
        elif match := _POLICY.fullmatch(statement):
            spared = {name.strip() for name in match[4].split(",")}
            for account in access.accounts.values():
                if account.name not in spared:
                    account.filters[match[1], match[2]] = " ".join(match[3].split())
        else:
            raise Fatal(f"sql/access: cannot be turned into users.xml: {' '.join(statement.split())[:80]}")
    return access


def users_xml(access: Access) -> str:
    """Return the `users.xml` of the embedded server."""
    profiles = "".join(_profile_xml(name, bounds) for name, bounds in access.profiles.items())
    accounts = "\n".join(_account_xml(account) for account in access.accounts.values())
    return (
        "<clickhouse>\n"
        "  <profiles>\n    <default/>\n"
        "    <listener><max_concurrent_queries_for_user>1</max_concurrent_queries_for_user></listener>\n"
        f"{profiles}  </profiles>\n"
        "  <quotas><default/></quotas>\n"
        f"  <users>\n{_DEFAULT_USER}\n{accounts}\n  </users>\n"
        "</clickhouse>\n"
    )


def read_passwords(settings: Settings) -> dict[str, str]:
    """Return user -> password from `secrets/clickhouse.json`; for a real server an administrator writes that file.

    Raises `Fatal` for a file that others may read or that lacks a user, `Retryable` while the embedded server has not
    made it yet.
    """
    path = settings.secrets_dir / PASSWORD_FILE
    try:
        wide = path.stat().st_mode & 0o077
        given = json.loads(path.read_bytes())
    except FileNotFoundError:
        if settings.clickhouse.url is None:
            raise Retryable(f"{path}: not there yet; `clinic-pixel clickhouse` makes it") from None
        raise Fatal(f"{path}: missing; see docs/clickhouse-server.md") from None
    except (OSError, ValueError) as error:
        raise Fatal(f"{path}: cannot be read as JSON ({type(error).__name__})") from None
    if wide:
        raise Fatal(f"{path}: readable by others; expected mode 0600")
    missing = [user for user in USERS if not isinstance(given, dict) or not isinstance(given.get(user), str)]
    if missing:
        raise Fatal(f"{path}: no password for {missing[0]}; expected one for each of {', '.join(USERS)}")
    return {user: given[user] for user in USERS}


def make_passwords(settings: Settings) -> dict[str, str]:
    """Return the passwords of the embedded server, made on the first call; several callers end with the same ones."""
    directory = settings.secrets_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / PASSWORD_FILE
    if not path.exists():
        _create(path, json.dumps({user: secrets.token_urlsafe(24) for user in USERS}, indent=1))
    return read_passwords(settings)


def _create(path: Path, text: str) -> None:
    # A hard link to a finished file: whoever loses the race reads the winner's, and nobody sees half a file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _bounds(text: str) -> list[Bound]:
    bounds = []
    for part in re.split(r",\s*", text):
        match = _SETTING.fullmatch(part)
        if match is None:
            raise Fatal(f"sql/access: not a setting with MIN, MAX or CONST: {part}")
        words = match[3].split()
        limits = dict(zip(words[::2], words[1::2], strict=False))
        bounds.append(
            Bound(match[1], match[2].strip("'"), limits.get("MIN", ""), limits.get("MAX", ""), "CONST" in words)
        )
    return bounds


def _profile_xml(name: str, bounds: list[Bound]) -> str:
    values = "".join(f"      <{b.name}>{escape(b.value)}</{b.name}>\n" for b in bounds)
    constraints: dict[str, str] = defaultdict(str)
    for bound in bounds:
        for tag, value in (("min", bound.least), ("max", bound.most)):
            if value:
                constraints[bound.name] += f"<{tag}>{escape(value)}</{tag}>"
        if bound.const:
            constraints[bound.name] += "<readonly/>"
    inner = "".join(f"        <{key}>{value}</{key}>\n" for key, value in constraints.items())
    return f"    <{name}>\n{values}      <constraints>\n{inner}      </constraints>\n    </{name}>\n"


def _account_xml(account: Account) -> str:
    grants = "".join(f"        <query>{escape(grant)}</query>\n" for grant in account.grants)
    databases: dict[str, str] = defaultdict(str)
    for (database, table), expression in account.filters.items():
        databases[database] += f"<{table}><filter>{escape(expression)}</filter></{table}>"
    rows = "".join(f"<{name}>{inner}</{name}>" for name, inner in databases.items())
    return (
        f"    <{account.name}>\n"
        f"      <password_sha256_hex>{account.sha256}</password_sha256_hex>\n"
        "      <networks><ip>127.0.0.1</ip></networks>\n"
        f"      <profile>{account.profile}</profile>\n"
        "      <quota>default</quota>\n"
        "      <access_management>0</access_management>\n"
        f"      <databases>{rows}</databases>\n"
        f"      <grants>\n{grants}      </grants>\n"
        f"    </{account.name}>"
    )
