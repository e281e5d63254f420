"""Hardens a process before it holds a key or an address: its memory must reach neither a disk nor a debugger.

Owns the one call for it, and the one that lets a process end with its supervisor. Both settings are lost or inherited
in different ways (the limit passes to children, the dumpable flag is reset by exec), so every process calls it for
itself, workers too.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Final

from pipeline.errors import Fatal

SUPERVISED: Final = "CLINIC_PIXEL_SUPERVISED"
"""The pid of the process that starts and watches this one, set in the environment by it."""

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_GET_DUMPABLE: Final = 3  # prctl(2)
_PR_SET_DUMPABLE: Final = 4


def harden_process() -> None:
    """Switch core dumps off irrevocably: size limit 0 (soft and hard) and, on Linux, not dumpable nor traceable.

    Raises `Fatal` where the system refuses, since a crash would then write keys and addresses to disk.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise Fatal(f"core dumps cannot be switched off (prctl: {os.strerror(ctypes.get_errno())})")


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to end this process when its parent ends, even by SIGKILL.

    The parent is the given process, or the one named in the environment; without either nothing happens.
    """
    parent = parent or int(os.environ.get(SUPERVISED, "0"))
    if sys.platform == "linux" and parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call above could take effect
            raise SystemExit(0)


def dumpable() -> bool:
    """Tell whether this process could still leave a core dump behind."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    # The flag alone counts on Linux: a core_pattern that is a pipe passes over the limit.
    return bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)) if sys.platform == "linux" else soft != 0
