"""The filters of system calls in the units: what each process really calls, watched by strace, is what its unit allows.

The watching takes a minute and is asked for by `CLINIC_PIXEL_SYSTEM_CALLS=1`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from functools import cache

import pytest

from support.own_users import Clinic
from support.processes import children
from support.units import Unit, unit

PROCESSES = ("clickhouse", "collect", "ship", "dashboards")
WATCH = ("strace", "-f", "-qq", "-c", "-U", "name")


@cache
def group(name: str) -> frozenset[str]:
    """Return the calls of a group of systemd."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    said = subprocess.run([program, "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in said.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    found: set[str] = set()
    for word in words:
        found |= group(word) if word.startswith("@") else {word}
    return frozenset(found)


def allowed(of: Unit) -> set[str]:
    """Return the calls that a unit allows, read as systemd reads its lines."""
    calls = set(group("@default"))
    for line in of.all("SystemCallFilter"):
        words = line.removeprefix("~").split()
        named = {call for word in words for call in (group(word) if word.startswith("@") else {word})}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def watched(log: str) -> set[str]:
    """Return the calls in the summaries that strace printed."""
    summaries = re.findall(r"^syscall\n-+\n(.*?)^-+$", log, re.MULTILINE | re.DOTALL)
    assert summaries, log[-2000:]
    return {name for summary in summaries for name in re.findall(r"^(\w+)$", summary, re.MULTILINE)}


def test_a_filter_is_read_as_systemd_reads_it():
    calls = allowed(unit("collect"))
    assert {"read", "openat", "accept4", "mlockall"} <= calls
    assert not {"mount", "setuid", "chown", "ptrace", "sched_setscheduler", "reboot"} & calls
    assert "fchown" in allowed(unit("secrets"))


@pytest.mark.skipif("CLINIC_PIXEL_SYSTEM_CALLS" not in os.environ, reason="a minute long: CLINIC_PIXEL_SYSTEM_CALLS=1")
def test_each_process_calls_what_its_unit_allows(tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian package strace)")
    clinic = Clinic(tmp_path / "machine")
    with clinic.machine as machine:
        # The calls of the programs that bring a process under its user are not its own.
        machine.start("secrets", "/bin/true", before=WATCH, at_once=True).wait(60)
        not_its_own = watched(machine.log("secrets"))
        clinic.start(before=WATCH)
        clinic.hit(5)
        clinic.wait_until_stored(5)
        clinic.signed_in().get("/health")
        for process in machine.running.values():
            for child in children(process.pid):
                os.kill(child, signal.SIGTERM)
        for name, process in machine.running.items():
            assert process.wait(60) is not None, name
        calls = {name: watched(machine.log(name)) for name in ("secrets", "migrate", *PROCESSES)}
    refused = {name: sorted(made - not_its_own - allowed(unit(name))) for name, made in calls.items()}
    assert not any(refused.values()), refused
    assert all(len(made) > len(not_its_own) for made in calls.values())
