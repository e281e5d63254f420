"""The embedded ClickHouse is a real server: it starts, keeps to itself, refuses a second owner, survives a kill.

The first test says what broke if another chdb-core changes the way the listeners are opened.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.database.client import connect, ping
from pipeline.database.embedded import SLEEP, config_xml
from pipeline.errors import Fatal, Retryable
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.command import CLI, environment, free_port
from support.server import Rows, Server

ENGINE_SCRIPT = """\
import sys
from pathlib import Path
from pipeline.database.embedded import _engine
result = _engine().query(sys.argv[1], "TabSeparated", path=sys.argv[2])
sys.stderr.write(result.error_message() if result.has_error() else "no error")
"""


def test_the_engine_still_opens_a_listener_when_told(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, clickhouse=ClickHouse(port=free_port()))
    (tmp_path / "config.xml").write_text(config_xml(settings))
    (tmp_path / "users.xml").write_text(
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password></password>"
        "<networks><ip>127.0.0.1</ip></networks></default></users></clickhouse>"
    )
    (tmp_path / "clickhouse").mkdir()
    listen = f"SYSTEM START LISTEN HTTP; {SLEEP.replace('system.numbers', 'numbers(1)')}"
    ended = subprocess.run(
        [sys.executable, "-c", ENGINE_SCRIPT, listen, str(tmp_path / "data")],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr.endswith("no error"), (
        "chdb-core no longer accepts SYSTEM START LISTEN through _chdb.query, on which the embedded ClickHouse stands:"
        f" keep the pin in pyproject.toml at the last version that did. It said: {ended.stderr}"
    )


def test_the_ordinary_client_gets_an_answer(clickhouse: Settings) -> None:
    client = connect(clickhouse, "pixel_admin")
    assert client.query("SELECT count() FROM pixel.events").result_rows[0][0] >= 0
    assert str(client.server_version).startswith("26.9.")
    client.close()


def test_everything_it_writes_is_private_and_inside_the_data_directory(restartable: Server) -> None:
    restartable.start()
    migrate(restartable.settings)
    files = list(restartable.settings.data.rglob("*"))
    assert len(files) > 20
    open_to_others = []
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # a merge removes parts meanwhile
            if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink():
                open_to_others.append(path)
    assert open_to_others == []
    assert restartable.process is not None
    inherited = open_files("self")
    home = str(restartable.settings.data.resolve())
    outside = {
        file
        for file in open_files(restartable.process.pid) - inherited
        if not file.startswith((home, "/dev/", "/proc/", "/sys/", "/memfd:"))
    }
    assert outside == set()


def open_files(process: int | str) -> set[str]:
    """Return what a process has open that has a path."""
    targets = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.add(str(link.readlink()))
    return {target for target in targets if target.startswith("/")}


def test_its_log_holds_no_query_and_no_row(restartable: Server) -> None:
    restartable.start()
    migrate(restartable.settings)
    writer = connect(restartable.settings, "pixel_writer")
    row = b'{"ua_raw": "canary-of-a-row", "visitor": "not a number"}'
    with pytest.raises(ClickHouseError, match="CANNOT_PARSE"):
        writer.raw_insert("pixel.events", insert_block=row, fmt="JSONEachRow")
    with pytest.raises(ClickHouseError, match="canary_of_a_query"):
        writer.query("SELECT canary_of_a_query")
    writer.close()
    restartable.stop()
    log = (restartable.settings.clickhouse_dir / "server.log").read_text()
    assert log
    assert "canary" not in log


def test_rows_that_were_answered_for_survive_a_kill(restartable: Server) -> None:
    restartable.start()
    migrate(restartable.settings)
    writer = connect(restartable.settings, "pixel_writer")
    row = orjson.dumps({"received_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}", "reason": "kept"})
    writer.raw_insert("pixel.rejects", insert_block=row, fmt="JSONEachRow")
    writer.close()
    restartable.kill()
    restartable.start()
    rows = Rows(restartable.settings)
    assert rows.admin.query("SELECT reason FROM pixel.rejects").result_rows == [("kept",)]
    rows.close()


def test_sigterm_ends_it_at_once_and_frees_the_port(restartable: Server) -> None:
    restartable.start()
    assert restartable.signal(signal.SIGTERM) == -signal.SIGTERM
    assert not ping(restartable.settings)
    restartable.start()


def test_the_native_port_is_opened_when_asked_for(tmp_path: Path) -> None:
    server = Server(tmp_path / "var", tcp_port=free_port())
    try:
        server.start()
        with socket.create_connection(("127.0.0.1", server.settings.clickhouse.tcp_port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(200).startswith(b"HTTP/1.0 400 Bad Request"), "the native protocol answers so to HTTP"
    finally:
        server.stop()


def refusal(settings: Settings) -> str:
    """Return what a server that cannot start says."""
    ended = subprocess.run(
        [*CLI, "clickhouse"], env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    return ended.stdout + ended.stderr


def test_a_second_server_on_one_directory_is_refused_in_one_line(clickhouse: Settings) -> None:
    other_port = clickhouse.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    said = refusal(other_port)
    assert said.count("\n") == 1
    assert "another ClickHouse works on this directory" in said


def test_a_port_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(Settings(data=tmp_path / "var", clickhouse=ClickHouse(port=port)))
    assert said.count("\n") == 1
    assert f"port {port} is in use" in said


def test_a_server_that_is_away_is_worth_another_try(clickhouse: Settings) -> None:
    nobody_there = clickhouse.model_copy(update={"clickhouse": ClickHouse(port=free_port())})
    with pytest.raises(Retryable, match="does not answer"):
        connect(nobody_there, "ops")


def test_a_wrong_password_is_our_own_fault(clickhouse: Settings, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets" / "clickhouse.json"
    secrets.parent.mkdir(mode=0o700)
    secrets.write_text((clickhouse.secrets_dir / "clickhouse.json").read_text().replace('": "', '": "x'))
    secrets.chmod(0o600)
    with pytest.raises(Fatal, match="refuses user ops"):
        connect(clickhouse.model_copy(update={"data": tmp_path}), "ops")


@pytest.mark.parametrize("query", ["SYSTEM STOP LISTEN HTTP", "SELECT count() FROM system.numbers LIMIT 1"])
def test_the_session_without_a_password_is_out_of_reach_of_others(clickhouse: Settings, query: str) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{clickhouse.clickhouse.port}/", data=query.encode())
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
    assert ping(clickhouse)
