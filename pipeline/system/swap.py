"""Swap: the system itself could write an address or a key in memory to a disk.

Owns the locking of a process's memory and the check whether it could still be swapped out. Source: mlockall(2),
proc(5), the kernel's documentation of cgroup v2 (`memory.swap.max`).
"""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path
from typing import Final

_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4  # lock a page when it is first used, not the whole address space at once
_CAP_IPC_LOCK: Final = 14  # capabilities(7)


def lock_memory() -> bool:
    """Lock this process's present and future memory, so that it is not swapped out; return whether it is locked.

    It is tried only if no limit applies: under a limit the process would later fail to get memory.
    """
    if sys.platform != "linux" or not _may_lock():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


def may_swap(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> bool:
    """Return whether the memory of this process could be written to swap.

    It cannot if the machine has no swap, the process's cgroup may use none, or the memory is locked.
    """
    no_swap = len(_text(proc / "swaps").splitlines()) == 1  # only the heading
    return not (no_swap or _unit_without_swap(proc, cgroups) or _locked(proc))


def _may_lock() -> bool:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return soft == resource.RLIM_INFINITY or bool(int(_status(Path("/proc"), "CapEff") or "0", 16) >> _CAP_IPC_LOCK & 1)


def _unit_without_swap(proc: Path, cgroups: Path) -> bool:
    group = _text(proc / "self" / "cgroup").rpartition("::")[2].strip().lstrip("/")
    return _text(cgroups / group / "memory.swap.max").strip() == "0"


def _locked(proc: Path) -> bool:
    return int((_status(proc, "VmLck") or "0").split()[0]) > 0


def _status(proc: Path, name: str) -> str:
    lines = (line.partition(":") for line in _text(proc / "self" / "status").splitlines())
    return next((value.strip() for key, _, value in lines if key == name), "")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
