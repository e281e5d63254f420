"""The units of systemd: systemd takes them, their paths and commands exist in the software, and their exposure stays low."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from pipeline.cli import build_app
from pipeline.database.access import USERS_OF
from pipeline.settings.model import Settings
from support.units import DATA, DEPLOY, PROGRAM, UNITS, Unit, unit

EACH = pytest.mark.parametrize("name", [Unit(file).name for file in UNITS])
SETTINGS = Settings(data=DATA)
DIRECTORIES = {
    value for name in dir(Settings) if name.endswith("_dir") and isinstance(value := getattr(SETTINGS, name), Path)
}
COPIES = {"backup", "backup-requests"}
BACKUPS = {Path("/srv/backup"), Path("/mnt/other")}
MOST_EXPOSED = {"clickhouse": 1.8, **dict.fromkeys(COPIES, 2.5)}
PUBLIC = {DATA, SETTINGS.lists_file.parent, SETTINGS.agent_keys_dir, SETTINGS.networks_dir}
USUAL = 1.6
"""Levels of `systemd-analyze security` from 0 (closed) to 10; systemd 252 says 1.2 to 1.6 here, and 9.6 for a unit without any line."""


def analyse(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


@EACH
def test_systemd_takes_the_unit_without_a_word(tmp_path, name):
    for file in [*UNITS, DEPLOY / "systemd" / "clinic-pixel.target"]:
        # The program is not installed at its place on the machine of a test.
        (tmp_path / file.name).write_text(
            re.sub(rf"^ExecStart={PROGRAM}", "ExecStart=/bin/true", file.read_text(), flags=re.MULTILINE)
        )
    said = analyse("verify", "--man=false", str(tmp_path / unit(name).file.name))
    assert (said.stdout, said.returncode) == ("", 0)
    assert "clinic-pixel" not in said.stderr, said.stderr


def test_the_check_of_a_unit_bites(tmp_path):
    (tmp_path / "clinic-pixel-x.service").write_text("[Service]\nExecStart=/bin/true\nProtectSytem=strict\nUMask=x\n")
    said = analyse("verify", "--man=false", str(tmp_path / "clinic-pixel-x.service"))
    assert "ProtectSytem" in said.stderr


@EACH
def test_the_unit_leaves_little_exposed(name):
    said = analyse("security", "--offline=true", str(unit(name).file))
    level = re.search(r"exposure level for \S+ ([\d.]+)", said.stdout)
    assert level is not None, said.stderr
    assert float(level[1]) <= MOST_EXPOSED.get(name, USUAL)


@EACH
def test_the_command_of_the_unit_exists(name):
    program, command, *options = unit(name).one("ExecStart").split()
    assert Path(program) == PROGRAM
    found = typer.main.get_command(build_app()).commands[command]  # type: ignore[attr-defined]
    known = {option for parameter in found.params for option in parameter.opts}
    assert {option for option in options if option.startswith("-")} <= known


@EACH
def test_every_path_of_the_data_in_the_unit_is_one_of_the_settings(name):
    of = unit(name)
    given = [*of.words("ReadWritePaths"), *(path.removeprefix("-") for path in of.words("InaccessiblePaths"))]
    known = DIRECTORIES | {DATA / "dashboards"}
    backed_up = {DATA, *BACKUPS} if name in COPIES else set()
    assert {Path(path) for path in given} <= known | backed_up
    assert not set(of.words("ReadWritePaths")) & {path.removeprefix("-") for path in of.words("InaccessiblePaths")}
    assert of.environment == {"PIXEL_CONFIG": "/etc/clinic-pixel/pixel.toml", "PIXEL_DATA": str(DATA)}
    assert {path.parent for path in of.credentials.values()} <= {
        SETTINGS.secrets_dir,
        *(SETTINGS.secrets_dir / process for process in USERS_OF),
    }


@EACH
def test_the_unit_keeps_secrets_and_memory_off_the_disk_and_rights_away(name):
    of = unit(name)
    assert (of.one("LimitCORE"), of.one("MemorySwapMax"), of.one("UMask")) == ("0", "0", "0077")
    assert (of.one("ProtectSystem"), of.one("NoNewPrivileges"), of.all("CapabilityBoundingSet")) == (
        "strict",
        "true",
        ["CAP_CHOWN CAP_DAC_OVERRIDE" if name in COPIES else ""],
    )
    assert set(of.words("RestrictAddressFamilies")) <= {"AF_INET", "AF_INET6", "AF_UNIX"}
    assert of.words("SystemCallFilter")[:3] == ["@system-service", "~@privileged", "@resources"]
    assert (
        name == "secrets"
        or name in COPIES
        or str(SETTINGS.secrets_dir) in {path.removeprefix("-") for path in of.words("InaccessiblePaths")}
    )


def test_every_directory_of_the_settings_is_made_with_an_owner_and_closed_to_everybody_else():
    made = {Path(path): mode for path, mode in _directories()}
    assert DIRECTORIES | {DATA / "dashboards", SETTINGS.lists_file.parent} <= set(made)
    for path, mode in made.items():
        if path.is_relative_to(DATA) and path not in PUBLIC:
            assert mode in ("0700", "2770"), path


def test_the_target_groups_every_process_that_runs():
    for name in ("collect", "ship", "dashboards", "clickhouse"):
        assert unit(name).words("WantedBy") == ["clinic-pixel.target"]
        assert unit(name).words("PartOf") == ["clinic-pixel.target"]


def test_every_user_and_group_of_the_units_is_made():
    text = (DEPLOY / "sysusers.d" / "clinic-pixel.conf").read_text()
    users = set(re.findall(r"^u (\S+)", text, re.MULTILINE))
    made = users | set(re.findall(r"^g (\S+)", text, re.MULTILINE))
    assert {word for file in UNITS for word in Unit(file).words("User")} - {"root"} == users
    used = {
        word for file in UNITS for key in ("User", "Group", "SupplementaryGroups") for word in Unit(file).words(key)
    }
    assert used - {"root"} == made
    owners = {line.split()[3] for line in _lines()} | {line.split()[4] for line in _lines()}
    assert owners - {"root"} <= made


def test_the_expected_membership_of_groups_is_the_same_in_units_and_for_logins():
    text = (DEPLOY / "sysusers.d" / "clinic-pixel.conf").read_text()
    members = {tuple(line.split()[1:]) for line in text.splitlines() if line.startswith("m ")}
    units = {(f"clinic-pixel-{of.name}", group) for of in map(Unit, UNITS) for group in of.words("SupplementaryGroups")}
    assert units - {("clinic-pixel-migrate", "clinic-pixel")} == members


def _lines() -> list[str]:
    text = (DEPLOY / "tmpfiles.d" / "clinic-pixel.conf").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _directories() -> Iterator[tuple[str, str]]:
    for line in _lines():
        kind, path, mode, *_ = line.split()
        if kind == "d":
            yield path, mode
