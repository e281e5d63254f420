"""A disk of a test's own: ext4 in a file, mounted by root, that can be filled, turn read-only under the writers, and be mended."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from support.waiting import wait_until

PIECE: Final = 1 << 16
BALLAST: Final = "lost+found/ballast"
"""The directory of the filling of a full disk: no reader of the spool looks there."""


class LoopDisk:
    """One mounted disk of so many megabytes."""

    def __init__(self, image: Path, place: Path, megabytes: int) -> None:
        self._image, self._place = image, place
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-m", "0", str(image))
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mount()

    def fill(self) -> None:
        """Take every free byte."""
        with (self._place / BALLAST).open("ab", buffering=0) as file:
            size = PIECE
            while size:
                try:
                    file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 4
            os.fsync(file.fileno())

    def make_room(self) -> None:
        """Give back what `fill` took."""
        (self._place / BALLAST).unlink()

    def turn_read_only(self) -> None:
        """Do as the kernel does after an error of the device: from now on nothing can be written, whoever has a file open.

        No fsync may be under way: ext4 was seen (Linux 6.18) to answer one with success whose transaction it threw away.
        """
        _run("mount", "-o", "remount,abort", str(self._place))

    def mend(self) -> None:
        """Do as an administrator does when the writers have ended: check the disk and mount it again."""
        _run("umount", str(self._place))
        wait_until(lambda: not _run("losetup", "-j", str(self._image)), "the loop device to be given back")
        done = subprocess.run(["e2fsck", "-fy", str(self._image)], capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stdout[-500:]
        self._mount()

    def close(self) -> None:
        """Take it away, also from under those who still have a file open."""
        subprocess.run(["umount", "-l", str(self._place)], capture_output=True, check=False)
        self._image.unlink()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self._place))
        shutil.chown(self._place, os.geteuid())
        self._place.chmod(0o700)


@contextmanager
def loop_disk(image: Path, place: Path, megabytes: int) -> Iterator[LoopDisk]:
    """Lend a mounted disk."""
    disk = LoopDisk(image, place, megabytes)
    try:
        yield disk
    finally:
        disk.close()


def why_not(scratch: Path) -> str:
    """Return why no disk can be mounted here, '' where it can."""
    if os.geteuid() or shutil.which("mkfs.ext4") is None:
        return "needs root and mkfs.ext4: no disk can be filled or turned read-only"
    try:
        with loop_disk(scratch / "probe.img", scratch / "probe", 4):
            return ""
    except OSError as error:
        return f"no disk can be mounted here: {error}"


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()[:200]}")
    return done.stdout
