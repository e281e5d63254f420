"""The tools of a server's administrator: `migrate --print` and `--grants`, and the file of users for `users.d`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database.access import (
    USERS,
    access_sql,
    access_without_passwords,
    hash_variable,
    make_passwords,
    parse_access,
    read_passwords,
)
from pipeline.database.client import working_as
from pipeline.database.embedded import wait_until_ready
from pipeline.database.engine_config import server_users_xml
from pipeline.errors import Fatal
from pipeline.operations.docs import SERVER_USERS, USERS_DIR
from pipeline.operations.migrate import migrate, printed
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from sql import statements
from support.command import command, environment, free_port
from support.server import Server


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Server]:
    """A server without any table."""
    server = Server(tmp_path / "var").start()
    yield server
    server.stop()


def test_the_printed_statements_make_the_database_that_migrate_makes(empty: Server) -> None:
    with working_as(empty.settings, "pixel_migrator") as client:
        for text in statements(printed(empty.settings)):
            client.command(text)
    assert migrate(empty.settings) == []


def test_the_command_prints_what_the_function_returns_and_asks_no_server(tmp_path: Path) -> None:
    done = command(tmp_path / "var", "migrate", "--print")
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed(Settings(data=tmp_path / "var"))


def test_grants_are_printed_as_statements_or_as_hashes(tmp_path: Path) -> None:
    data = tmp_path / "var"
    as_sql, as_variables = (command(data, "migrate", "--grants", form).stdout for form in ("sql", "env"))
    passwords = read_passwords(Settings(data=data))
    assert as_sql == access_sql(passwords)
    assert as_variables.splitlines() == [
        f"{hash_variable(user)}={hashlib.sha256(passwords[user].encode()).hexdigest()}" for user in USERS
    ]
    assert not any(password in as_sql + as_variables for password in passwords.values())


def test_the_file_for_users_d_is_that_of_the_statements() -> None:
    for name, is_cluster in SERVER_USERS.items():
        wanted = server_users_xml(access_without_passwords(cluster=is_cluster))
        assert (USERS_DIR / name).read_text() == wanted, "run `make docs`"


@pytest.mark.parametrize("name", SERVER_USERS)
def test_a_server_takes_the_file_with_the_hashes_of_its_environment(name: str, tmp_path: Path) -> None:
    """The engine reads it beside its own user: every user signs in, and has the rights of the statements."""
    settings = Settings(data=tmp_path / "var", clickhouse=ClickHouse(port=free_port()))
    passwords = make_passwords(settings)
    given = environment(settings) | {
        hash_variable(user): hashlib.sha256(word.encode()).hexdigest() for user, word in passwords.items()
    }
    process = subprocess.Popen([sys.executable, "-c", _WITH_THE_FILE, str(USERS_DIR / name)], env=given)
    try:
        wait_until_ready(settings, lambda: process.poll() is None)
        wanted = parse_access(access_sql(passwords, cluster=SERVER_USERS[name])).accounts
        for user in USERS:
            with working_as(settings, user) as client:
                assert client.command("SELECT currentUser()") == user
                shown = client.query("SHOW GRANTS").result_rows
            assert bool(shown) == bool(wanted[user].grants), user
        with pytest.raises(Fatal, match="error 497"), working_as(settings, "ops") as client:
            client.command("CREATE DATABASE mine")
    finally:
        process.terminate()
        process.wait(30)


_WITH_THE_FILE = """
import re, sys
from pathlib import Path
from pipeline.database import embedded
from pipeline.settings.model import load
own = embedded.users_xml
file = Path(sys.argv[1]).read_text()
def both(access, *, listeners):
    access.accounts.clear()
    text = own(access, listeners=listeners)
    profiles = re.search("<profiles>(.*)</profiles>", file, re.DOTALL)[1]
    users = re.search("<users>(.*)</users>", file, re.DOTALL)[1]
    kept = re.sub("<pixel_(definer|reader|service)>.*</pixel_service>", "", text, flags=re.DOTALL)
    return kept.replace("</profiles>", profiles + "</profiles>").replace("</users>", users + "</users>")
embedded.users_xml = both
embedded.serve(load(None))
"""
