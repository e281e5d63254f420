"""A file that is replaced has its old content or all of the new one, and nothing else is left beside it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.system.durable_files import READABLE, LocalFiles, create_once, replace, replacing, sweep_drafts
from pipeline.system.private_files import replace_private


class Recorder(LocalFiles):
    """Files that note each call and fail at one of them."""

    def __init__(self, failing: str = "") -> None:
        self.calls: list[str] = []
        self._failing = failing

    def create(self, path: Path) -> int:
        self._call("create")
        return super().create(path)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._call("write")
        return super().write(fd, data)

    def fdatasync(self, fd: int) -> None:
        self._call("fdatasync")
        super().fdatasync(fd)

    def rename(self, old: Path, new: Path) -> None:
        self._call("rename")
        super().rename(old, new)

    def fsync_directory(self, directory: Path) -> None:
        self._call(f"fsync_directory {directory.name}")
        super().fsync_directory(directory)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self._failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    directory = tmp_path / "place"
    directory.mkdir(mode=0o700)
    file = directory / "name.json"
    file.write_bytes(b"old")
    return file


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_content_is_on_the_disk_before_its_name_and_the_name_when_the_call_returns(file: Path) -> None:
    files = Recorder()
    replace(file, b"new", files=files)
    assert files.calls == ["create", "write", "fdatasync", "rename", "fsync_directory place"]
    assert file.read_bytes() == b"new"
    assert names(file.parent) == ["name.json"]


def test_without_sync_nothing_waits_for_the_disk(file: Path) -> None:
    files = Recorder()
    replace(file, b"new", sync=False, files=files)
    assert files.calls == ["create", "write", "rename"]
    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("failing", ["create", "write", "fdatasync", "rename"])
def test_a_failure_leaves_the_old_content_and_no_draft(file: Path, failing: str) -> None:
    with pytest.raises(OSError, match="No space"):
        replace(file, b"new", files=Recorder(failing))
    assert file.read_bytes() == b"old"
    assert names(file.parent) == ["name.json"]


def test_an_error_of_the_writing_block_leaves_the_old_content_and_no_draft(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(file) as fd:
        os.write(fd, b"%d" % (1 // 0))
    assert file.read_bytes() == b"old"
    assert names(file.parent) == ["name.json"]


def test_a_killed_process_leaves_the_old_content_and_a_draft_that_is_swept(file: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from pipeline.system.durable_files import replacing\n"
        "with replacing(Path(sys.argv[1])) as fd: os.write(fd, b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, file], check=False, timeout=60).returncode == -9
    assert file.read_bytes() == b"old"
    (draft,) = set(file.parent.iterdir()) - {file}
    sweep_drafts(file.parent, before=draft.stat().st_mtime)
    assert draft.exists()
    sweep_drafts(file.parent, before=draft.stat().st_mtime + 1)
    assert names(file.parent) == ["name.json"]


@pytest.mark.parametrize("wide", [True, False])
def test_the_mode_is_the_asked_one_whatever_the_umask_and_the_old_file_say(file: Path, wide: bool) -> None:
    file.chmod(0o640)
    before = os.umask(0o077 if wide else 0)
    try:
        replace(file, b"new", **({"mode": READABLE} if wide else {}))
    finally:
        os.umask(before)
    assert mode(file) == (0o644 if wide else 0o600)


def test_a_symlink_is_replaced_and_never_followed(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    file.unlink()
    file.symlink_to(target)
    replace(file, b"new")
    assert target.read_bytes() == b"theirs"
    assert not file.is_symlink()


def test_a_private_file_is_not_written_through_a_directory_that_is_a_symlink_or_open_to_others(file: Path) -> None:
    link = file.parent.with_name("link")
    link.symlink_to(file.parent)
    with pytest.raises(Fatal, match="is a symlink"):
        replace_private(link / "name.json", b"new")
    file.parent.chmod(0o750)
    with pytest.raises(Fatal, match="others can reach it"):
        replace_private(file, b"new")
    assert file.read_bytes() == b"old"


def test_the_first_to_make_a_file_wins_and_nobody_leaves_a_draft(file: Path) -> None:
    fresh = file.with_name("fresh")
    assert create_once(fresh, b"first")
    assert not create_once(fresh, b"second")
    assert fresh.read_bytes() == b"first"
    assert mode(fresh) == 0o600
    assert names(file.parent) == ["fresh", "name.json"]
