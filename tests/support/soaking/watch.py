"""The holdings of the product's processes: memory, descriptors, threads, and what waits in the spool."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import urllib3

from pipeline.spool.segments import used_bytes
from support.processes import child, children
from support.system import System

PARTS: Final = ("collect", "ship", "clickhouse", "dashboards")


class Held(NamedTuple):
    """What one part holds, with its child processes."""

    memory_mb: float
    descriptors: int
    threads: int


class Sample(NamedTuple):
    """One look at all parts, `seconds` after the begin."""

    seconds: float
    parts: Mapping[str, Held]
    spool_mb: float


def held(pid: int) -> Held:
    """Return what a process and its children hold; raises `OSError` where it has ended."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE))
    own = Held(int(numbers["VmRSS"]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), int(numbers["Threads"]))
    for each in map(held, children(pid)):
        own = Held(own.memory_mb + each.memory_mb, own.descriptors + each.descriptors, own.threads + each.threads)
    return own


class Watch(threading.Thread):
    """Looks at a running system until `end`; asks a page of the dashboards each time, so that they work, too."""

    def __init__(self, system: System, every_seconds: float) -> None:
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self.restarts: set[str] = set()
        self._system, self._every = system, every_seconds
        self._pids = {name: child(system, name) for name in PARTS}
        self._ended = threading.Event()

    def run(self) -> None:
        """Take a sample, wait, and so on."""
        begun = time.monotonic()
        while not self._ended.wait(self._every):
            parts: dict[str, Held] = {}
            for name in PARTS:
                pid = child(self._system, name)
                if pid is None or pid != self._pids[name]:
                    self.restarts.add(name)
                    continue
                parts[name] = held(pid)
            spool_mb = used_bytes(self._system.settings.spool_dir) / 2**20
            self.samples.append(Sample(time.monotonic() - begun, parts, spool_mb))
            self._ask()

    def _ask(self) -> None:
        port = self._system.settings.dashboards.port
        try:
            self._system.http.request("GET", f"http://127.0.0.1:{port}/sign-in", timeout=5.0)
        except urllib3.exceptions.HTTPError:
            return  # the samples show whether the process is there

    def end(self) -> None:
        """Take no more samples."""
        self._ended.set()
        self.join(60)


def growth(samples: list[Sample], name: str) -> dict[str, tuple[float, float]]:
    """Return the mean of each number of a part in the second quarter of the run and in the last one."""
    quarter = max(1, len(samples) // 4)
    spans = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    return {
        field: (_mean(spans[0], name, field), _mean(spans[1], name, field))
        for field in Held._fields
    }  # fmt: skip


def _mean(samples: list[Sample], name: str, field: str) -> float:
    values = [float(getattr(one.parts[name], field)) for one in samples if name in one.parts]
    return sum(values) / max(1, len(values))
