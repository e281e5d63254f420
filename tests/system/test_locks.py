"""A lock keeps other processes out and is gone with its holder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.system.locks import Held, is_held, locked, take

HOLDER = """
import sys
from pathlib import Path
from pipeline.system.locks import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""
TRIER = """
import sys
from pathlib import Path
from pipeline.system.locks import Held, take
try:
    take(Path(sys.argv[1]), shared=sys.argv[2] == "shared")
except Held:
    sys.exit(7)
"""


@contextmanager
def holder(lock: Path, how: str = "exclusive") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until the block ends."""
    command = [sys.executable, "-c", HOLDER, str(lock), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def other_may(lock: Path, how: str) -> bool:
    code = subprocess.run([sys.executable, "-c", TRIER, str(lock), how], check=False, timeout=60).returncode
    assert code in (0, 7)
    return code == 0


@pytest.mark.parametrize(
    ("held", "asked", "allowed"),
    [
        ("exclusive", "exclusive", False),
        ("exclusive", "shared", False),
        ("shared", "exclusive", False),
        ("shared", "shared", True),
    ],
)
def test_another_process_gets_in_only_where_both_share(tmp_path: Path, held: str, asked: str, allowed: bool) -> None:
    lock = tmp_path / "lock"
    with locked(lock, shared=held == "shared"):
        assert other_may(lock, asked) is allowed
    assert other_may(lock, asked)


def test_a_lock_that_is_held_is_refused_at_once_with_its_name(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with holder(lock), pytest.raises(Held, match=r"lock: another process holds this lock"):
        take(lock)


def test_a_lock_ends_with_the_killed_process_that_held_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with holder(lock) as process:
        assert is_held(lock)
        process.kill()
        process.wait(60)
        assert not is_held(lock)
        with locked(lock):  # waits, and gets it
            assert is_held(lock)


def test_a_lock_nobody_made_is_not_held_and_asking_does_not_make_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_symlink_is_refused_and_its_target_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "lock").symlink_to(target)
    with pytest.raises(Fatal, match="is a symlink"):
        take(tmp_path / "lock")
    assert not target.exists()


def test_a_lock_is_not_inherited_by_a_program_that_its_holder_starts(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as descriptor:
        assert not os.get_inheritable(descriptor)


def test_no_descriptor_is_left_behind_by_a_refusal(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(Held):
            take(tmp_path / "lock")
        assert len(list(Path("/proc/self/fd").iterdir())) == before
