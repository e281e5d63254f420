"""A directory that an administrator shares with a group: its files are the group's, whatever the umask; any other one is its owner's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.system import locks
from pipeline.system.durable_files import LOCAL_FILES, create_once, make_directory, replace
from pipeline.system.private_files import NotOurs, open_private, others_reach, private_directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    directory = tmp_path / "spool"
    directory.mkdir()
    directory.chmod(0o2770)
    return directory


def fill(directory: Path) -> dict[str, int]:
    before = os.umask(0o077)
    try:
        os.close(LOCAL_FILES.create(directory / "segment"))
        replace(directory / "replaced", b"x")
        create_once(directory / "once", b"x")
        os.close(locks.take(directory / "lock"))
        make_directory(directory / "aside")
    finally:
        os.umask(before)
    return {path.name: mode(path) for path in directory.iterdir()}


def test_new_files_of_a_shared_directory_are_its_groups_whatever_the_umask(shared):
    expected = dict.fromkeys(("segment", "replaced", "once", "lock"), 0o660)
    assert fill(shared) == {**expected, "aside": 0o2770}
    assert private_directory(shared) == shared


@pytest.mark.parametrize("given", [0o700, 0o770, 0o2750, 0o2775, 0o2700, 0o755])
def test_in_every_other_directory_a_new_file_is_its_owners_alone(tmp_path, given):
    directory = tmp_path / "other"
    directory.mkdir()
    directory.chmod(given)
    assert {name: bits & 0o777 for name, bits in fill(directory).items()} == {
        **dict.fromkeys(("segment", "replaced", "once", "lock"), 0o600),
        "aside": 0o700,
    }


@pytest.mark.parametrize("given", [0o770, 0o2750, 0o2775, 0o755, 0o2771])
def test_a_directory_that_is_wide_in_another_way_is_refused(tmp_path, given):
    directory = tmp_path / "wide"
    directory.mkdir()
    directory.chmod(given)
    assert others_reach(directory, directory.stat())
    with pytest.raises(Fatal, match="others can reach it"):
        private_directory(directory)


def test_a_file_for_everybody_or_for_another_group_is_refused_in_a_shared_directory(shared):
    for name, bits in (("everybody", 0o664), ("group", 0o660)):
        (shared / name).touch()
        (shared / name).chmod(bits)
    os.close(open_private(shared / "group", os.O_RDONLY))
    with pytest.raises(Fatal, match="others can reach it"):
        open_private(shared / "everybody", os.O_RDONLY)
    if os.geteuid() == 0:
        os.chown(shared / "group", -1, 61_001)
        with pytest.raises(Fatal, match="others can reach it"):
            open_private(shared / "group", os.O_RDONLY)


@pytest.mark.skipif(os.geteuid() != 0, reason="the processes get users of their own: needs root")
def test_a_member_of_the_group_opens_what_another_one_made_and_a_stranger_does_not(shared):
    shared.parent.chmod(0o711)
    os.chown(shared, 61_001, 61_009)
    replace(shared / "key", b"32 bytes")
    assert (shared / "key").stat().st_gid == 61_009

    def opens(user: int, group: int) -> bool:
        lines = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from pipeline.system.private_files import NotOurs, open_private, private_directory
os.chdir({str(shared.parent)!r}); os.setgroups([{group}]); os.setgid({user}); os.setuid({user})
try:
    private_directory(Path("spool")); os.read(open_private(Path("spool/key"), os.O_RDWR), 1)
except NotOurs:
    sys.exit(3)
"""
        done = subprocess.run([sys.executable, "-c", lines], check=False, capture_output=True, text=True)
        assert done.returncode in (0, 3), done.stderr
        return done.returncode == 0

    assert opens(61_002, 61_009)
    assert not opens(61_003, 61_008)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user: needs root")
def test_what_belongs_to_another_user_is_named_as_such(tmp_path, monkeypatch):
    directory = private_directory(tmp_path / "keys")
    monkeypatch.setattr(os, "geteuid", lambda: 61_001)
    with pytest.raises(NotOurs, match="belongs to user 0"):
        private_directory(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="a process under another user: needs root")
@pytest.mark.parametrize(("mode_of_data", "reaches"), [(0o711, False), (0o777, True)])
def test_a_missing_directory_is_reached_by_whoever_may_make_it(tmp_path, mode_of_data, reaches):
    tmp_path.chmod(mode_of_data)
    lines = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from pipeline.system.private_files import may_reach
os.chdir({str(tmp_path)!r}); os.setgroups([]); os.setgid(61001); os.setuid(61001)
sys.exit(0 if may_reach(Path("keys")) else 3)
"""
    done = subprocess.run([sys.executable, "-c", lines], check=False, capture_output=True, text=True)
    assert done.returncode == (0 if reaches else 3), done.stderr
