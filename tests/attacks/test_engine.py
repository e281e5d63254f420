"""The embedded engine attacked from its own port: it gives nothing, makes nothing outside and starts again.

Every attack goes to the real engine over HTTP, as a stranger, as a page in a browser could, and as a reader with a password.
"""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import orjson
import pytest

from pipeline.database import planted
from pipeline.database.access import USERS, read_passwords
from pipeline.database.client import connect, ping
from pipeline.database.confinement import supported
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from support.command import CLI, environment
from support.server import Server

needs_landlock = pytest.mark.skipif(not supported(), reason="this kernel has no Landlock")
ENDPOINTS = (
    "/", "/play", "/dashboard", "/binary", "/merges", "/jemalloc", "/webterminal", "/replicas_status", "/metrics",
    "/status", "/schema", "/docs", "/api/v1/query", "/js/uplot.js", "/js/xterm.min.js", "/js/lz-string.js", "/anything",
)  # fmt: skip


def ask(settings: Settings, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Return status and body of the engine's answer; a connection that breaks is an error."""
    request = urllib.request.Request(f"http://127.0.0.1:{settings.clickhouse.port}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def query(settings: Settings, text: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    return ask(settings, "/?query=" + urllib.parse.quote(text), headers)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def as_user(settings: Settings, user: str) -> dict[str, str]:
    return basic(user, read_passwords(settings)[user])


STRANGERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "default by header": {"X-ClickHouse-User": "default"},
    "default by Basic": basic("default", ""),
    "nobody by Basic": basic("", ""),
    "a key alone": {"X-ClickHouse-Key": ""},
    "a user whose name begins like ours": {"X-ClickHouse-User": "opsy"},
    "a user whose name ends like ours": {"X-ClickHouse-User": "xops"},
    "a token": {"Authorization": "Bearer ops"},
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_does_not_reach_the_analyser(clickhouse: Settings, headers: dict[str, str]) -> None:
    assert query(clickhouse, "SELECT 1", headers)[0] == 404


@pytest.mark.parametrize("user", USERS)
def test_one_of_our_names_without_its_password_does_not_reach_the_analyser(clickhouse: Settings, user: str) -> None:
    for headers in ({"X-ClickHouse-User": user}, basic(user, ""), basic(user, "guess")):
        status, text = query(clickhouse, "SELECT * FROM sqlite('x', 't')", headers)
        assert status == 403
        assert b"AUTHENTICATION_FAILED" in text


@pytest.mark.parametrize("user", USERS)
def test_each_of_our_users_is_admitted_by_header_and_by_basic(clickhouse: Settings, user: str) -> None:
    password = read_passwords(clickhouse)[user]
    for headers in ({"X-ClickHouse-User": user, "X-ClickHouse-Key": password}, basic(user, password)):
        assert query(clickhouse, "SELECT 1", headers) == (200, b"1\n")


@pytest.mark.parametrize("user", ["", "ops"])
@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_pages_of_the_engine_are_closed(clickhouse: Settings, path: str, user: str) -> None:
    headers = as_user(clickhouse, user) if user else {}
    status, text = ask(clickhouse, path, headers)
    # A user of ours reaches the query handler at any address, which finds no query there.
    assert (status, b"<html" in text.lower()) == (404 if not user else 400, False)


def test_what_the_engine_offers_has_been_looked_at() -> None:
    """A new version brings new doors: look at each new name below before it is added to `engine_26_9.json`."""
    known = orjson.loads(Path(__file__).with_name("engine_26_9.json").read_bytes())
    script = "import sys; from pipeline.database.embedded import _engine; print(_engine().query(sys.argv[1], 'TabSeparated'))"

    def said(text: str) -> str:
        command = [sys.executable, "-c", script, text]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return ended.stdout + ended.stderr

    forms = re.search(r"Expected one of: (.+?), SET query", said("EXPLAIN 1 2"))
    assert forms is not None
    assert forms[1].split(", ") == known["explain_forms"]
    assert said("SELECT name FROM system.table_functions ORDER BY name").split() == known["table_functions"]


@needs_landlock
@pytest.mark.parametrize("user", ["ops", "security", "privacy", "pixel_admin", "pixel_writer"])
def test_no_function_makes_a_file_outside_of_the_engine_s_directory(
    clickhouse: Settings, user: str, tmp_path: Path
) -> None:
    clickhouse.keys_dir.mkdir(mode=0o700, exist_ok=True)
    before = files_of(clickhouse.data)
    outside = tmp_path / "made"
    for path in (
        "../keys/2030-01-01.key",
        "../blocks/a.json",
        str(outside),
        str(clickhouse.keys_dir / "a.key"),
        "/etc/made",
    ):
        for text in (
            f"SELECT * FROM sqlite('{path}', 't')",
            f"SELECT 1 WHERE 1 IN (SELECT * FROM sqlite('{path}', 't'))",
            f"EXPLAIN SELECT * FROM sqlite('{path}', 't')",
        ):
            assert query(clickhouse, text, as_user(clickhouse, user))[0] != 200
    assert files_of(clickhouse.data) == before
    assert not outside.exists()
    assert not Path("/etc/made").exists()


def files_of(data: Path) -> set[Path]:
    """Return what lies in the data directory beside the engine's own files."""
    return {path for path in data.rglob("*") if "clickhouse" not in path.parts[len(data.parts) :]}


@needs_landlock
def test_the_kernel_and_not_a_list_of_functions_refuses(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    home.mkdir()
    secret.write_text("a key")
    script = (
        "import sys, socket; from pathlib import Path; from pipeline.database.confinement import confine\n"
        "home, secret, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])\n"
        "confine(home, [])\n"
        "(home / 'own').write_text('x'); (home / 'sub').mkdir(); (home / 'own').rename(home / 'sub' / 'own')\n"
        "for name, attempt in {'read': secret.read_text, 'write': lambda: secret.write_text('x'),\n"
        "    'make': lambda: (secret.parent / 'new').touch(), 'list': lambda: list(secret.parent.iterdir()),\n"
        "    'remove': secret.unlink, 'connect': lambda: socket.create_connection(('127.0.0.1', port), timeout=5),\n"
        "    'listen': lambda: socket.create_server(('127.0.0.1', 0))}.items():\n"
        "    try: attempt()\n"
        "    except PermissionError: print(name, end=' ')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-c", script, str(home), str(secret), str(listener.getsockname()[1])]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    refused = ended.stdout.split()
    assert refused[:5] == ["read", "write", "make", "list", "remove"]
    assert refused[5:] in (["connect", "listen"], [])  # ports are refused from Linux 6.7 on
    assert secret.read_text() == "a key"


@pytest.mark.parametrize("user", ["ops", "security", "privacy", "pixel_admin", "pixel_writer", "pixel_migrator"])
@pytest.mark.parametrize("setting", ["", " SETTINGS allow_python_table_function = 1"])
def test_no_user_ends_the_engine_by_the_function_that_runs_python(
    clickhouse: Settings, user: str, setting: str
) -> None:
    status, text = query(clickhouse, f"SELECT * FROM python('x'){setting}", as_user(clickhouse, user))
    assert status >= 400
    assert re.search(rb"FUNCTION_NOT_ALLOWED|READONLY|QUERY_IS_PROHIBITED", text), text
    assert ping(clickhouse)


def test_planted_empty_files_do_not_keep_the_engine_from_starting(restartable: Server) -> None:
    restartable.start()
    migrate(restartable.settings)
    restartable.kill()
    home = restartable.settings.clickhouse_dir
    tables = next(file.parent for file in (home / "data").glob("store/*/*/*.sql"))
    events = next((home / "data").glob("store/*/*/deduplication_logs"))
    places = [home / "data", home / "data/metadata", home / "data/store", tables, events, home / "data/user_defined"]
    files = [place / name for place in places for name in ("x.sql", "x", "x.txt", "function_x.sql")]
    for file in files:
        file.touch(mode=0o600)
    restartable.start()
    assert planted.count(home) == len(files)
    assert [file for file in files if file.exists()] == []
    client = connect(restartable.settings, "ops")
    assert client.query(
        "SELECT count() FROM technical.browsers(site='clinic', since='2026-11-01', until='2026-11-02')"
    ).result_rows
    client.close()


def test_a_definition_that_is_no_sql_is_named_where_the_engine_cannot_start(restartable: Server) -> None:
    restartable.start()
    migrate(restartable.settings)
    restartable.stop()
    (restartable.settings.clickhouse_dir / "data/metadata/planted.sql").write_text("nonsense")
    ended = subprocess.run(
        [*CLI, "clickhouse"],
        env=environment(restartable.settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "metadata/planted.sql" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_engine_writes_nothing_into_the_home_of_its_user(
    restartable: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    restartable.start()
    for path in ("/webterminal", "/play"):
        ask(restartable.settings, path)
    assert list((tmp_path / "home").iterdir()) == []
