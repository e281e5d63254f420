"""kill -9 at the system calls of the append path, by strace: acknowledged is recovered, each once, and the counts agree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline.event import Event
from pipeline.spool.recovery import recover_orphans
from support.spooling import bad_lines, counted, records, states

TESTS = Path(__file__).parents[1]
EVENTS = 12  # four segments: creating, appending and sealing each happen more than once
CALLS = {
    "openat": (1, 2),
    "write": (1, 2, 6),
    "fdatasync": (1, 2, 6),
    "rename": (1, 2),
    "fsync": (1, 2, 3),
    "pwrite64": (1,),
}


def run(directory: Path, incarnation: int, *injection: str) -> tuple[int, set[str]]:
    """Run the writer under strace; return its exit status and what it said was acknowledged."""
    command = ["strace", "-f", "-qq", "-o", os.devnull, *injection, "--", sys.executable]
    done = subprocess.run(
        [*command, "-m", "support.append_until_killed", str(directory), str(EVENTS), str(incarnation)],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return done.returncode, set(done.stdout.decode().splitlines())


@pytest.fixture(scope="module")
def strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    probe = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("strace may not trace here")


@pytest.mark.slow
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("call", CALLS)
def test_what_was_acknowledged_before_kill_9_at_a_system_call_is_recovered(tmp_path, call):
    acknowledged: set[str] = set()
    killed = 0
    for incarnation, when in enumerate(CALLS[call], start=1):
        status, heard = run(
            tmp_path, incarnation, *_spool_paths(tmp_path, incarnation), "-e", f"inject={call}:signal=KILL:when={when}"
        )
        killed += status != 0
        acknowledged |= heard
    status, heard = run(tmp_path, 99)
    acknowledged |= heard
    recover_orphans(tmp_path)

    assert status == 0
    assert len(heard) == EVENTS
    assert killed == len(CALLS[call]), "a call that never came proves nothing"
    found = [f"{record.page} {record.event_id}" for record in records(tmp_path) if isinstance(record, Event)]
    assert acknowledged <= set(found)
    assert max(Counter(found).values()) == 1
    assert counted(records(tmp_path))["spooled"] == len(found)
    assert bad_lines(tmp_path) == []
    assert set(states(tmp_path)) == {"seg"}


def _spool_paths(directory: Path, incarnation: int) -> list[str]:
    """Return the options that keep strace to the files this run may touch: the interpreter's calls are not hit."""
    names = [f"w0-{incarnation:014d}-{seq:06d}.open" for seq in range(1, EVENTS + 1)]
    return [f"-P{place}" for place in (directory, *(directory / name for name in ["w0.lock", *names]))]
