"""`connect` prints lines that work as they are pasted, and no password that was not asked for."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import Literal

import pytest

from pipeline.database import own_tools
from pipeline.database.access import Reader, read_passwords
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse, Fraud
from support.command import CLI, environment

PROGRAM = f"{sys.executable} -m pipeline"
FIRST_COLUMN = {"ops": "site", "security": "robot", "privacy": "day"}


def shell(settings: Settings, line: str) -> str:
    """Return what a shell prints for a line."""
    done = subprocess.run(
        ["bash", "-c", line],
        env=environment(settings) | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def page(settings: Settings, language: str = "en") -> str:
    """Return the page of ops."""
    return "\n\n".join(own_tools.page(settings, Reader.OPS, PROGRAM, "ru" if language == "ru" else "en"))


@pytest.mark.parametrize("role", Reader)
def test_the_line_for_curl_works_as_it_is_pasted(clickhouse: Settings, role: Reader) -> None:
    line = str(own_tools.facts(clickhouse, role, PROGRAM)["curl"])
    assert next(csv.reader(shell(clickhouse, line).splitlines()))[0] == FIRST_COLUMN[role]


def test_the_line_that_lists_the_views_works_as_it_is_pasted(clickhouse: Settings) -> None:
    line = str(own_tools.facts(clickhouse, Reader.OPS, PROGRAM)["curl_views"])
    assert {"browsers", "error_pages_day", "reports"} <= set(shell(clickhouse, line).split())


def test_the_command_prints_json_into_a_pipe_and_the_password_alone(clickhouse: Settings) -> None:
    facts = json.loads(shell(clickhouse, " ".join([*CLI, "connect", "security"])))
    assert facts == json.loads(json.dumps(own_tools.facts(clickhouse, Reader.SECURITY, PROGRAM)))
    assert shell(clickhouse, facts["password_command"]) == f"{read_passwords(clickhouse)['security']}\n"


@pytest.mark.parametrize("role", Reader)
def test_no_text_has_a_password(clickhouse: Settings, role: Reader) -> None:
    texts = [
        str(own_tools.facts(clickhouse, role, PROGRAM)),
        own_tools.grafana(clickhouse, role, PROGRAM),
        *own_tools.page(clickhouse, role, PROGRAM, "en"),
        *own_tools.page(clickhouse, role, PROGRAM, "ru"),
    ]
    passwords = read_passwords(clickhouse).values()
    assert [text for text in texts if any(password in text for password in passwords)] == []


def test_lines_to_paste_are_whole_on_a_narrow_terminal(clickhouse: Settings) -> None:
    printed = shell(clickhouse, " ".join([*CLI, "connect", "ops", "--format", "table", "--lang", "ru"])).splitlines()
    facts = own_tools.facts(clickhouse, Reader.OPS, PROGRAM)
    asked = [f"  {facts[name]}" for name in ("curl", "curl_views", "question", "tunnel")]
    assert [line for line in asked if line not in printed] == []
    assert max(len(line) for line in printed if not line.startswith("  ")) <= 80


@pytest.mark.parametrize(
    "clickhouse_settings", [ClickHouse(), ClickHouse(tcp_port=9000), ClickHouse(url="https://db.example")]
)
def test_both_languages_have_the_same_lines_to_paste(clickhouse_settings: ClickHouse) -> None:
    settings = Settings(clickhouse=clickhouse_settings)
    english, russian = (
        [line.split()[-1] for line in page(settings, language).splitlines() if line.startswith("  ")]
        for language in ("en", "ru")
    )
    assert english == russian


def test_the_page_says_how_to_open_the_native_port_and_once_it_is_open_how_to_use_it() -> None:
    closed, opened = page(Settings()), page(Settings(clickhouse=ClickHouse(tcp_port=9000)))
    assert "  PIXEL_CLICKHOUSE__TCP_PORT=9000\n" in closed
    assert "`default`" in closed
    assert "  clickhouse-client --host 127.0.0.1 --port 9000 --user ops --ask-password" in opened
    assert "-L 9000:127.0.0.1:9000" in opened
    assert "TCP_PORT" not in opened


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_tells_of_periods_where_the_view_has_a_fixed_one(language: Literal["en", "ru"]) -> None:
    ops, privacy = (
        "\n".join(own_tools.page(Settings(), role, PROGRAM, language)) for role in (Reader.OPS, Reader.PRIVACY)
    )
    assert "`_7d`" in ops
    assert "  SELECT * FROM technical.reports\n" in ops
    assert "`_7d`" not in privacy
    assert "  SELECT * FROM privacy.reports\n" in privacy


def test_an_existing_server_needs_no_tunnel() -> None:
    there = Settings(clickhouse=ClickHouse(url="https://db.example:9443/house"))
    facts = own_tools.facts(there, Reader.OPS, PROGRAM)
    assert facts["address"] == "https://db.example:9443/house"
    assert facts["tunnel"] is None
    assert "ssh" not in page(there)
    assert "TCP_PORT" not in page(there)
    assert "/play" in page(there)


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
    lines = own_tools.grafana(Settings(clickhouse=ClickHouse(url=url)), Reader.PRIVACY, PROGRAM).splitlines()
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
    given = own_tools.facts(Settings(fraud=Fraud(enabled=False)), Reader.SECURITY, PROGRAM)
    assert given["databases"] == ("technical",)
    assert given["question"] == "SELECT * FROM technical.error_pages_day"
