"""`keys` on the command line, the daily job, and the question which days are blocked."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import tomllib
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.audit.log import Audit
from pipeline.cli import main
from pipeline.errors import Fatal, Retryable
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.holds import blocked_days
from pipeline.keys.sealed import public_text
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from pipeline.ship.audit_jobs import print_audit_head
from pipeline.ship.key_jobs import destroy_expired_keys
from pipeline.ship.schedule import JOBS
from support.command import free_port, plain_environment
from support.server import Rows

OLD = KeyName.of_day(date(2026, 1, 5))
TODAY = datetime.now(UTC).date()


class Ran(NamedTuple):
    """The exit status and the output of a command."""

    status: int
    stdout: str
    stderr: str


Run = Callable[..., Ran]


@pytest.fixture(name="data")
def data_directory(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture(name="run")
def command_line(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `clinic-pixel` with these arguments while open blocks touch the days `blocked`; None: nobody can tell."""
    for name in os.environ.keys() - plain_environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIXEL_DATA", str(data))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(data.parent)

    def run(*arguments: str, blocked: frozenset[date] | None = frozenset()) -> Ran:
        with monkeypatch.context() as patch:
            if blocked is not None:
                patch.setattr("pipeline.keys.holds.blocked_days", lambda *_: blocked)
            patch.setattr(sys, "argv", ["clinic-pixel", *arguments])
            status = 0
            try:
                main()
            except SystemExit as end:
                status = int(end.code or 0)
        return Ran(status, *capsys.readouterr())

    return run


def mint(data: Path, name: KeyName) -> KeyDirectory:
    files = KeyDirectory(data / "keys")
    assert files.create(name, os.urandom(32))
    return files


