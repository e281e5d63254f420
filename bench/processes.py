"""Starts programs for a measurement, pins them to a core, reads their CPU time and memory, ends them by their pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import urllib3

SERVER_CORE, LOAD_CORE = 0, 1
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
_TICK = os.sysconf("SC_CLK_TCK")


class Program(NamedTuple):
    """A running program."""

    pid: int
    url: str = ""

    def cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, family(self.pid)))

    def memory_mb(self) -> float:
        return sum(map(memory_mb, family(self.pid)))


@contextmanager
def running(
    command: Sequence[str],
    *,
    url: str = "",
    core: int | None = None,
    environment: Mapping[str, str] | None = None,
    ready: Callable[[], bool] | None = None,
) -> Iterator[Program]:
    """Run a program for as long as the block lasts; it begins when `ready`, or when anything answers at `url`."""
    process = subprocess.Popen(
        [*pinned(core), *command],
        env=plain_environment() | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(ready or (lambda: answers(url)), lambda: process.poll() is None, " ".join(command))
        yield Program(process.pid, url)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(
    ready: Callable[[], bool], alive: Callable[[], bool], what: str, *, seconds: float = READY_SECONDS
) -> None:
    """Return once `ready`; end the run with one line when the program ended or the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive() or time.monotonic() > deadline:
            raise SystemExit(f"bench: not ready: {what}")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Return whether anything answers at this address, with any status."""
    try:
        urllib3.request("GET", url, retries=False, timeout=1)
    except urllib3.exceptions.HTTPError:
        return False
    return True


def pinned(core: int | None) -> list[str]:
    """Return the words before a command that keep it on one core; none on a machine without a core to spare."""
    return [] if core is None or (os.cpu_count() or 1) < 2 else ["taskset", "-c", str(core)]


def plain_environment() -> dict[str, str]:
    """Return the environment without settings of the product."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:  # the thread has ended
            continue
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process (proc(5), stat), in seconds; 0 for one that has ended."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK if fields else 0.0


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process (proc(5), stat), in MB; 0 for one that has ended."""
    fields = _stat(pid)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if fields else 0.0


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
