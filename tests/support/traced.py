"""System calls under strace: a process whose calls are recorded with all their bytes, or fail where the test says.

strace counts the calls of an injection for each name and each thread on its own. The spool writes from one thread, so the
number of a call in a recorded run is its number in the next run, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from support.waiting import wait_until

TESTS: Final = Path(__file__).parents[1]
CHANGES: Final = (
    "openat", "close", "write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "truncate", "fallocate",
    "copy_file_range", "sendfile", "splice", "fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2", "unlink",
    "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "dup", "dup2", "dup3",
)  # fmt: skip
"""Every call that can change a file, a name or what a descriptor means."""
TALK: Final = ("read", "recvfrom", "recvmsg", "sendto", "sendmsg")
"""The calls by which a process hears and answers, beside the writing ones."""

_CALL = re.compile(r"(\d+) +(\w+)\((.*?)(?:\) += (-?\d+|\?)(.*)| <unfinished \.\.\.>)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


@dataclass(frozen=True)
class Started:
    """A system call that began: what it says may be heard before it ends. `texts` are the strings among its arguments, whole."""

    name: str
    arguments: str
    texts: tuple[bytes, ...]

    @property
    def descriptor(self) -> int:
        """The first argument as a descriptor."""
        return int(self.arguments.partition(",")[0])


@dataclass(frozen=True)
class Call(Started):
    """A system call that ended with a result."""

    result: int


@contextmanager
def failing(calls: str, pid: int, injection: str, *, log: Path, of: Iterable[Path] = ()) -> Iterator[None]:
    """Let system calls of a running process, named with commas, fail inside the block as `injection` says, e.g. `error=ENOSPC:when=1`.

    `of` names the files whose calls fail; without it those of all files do. `log` has a line for each call. Skips the test where strace may not attach.
    """
    faults = ["-e", f"trace={calls}", "-e", f"inject={calls}:{injection}"]
    faults += [word for path in of for word in ("-P", str(path))]
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-p", str(pid), "-o", str(log), *faults], stderr=subprocess.PIPE, text=True
    )
    try:
        status = Path(f"/proc/{pid}/status")
        wait_until(
            lambda: tracer.poll() is not None or f"TracerPid:\t{tracer.pid}" in status.read_text(), "strace to attach"
        )
        if tracer.poll() is not None:
            assert tracer.stderr is not None
            pytest.skip(f"strace may not attach here: {tracer.stderr.read().strip()[:100]}")
        yield
    finally:
        tracer.terminate()
        try:
            tracer.communicate(timeout=20)
        except subprocess.TimeoutExpired:  # strace may wait for ever for a thread of the process that it killed
            tracer.kill()
            tracer.communicate()


def why_not() -> str:
    """Return why strace cannot be used here, '' where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: no system call can be recorded or made to fail"
    probe = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False, capture_output=True, text=True)
    return f"strace may not trace here: {probe.stderr.strip()[:100]}" if probe.returncode else ""


def under_strace(
    module: str, *arguments: str, options: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a module of Python under strace with these options, to its end."""
    return subprocess.run(
        ["strace", "-f", "-qq", *options, "--", sys.executable, "-m", module, *arguments],
        cwd=TESTS,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def recording(log: Path, *, talk: bool = False) -> list[str]:
    """Return the options that record every change, and with `talk` every message, into `log`."""
    calls = ",".join((*CHANGES, *(TALK if talk else ())))
    return ["-xx", "-s", str(1 << 22), "-e", f"trace={calls}", "-e", "signal=none", "-o", str(log)]


def calls(log: Iterable[str]) -> Iterator[Started | Call]:
    """Yield what a recorded process did: each call twice, as it began and as it ended; unended ones only began."""
    begun: dict[str, tuple[str, str]] = {}
    for line in log:
        if (found := _RESUMED.match(line)) is not None:
            thread, name, rest, result, _ = found.groups()
            _, head = begun.pop(thread)
            yield _call(name, head + rest, result)
        elif (found := _CALL.match(line)) is not None:
            thread, name, arguments, result, _ = found.groups()
            yield Started(name, arguments, _texts(arguments))
            if result is None:  # its end comes in a line of its own
                begun[thread] = (name, arguments)
            else:
                yield _call(name, arguments, result)


def _call(name: str, arguments: str, result: str) -> Call:
    return Call(name, arguments, _texts(arguments), -1 if result == "?" else int(result))


def _texts(arguments: str) -> tuple[bytes, ...]:
    found = list(_TEXT.finditer(arguments))
    assert not any(text[2] for text in found), "strace cut a string: its bytes are not known"
    return tuple(bytes.fromhex(text[1].replace("\\x", "")) for text in found)