def test_keys_are_minted_ahead_and_listed_without_being_shown(data: Path, run: Run) -> None:
    made = json.loads(run("keys", "mint", "--days", "3").stdout)
    assert made[-3:] == [{"key": (TODAY + timedelta(days=ahead)).isoformat(), "state": "made"} for ahead in (0, 1, 2)]
    listed = run("keys", "list")
    states = {row["key"]: row["state"] for row in json.loads(listed.stdout)}
    assert states[TODAY.isoformat()] == "in use"
    assert states[(TODAY + timedelta(days=2)).isoformat()] == "ahead"
    for file in (data / "keys").iterdir():
        assert file.read_bytes().hex() not in listed.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_host_to_which_keys_are_copied_never_mints_another_one(
    data: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXEL_COLLECTOR__MINT_KEYS", "false")
    refused = run("keys", "mint")
    assert refused.status == 1
    assert "collector.mint_keys is false: keys are copied to this host" in refused.stderr
    assert list((data / "keys").glob("*.key")) == []
    assert [entry.action for entry, _ in Audit(data / "audit").entries()] == ["key_mint_refused"]


def test_a_due_key_is_destroyed_with_an_act_that_can_be_printed_again(data: Path, run: Run) -> None:
    files = mint(data, OLD)
    done = run("keys", "destroy", "--yes")
    assert done.status == 0, done.stderr
    assert "АКТ ОБ УНИЧТОЖЕНИИ" in done.stdout
    assert f"key={OLD.text}" in done.stdout
    assert files.names() == []
    assert run("keys", "destroy", OLD.text).stdout == done.stdout
    (row,) = json.loads(run("keys", "list").stdout)
    assert (row["key"], row["state"]) == (OLD.text, "destroyed")
    assert "no key is past its retention" in run("keys", "destroy").stderr


@pytest.mark.parametrize(
    ("arguments", "blocked", "status", "said"),
    [
        pytest.param(["--yes"], frozenset({OLD.last}), 1, "an open block needs this key for 2026-01-05", id="held"),
        pytest.param([], frozenset(), 2, "stdin is not a terminal: pass --yes to confirm", id="nobody to ask"),
        pytest.param(["--yes"], None, 75, "clickhouse.json: not there yet", id="blocks unknown"),
        pytest.param(["2026-01-32", "--yes"], frozenset(), 2, "2026-01-32: expected a day such as", id="no name"),
        pytest.param(
            ["2026-01-06", "--yes"], frozenset(), 2, "--reason: expected a reason to destroy 2026-01-06", id="not due"
        ),
        pytest.param(
            ["2026-01-06", "--yes", "--reason", "x"], frozenset(), 1, "2026-01-06.key: missing", id="no such key"
        ),
    ],
)
def test_a_destruction_that_may_not_be_changes_nothing(
    data: Path, run: Run, arguments: list[str], blocked: frozenset[date] | None, status: int, said: str
) -> None:
    files = mint(data, OLD)
    refused = run("keys", "destroy", *arguments, blocked=blocked)
    assert (refused.status, refused.stdout) == (status, "")
    assert said in refused.stderr
    assert files.names() == [OLD]
    assert files.names(DESTROYED) == []
    refusals = [entry.action for entry, _ in Audit(data / "audit").entries()]
    assert refusals == (["key_destroy_refused"] if status == 1 and blocked is not None else [])


def test_a_young_key_is_destroyed_on_order_with_its_reason(data: Path, run: Run) -> None:
    files = mint(data, KeyName.of_day(TODAY))
    arguments = ["keys", "destroy", TODAY.isoformat(), "--reason", "the disk was lent", "--yes"]
    done = run(*arguments)
    assert "причина: the disk was lent" in done.stdout, done.stderr
    assert files.names() == []


def test_unsafe_keys_are_one_clear_line(data: Path, run: Run) -> None:
    mint(data, OLD).file(OLD).chmod(0o644)
    refused = run("keys", "list")
    assert refused.status == 1
    assert refused.stderr.startswith("clinic-pixel: ")
    assert "others can reach it (mode 0644)" in refused.stderr


def test_a_mint_on_unsafe_keys_is_refused_and_audited(data: Path, run: Run) -> None:
    mint(data, OLD).file(OLD).write_bytes(b"half")
    refused = run("keys", "mint")
    assert refused.status == 1
    assert "not a complete key (4 bytes)" in refused.stderr
    ((entry, _),) = Audit(data / "audit").entries()
    assert entry.action == "key_mint_refused"
    assert "not a complete key" in entry.facts["why"]


def test_the_daily_job_destroys_what_is_due_and_nothing_else(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data=data)
    files = mint(data, OLD)
    mint(data, KeyName.of_day(TODAY))
    mint(data, KeyName.of_day(TODAY - timedelta(days=1)))
    monkeypatch.setattr("pipeline.ship.key_jobs.blocked_days", lambda *_: frozenset())
    monkeypatch.setattr("pipeline.ship.key_jobs.refuse_a_wrong_clock", lambda *_: None)
    with caplog.at_level(logging.INFO):
        destroy_expired_keys(settings)
        print_audit_head(settings)
    assert [name.last for name in files.names()] == [TODAY - timedelta(days=1), TODAY]
    assert caplog.messages == [
        "destroyed 2026-01-05; `clinic-pixel keys destroy 2026-01-05` prints the act",
        f"audit head {Audit(settings.audit_dir).head()}",
    ]


def test_the_daily_job_destroys_nothing_while_blocks_are_unknown(data: Path) -> None:
    settings = Settings(data=data, clickhouse=ClickHouse(port=free_port()))
    destroy_expired_keys(settings)  # nothing due: nobody needs to be asked
    files = mint(data, OLD)
    with pytest.raises((Fatal, Retryable)):
        destroy_expired_keys(settings)
    assert files.names() == [OLD]


def test_a_clock_ahead_of_the_database_destroys_no_key_though_keys_were_copied_in_advance(
    tables: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=10)

    (tmp_path / "secrets").symlink_to(tables.settings.secrets_dir)
    settings = tables.settings.model_copy(update={"data": tmp_path})
    files = KeyDirectory.of(settings)
    old, due_soon = (KeyName.of_day(TODAY - timedelta(days=age)) for age in (100, 85))
    for name in (old, due_soon, *(KeyName.of_day(TODAY + timedelta(days=ahead)) for ahead in range(12))):
        files.create(name, os.urandom(32))
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.ship.key_jobs.datetime", Ahead)
        with pytest.raises(Fatal, match=r"that of ClickHouse .*: no key is destroyed"):
            destroy_expired_keys(settings)
    assert files.lives(old)
    files.create(KeyName.of_day(TODAY - timedelta(days=1)), os.urandom(32))
    destroy_expired_keys(settings)
    assert (files.lives(old), files.lives(due_soon)) == (False, True)


def test_the_daily_job_alarms_about_a_broken_chain(data: Path) -> None:
    settings = Settings(data=data)
    audit = Audit(settings.audit_dir)
    for number in range(2):
        audit.record("look", {"number": str(number)}, now=datetime.now(UTC), who="anna")
    audit.file.write_bytes(audit.file.read_bytes().replace(b'"0"', b'"9"'))
    with pytest.raises(Fatal, match="the audit was changed"):
        print_audit_head(settings)


def test_blocked_days_are_those_of_open_blocks(tables: Rows) -> None:
    def block(case: str, state: str, since: str, until: str, changed: str) -> None:
        tables.writer.command(
            "INSERT INTO pixel.subject_blocks (case_id, kind, epoch, since, until, state, changed_at) VALUES"
            f" ('{case}', 'visitor', '2026-01-05', '{since}', '{until}', '{state}', '{changed}')"
        )

    today = date(2026, 2, 1)
    assert blocked_days(tables.settings, today) == frozenset()
    block("1", "blocked", "2026-01-30 10:00:00", "2100-01-01 00:00:00", "2026-01-31 00:00:00")
    block("2", "blocked", "2026-01-01 00:00:00", "2026-01-02 00:00:00", "2026-01-03 00:00:00")
    block("2", "unblocked", "2026-01-01 00:00:00", "2026-01-02 00:00:00", "2026-01-04 00:00:00")
    expected = {date(2026, 1, 5), date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1)}
    assert blocked_days(tables.settings, today) == expected


def test_ship_runs_both_daily_jobs() -> None:
    assert {destroy_expired_keys, print_audit_head} <= {job.run for job in JOBS}


def test_the_pair_for_claims_is_made_once_and_its_private_half_is_shown_nowhere(data: Path, run: Run) -> None:
    file = data.parent / "claim.key"
    made = run("keys", "claim-pair", str(file))
    assert made.status == 0, made.stderr
    private = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(made.stdout) == {"fraud": {"claim_key": public_text(private)}}
    assert b64encode(private).decode() not in made.stdout + made.stderr
    assert [entry.action for entry, _ in Audit(data / "audit").entries()] == ["claim_pair"]
    again = run("keys", "claim-pair", str(file))
    assert (again.status, file.read_bytes()) == (1, private)
    assert "expected the name of a new file" in again.stderr
