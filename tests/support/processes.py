"""The processes of a running system: which part has which number."""

from __future__ import annotations

from pathlib import Path

from support.system import System


def children(pid: int) -> list[int]:
    """Return the processes whose parent is `pid`."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process, '' when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def child(system: System, name: str) -> int | None:
    """Return the process that runs a part of the system (`collect`, `ship`, `clickhouse`), None while there is none."""
    assert system.process is not None
    return next((pid for pid in children(system.process.pid) if f"-m pipeline {name}" in command_of(pid)), None)
