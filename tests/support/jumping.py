"""A wall clock that a test moves under running processes: `jump.c` loaded into them, which reads its seconds from a file.

libfaketime would do it, too, but its `clock_nanosleep` refuses the absolute times with which Python sleeps.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("jump.c")


class JumpingClock:
    """The clock of the processes that are started with `environment`."""

    def __init__(self, place: Path) -> None:
        self._file = place / "seconds"
        self._library = place / "jump.so"
        self.set(0)
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)

    @staticmethod
    def missing() -> str:
        """Return the program that is needed and absent, '' where none is."""
        return "" if shutil.which("cc") else "cc"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process with this clock."""
        return {"LD_PRELOAD": str(self._library), "JUMP_FILE": str(self._file)}

    def set(self, seconds: float) -> None:
        """Move the clock to so many seconds from the true time."""
        mode = "r+b" if self._file.exists() else "wb"
        with self._file.open(mode) as file:
            file.write(struct.pack("q", round(seconds)))
