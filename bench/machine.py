"""The machine and the versions that a run was made with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.load import missing

PACKAGES = ("uvicorn", "httptools", "uvloop", "msgspec", "clickhouse-connect", "chdb-core")
PROGRAMS = (("wrk", "wrk", "-v"), ("nginx", "/usr/sbin/nginx", "-v"), ("goaccess", "goaccess", "--version"))
_MODEL = re.compile(r"model name\s*: (.+)")
_MEMORY = re.compile(r"MemTotal:\s+(\d+) kB")
_VERSION = re.compile(r"\d+\.\d+(?:[\w.-]*\w)?")


def describe() -> dict[str, str]:
    """Return the facts that a reader needs to compare the numbers with those of another machine."""
    model = _MODEL.search(Path("/proc/cpuinfo").read_text())
    memory = _MEMORY.search(Path("/proc/meminfo").read_text())
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 1e6:.1f} GB" if memory else "unknown",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        **{name: _program(path, option) for name, path, option in PROGRAMS},
    }


def busy_share() -> float:
    """Return the load of the last minute for each core: far over 0 before a run means a shared machine."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _program(path: str, option: str) -> str:
    if missing(path):
        return "not installed"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    found = _VERSION.search(done.stdout + done.stderr)
    return found[0] if found else "unknown"
