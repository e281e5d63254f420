"""`backup` and `restore` as a person runs them: processes of their own, and an engine that a restore starts by itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.database.client import ping
from pipeline.operations.migrate import migrate
from support import clinic_day
from support.command import CLI, environment
from support.days import MIDNIGHT
from support.server import Server


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command against the server's data directory."""
    return subprocess.run(
        [*CLI, *arguments], env=environment(server.settings), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_a_lost_machine_comes_back_by_one_command(restartable: Server, tmp_path: Path) -> None:
    server, place = restartable.start(), tmp_path / "backups"
    migrate(server.settings)
    clinic_day.store(server.settings, [clinic_day.row(MIDNIGHT) for _ in range(7)])
    made = run(server, "backup", str(place))
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["events"] == 7
    assert json.loads(run(server, "backup", "--requests", str(place)).stdout)["files_changed"] == 0
    server.kill()

    fresh = Server(tmp_path / "new", port=server.settings.clickhouse.port)
    back = run(fresh, "restore", str(place))
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["events"] == 7
    assert not ping(fresh.settings)
    refused = run(fresh, "restore", str(place))
    assert refused.returncode == 1
    assert "the data directory is not empty" in refused.stderr


@pytest.mark.slow
def test_a_restore_tried_beside_a_living_installation_leaves_its_rows_alone(
    restartable: Server, tmp_path: Path
) -> None:
    living, place = restartable.start(), tmp_path / "backups"
    migrate(living.settings)
    clinic_day.store(living.settings, [clinic_day.row(MIDNIGHT) for _ in range(7)])
    assert run(living, "backup", str(place)).returncode == 0
    trial = Server(tmp_path / "trial", port=living.settings.clickhouse.port)
    for options in ((), ("--into", "empty")):
        refused = run(trial, "restore", str(place), *options)
        assert refused.returncode == 1
        assert (
            f"port {trial.settings.clickhouse.port}: a ClickHouse answers, and it is not the one of" in refused.stderr
        )
        assert refused.stderr.count("\n") == 1
    assert not list(trial.settings.data.glob("*/*"))
    assert json.loads(run(living, "restore", str(place), "--into", "empty").stdout)["events"] == 7


def test_help_names_both_commands_and_a_wrong_place_is_one_line(tmp_path: Path) -> None:
    server = Server(tmp_path / "var")
    assert "while everything runs" in " ".join(run(server, "backup", "--help").stdout.split())
    assert "before any reader can ask" in " ".join(run(server, "restore", "--help").stdout.split())
    refused = run(server, "restore", str(tmp_path))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "no finished backup; expected the DIR of `clinic-pixel backup DIR`" in refused.stderr
