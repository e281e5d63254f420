"""Switches core dumps off before a process reads a key or an address: no memory may reach a disk or a debugger.

Owns the one call for it, and the one that ends a process with its supervisor. A child inherits the limit, but exec
resets the dumpable flag, so every process calls it for itself, workers too.
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
"""The environment variable in which a supervisor gives its pid to a process that it starts."""

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_GET_DUMPABLE: Final = 3  # prctl(2)
_PR_SET_DUMPABLE: Final = 4


def harden_process() -> None:
    """Switch core dumps off permanently: size limit 0 (soft and hard) and, on Linux, not dumpable and not traceable.

    Raises `Fatal` if the system refuses, since a crash would then write keys and addresses to disk.
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
        if os.getppid() != parent:  # the parent ended before the call above took effect
            raise SystemExit(0)


def dumpable() -> bool:
    """Return whether this process could still write a core dump."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    # Only the flag counts on Linux: the limit has no effect if core_pattern is a pipe.
    return bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)) if sys.platform == "linux" else soft != 0
