"""Collector, shipper, pages and ClickHouse as four users of the operating system on one data directory, each as its unit says.

Real processes under the users, groups, directories and mounts of deploy/sysusers.d, tmpfiles.d and systemd; needs root.
"""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database.access import USERS_OF
from support.dashboards import Browser
from support.own_users import Clinic
from support.units import DATA, unit
from support.waiting import wait_until

pytestmark = pytest.mark.slow

PROCESSES = ("collect", "ship", "dashboards", "clickhouse")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    clinic = Clinic(tmp_path_factory.mktemp("own_users"))
    with clinic.machine:
        clinic.start()
        clinic.hit(5)
        clinic.wait_until_stored(5)
        yield clinic


def test_each_process_has_a_user_of_its_own(clinic):
    users = {name: _user_of(clinic.machine.running[name].pid) for name in PROCESSES}
    assert users == {name: clinic.machine.id_of(f"clinic-pixel-{name}") for name in PROCESSES}
    assert len(set(users.values())) == 4
    assert 0 not in users.values()


@pytest.fixture(scope="module")
def browser(clinic: Clinic) -> Browser:
    return clinic.signed_in()


def test_the_pages_say_where_a_step_needs_the_keys(browser):
    assert "These pages may not reach the keys" in browser.get("/privacy").words
    form = {"case": "1/2026", "requester": "somebody", "basis": "a letter", "code": "abc"}
    answer = browser.send("/privacy/requests", form)
    assert "An administrator of the machine does this step" in answer.words, answer.words


def test_a_hit_is_stored_and_shown_across_the_four_users(browser):
    health = browser.get("/health").words
    assert "The collector accepts hits." in health
    assert "ClickHouse answers." in health
    assert "The keys belong to other users of the machine" in health
    wait_until(lambda: accepted(browser) == 5, "the page to show five hits", seconds=300, pause=0.5)


def accepted(browser: Browser) -> int:
    """Return the hits that the pages show for the last hour."""
    answer = browser.get("/reports/technical/now.json?since=1h")
    assert answer.status == 200, answer.words
    return sum(int(row["accepted"] or 0) for row in json.loads(answer.text))


def test_the_pages_reach_neither_keys_nor_spool_nor_secrets(clinic):
    for closed in ("keys", "spool", "blocks", "secrets", "journal", "clickhouse"):
        assert not clinic.tries("dashboards", f"ls {DATA}/{closed}/"), closed
    assert clinic.tries("dashboards", f"ls {DATA}/audit/")
    assert not clinic.tries("dashboards", f"touch {DATA}/run/x")


@pytest.mark.parametrize("closed", ["keys", "spool", "spool/quarantine", "blocks", "secrets", "journal"])
def test_modes_alone_keep_the_pages_out_without_the_mounts_of_the_unit(clinic, closed):
    for user in ("dashboards", "clickhouse"):
        own = [str(clinic.machine.group(name)) for name in unit(user).words("SupplementaryGroups")]
        uid = clinic.machine.id_of(f"clinic-pixel-{user}")
        as_user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={','.join(own)}"]
        # The directories above the data belong to the test: the user enters the data directly.
        command = ["sh", "-c", f"cd {clinic.machine.data} && exec {shlex.join([*as_user, 'ls', closed])}"]
        assert subprocess.run(command, capture_output=True, check=False).returncode != 0
        readable = ["sh", "-c", f"cd {clinic.machine.data} && exec {shlex.join([*as_user, 'ls', '-d', closed])}"]
        assert (subprocess.run(readable, capture_output=True, check=False).returncode == 0) is ("/" not in closed)


def test_collector_and_shipper_share_the_spool_and_the_keys_and_nothing_of_each_other_more(clinic):
    key = next((clinic.machine.data / "keys").glob("????-??-??.key"))
    assert stat.S_IMODE(key.stat().st_mode) == 0o660
    for name in ("collect", "ship"):
        assert clinic.tries(name, f"cat {DATA}/keys/{key.name} > /dev/null && ls {DATA}/spool"), name
        assert not clinic.tries(name, f"ls {DATA}/secrets"), name
    assert not clinic.tries("collect", f"ls {DATA}/journal")
    assert not clinic.tries("collect", f"ls {DATA}/audit")
    assert not clinic.tries("collect", f"touch {DATA}/pages/x")


def test_each_process_is_handed_its_own_secrets_alone(clinic):
    handed = {name: set(unit(name).credentials) for name in PROCESSES}
    assert handed["collect"] == {"replay.ticket"}
    for name, users in USERS_OF.items():
        file = clinic.machine.data / "secrets" / name / "clickhouse.json"
        assert set(json.loads(file.read_text())) == set(users)
    assert clinic.tries("dashboards", 'grep -q security "$CREDENTIALS_DIRECTORY/clickhouse.json"')
    assert not clinic.tries("dashboards", 'grep -qE "pixel_(eraser|migrator)" "$CREDENTIALS_DIRECTORY/clickhouse.json"')


def test_nothing_outside_of_its_own_directories_can_be_written(clinic):
    for name in PROCESSES:
        assert not clinic.tries(
            name, "touch /etc/x || touch /usr/x || touch /opt/x || touch /var/lib/clinic-pixel/x"
        ), name
        assert clinic.tries(name, "touch /tmp/x"), name


def test_no_file_of_the_data_can_be_reached_by_everybody(clinic):
    public = {"lists", "agents", "networks"}
    wide = [
        path.relative_to(clinic.machine.data)
        for path in clinic.machine.data.rglob("*")
        if path.name not in public and stat.S_IMODE(path.stat().st_mode) & 0o007
    ]
    assert wide == []


def test_an_administrator_works_beside_the_processes_without_locking_one_out(clinic):
    before = clinic.asked("SELECT count() FROM pixel.events")
    made = clinic.as_root("keys", "mint", "--days", "2")
    assert made.returncode == 0, made.stderr
    tomorrow = max((clinic.machine.data / "keys").glob("????-??-??.key"))
    assert clinic.tries("collect", f"cat {DATA}/keys/{tomorrow.name} > /dev/null")
    assert clinic.tries("ship", f"cat {DATA}/audit/audit.log > /dev/null")
    assert clinic.asked("SELECT count() FROM pixel.events") == before
    examined = clinic.as_root("doctor", "--format", "json")
    said = {(row["check"], row["state"]) for row in json.loads(examined.stdout)}
    assert ("keys", "ok") in said
    assert ("audit", "ok") in said
    assert ("files", "ok") in said
    assert not [row for row in json.loads(examined.stdout) if row["check"] == "files" and row["state"] == "problem"]


def test_a_backup_reads_what_the_users_own_and_locks_none_of_them_out(clinic):
    for name in ("backup-requests", "backup"):
        assert clinic.machine.run(name) == 0, clinic.machine.log(name)
    facts = clinic.machine.log("backup")
    assert '"keys_copied":' in facts
    before = int(clinic.asked("SELECT count() FROM pixel.events"))
    clinic.hit(3)
    clinic.wait_until_stored(before + 3)
    locks = [clinic.machine.data / "journal" / name for name in ("quiet", "working")]
    assert {path.stat().st_uid for path in locks} == {clinic.machine.id_of("clinic-pixel-ship")}
    assert clinic.tries("dashboards", f"cat {DATA}/audit/audit.head > /dev/null")


def _user_of(pid: int) -> int:
    found = re.search(r"^Uid:\s+(\d+)\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == found[2]
    return int(found[1])
