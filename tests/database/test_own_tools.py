"""`connect` prints lines that work as they are pasted, and no password that was not asked for."""

from __future__ import annotations

import csv
import json
import subprocess

import pytest

from pipeline.database import own_tools
from pipeline.database.access import Reader, read_passwords
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Fraud
from support.command import CLI, environment

FIRST_COLUMN = {"ops": "browser", "security": "robot", "privacy": "day"}


def connect(settings: Settings, *arguments: str, columns: int = 80) -> str:
    """Return what the command prints."""
    done = subprocess.run(
        [*CLI, "connect", *arguments],
        env=environment(settings) | {"COLUMNS": str(columns), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def paste(settings: Settings, line: str) -> str:
    """Return what a shell prints for a line."""
    done = subprocess.run(
        ["bash", "-c", line], env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("role", Reader)
def test_the_lines_for_curl_work_as_they_are_pasted(clickhouse: Settings, role: Reader) -> None:
    facts = json.loads(connect(clickhouse, role))
    header = next(csv.reader(paste(clickhouse, facts["curl"]).splitlines()))
    assert header[0] == FIRST_COLUMN[role]
    views = paste(clickhouse, facts["curl_views"]).split()
    assert facts["question"].partition(".")[2].partition("(")[0] in views


@pytest.mark.parametrize("role", Reader)
def test_the_password_is_printed_when_it_is_asked_for_and_never_else(clickhouse: Settings, role: Reader) -> None:
    password = read_passwords(clickhouse)[role]
    assert connect(clickhouse, role, "--password") == f"{password}\n"
    shown = [
        connect(clickhouse, role, *more)
        for more in (
            (),
            ("--format", "table"),
            ("--format", "table", "--lang", "ru"),
            ("--format", "csv"),
            ("--grafana",),
        )
    ]
    assert [text for text in shown if any(each in text for each in read_passwords(clickhouse).values())] == []


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_lines_to_paste_are_whole_on_a_narrow_terminal_and_the_same_in_both_languages(
    clickhouse: Settings, lang: str
) -> None:
    facts = json.loads(connect(clickhouse, "ops"))
    lines = connect(clickhouse, "ops", "--format", "table", "--lang", lang).splitlines()
    for name in ("curl", "curl_views", "question", "tunnel"):
        assert f"  {facts[name]}" in lines
    assert any(line.endswith(f"  {facts['password_command']}") for line in lines)
    assert max(len(line) for line in lines if not line.startswith("  ")) <= 80


def test_the_page_says_how_to_open_the_native_port_and_once_it_is_open_how_to_use_it() -> None:
    closed = connect(Settings(), "ops", "--format", "table")
    assert "PIXEL_CLICKHOUSE__TCP_PORT=9000" in closed
    assert "`default`" in closed
    opened = connect(Settings(clickhouse=ClickHouse(tcp_port=9000)), "ops", "--format", "table")
    assert "  clickhouse-client --host 127.0.0.1 --port 9000 --user ops --ask-password" in opened
    assert "-L 9000:127.0.0.1:9000" in opened
    assert "TCP_PORT" not in opened


def test_an_existing_server_needs_no_tunnel() -> None:
    there = Settings(clickhouse=ClickHouse(url="https://db.example:9443/house"))
    facts = json.loads(connect(there, "security"))
    assert facts["address"] == "https://db.example:9443/house"
    assert facts["tunnel"] is None
    page = connect(there, "security", "--format", "table")
    assert "ssh" not in page
    assert "TCP_PORT" not in page
    assert "/play" in page


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "secure"),
    [
        (None, "127.0.0.1", 8123, "", "false"),
        ("https://db.example", "db.example", 8443, "", "true"),
        ("http://[2001:db8::1]:8124/house", "2001:db8::1", 8124, "/house", "false"),
    ],
)
def test_the_data_source_of_grafana_names_the_address(
    url: str | None, host: str, port: int, path: str, secure: str
) -> None:
    lines = connect(Settings(clickhouse=ClickHouse(url=url)), "privacy", "--grafana").splitlines()
    asked = [
        "    type: grafana-clickhouse-datasource",
        f'      host: "{host}"',
        f"      port: {port}",
        f'      path: "{path}"',
        f"      secure: {secure}",
        "      username: privacy",
        "      defaultDatabase: privacy",
        "      password: $__file{/etc/grafana/clinic-pixel-privacy}",
    ]
    assert [line for line in asked if line not in lines] == []


def test_without_fraud_review_security_is_shown_a_view_that_is_there() -> None:
    without = Settings(fraud=Fraud(enabled=False))
    given = own_tools.facts(without, Reader.SECURITY, "clinic-pixel")
    assert given["databases"] == ("technical",)
    assert "technical.browsers" in str(given["question"])
