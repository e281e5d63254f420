"""`sql` asks as a role, and asks as the operator only after the audit has it."""

from __future__ import annotations

import csv
import json
import subprocess

import pytest

from pipeline.audit.log import Audit
from pipeline.reports import sql_commands
from pipeline.settings.model import Settings
from support.command import CLI, environment


def ask(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [*CLI, "sql", *arguments],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("role", "user"),
    [("ops", "ops"), ("security", "security"), ("privacy", "privacy"), ("admin", "pixel_admin")],
)
def test_a_query_runs_as_the_role(clickhouse: Settings, role: str, user: str) -> None:
    answer = ask(clickhouse, "--role", role, "SELECT currentUser() AS user", "--format", "json")
    assert json.loads(answer.stdout) == [{"user": user}], answer.stderr


def test_nobody_asked_for_is_ops(clickhouse: Settings) -> None:
    assert "ops" in ask(clickhouse, "SELECT currentUser() AS user").stdout


def test_rows_come_as_csv_with_a_header(clickhouse: Settings) -> None:
    answer = ask(clickhouse, "SELECT 1 AS one, 'a,\"b' AS text, toDate('2026-11-22') AS day", "--format", "csv")
    assert list(csv.reader(answer.stdout.splitlines())) == [["one", "text", "day"], ["1", 'a,"b', "2026-11-22"]]


def test_a_refusal_is_one_line_and_exit_code_1(clickhouse: Settings) -> None:
    answer = ask(clickhouse, "SELECT visitor FROM pixel.events")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert "ACCESS_DENIED" in answer.stderr


def test_an_unknown_role_is_wrong_use(clickhouse: Settings) -> None:
    assert ask(clickhouse, "--role", "pixel_admin", "SELECT 1").returncode == 2


def test_the_operators_query_is_audited_even_when_it_fails(clickhouse: Settings) -> None:
    query = "SELECT no_such_column FROM pixel.events"
    assert ask(clickhouse, "--role", "admin", query).returncode == 1
    acts = [entry for entry, _ in Audit(clickhouse.audit_dir).entries()]
    assert query in [entry.facts.get("query") for entry in acts if entry.action == "sql"]


def test_without_an_audit_the_operator_reads_nothing(clickhouse: Settings) -> None:
    audit = Audit(clickhouse.audit_dir)
    with audit.file.open("ab"):
        audit.file.chmod(0o644)
    try:
        answer = ask(clickhouse, "--role", "admin", "SELECT 42 AS answer")
    finally:
        audit.file.chmod(0o600)
    assert answer.returncode == 1
    assert "42" not in answer.stdout


def test_the_audit_says_what_was_read_without_the_literals_of_the_query(clickhouse: Settings) -> None:
    query = (
        "SELECT count() FROM pixel.events WHERE ip_token = toIPv6('198.51.100.77') AND site = 'it\\'s' AND asn = 64496"
    )
    assert ask(clickhouse, "--role", "admin", query).returncode == 0
    told = [dict(entry.facts)["query"] for entry, _ in Audit(clickhouse.audit_dir).entries() if entry.action == "sql"]
    assert told[-1] == "SELECT count() FROM pixel.events WHERE ip_token = toIPv6(?) AND site = ? AND asn = ?"


@pytest.mark.parametrize(
    "hidden",
    [
        "'ivanova@clinic.example'",
        r"'it\'s ivanova'",
        "'ivanova''s'",
        '"ivanova@clinic.example"',
        "`ivanova@clinic.example`",
        "$$ivanova$$",
        "$tag$ivanova$other$ivanova$tag$",
        "1 -- ivanova\n",
        "1 /* ivanova */",
        "1 /* ivanova",
        "1 # ivanova",
        "'ivanova",
        "иванова",
        "79161234567",
        "0x7b",
        "192.0.2.7",
        "2001:db8::7",
    ],
)
def test_no_text_of_a_query_but_its_words_reaches_the_audit(hidden: str) -> None:
    said = sql_commands._without_literals(f"SELECT page FROM pixel.events WHERE page = {hidden}")
    assert said.startswith("SELECT page FROM pixel.events WHERE page = ?")
    for word in ("ivanova", "иванова", "7916", "7b", "192", "db8"):
        assert word not in said
