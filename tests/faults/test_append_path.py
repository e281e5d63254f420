"""kill -9, EIO, ENOSPC and a short write at each system call of the append path and of recovery, by strace."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from support.appending import EVENTS, append, found_by_the_next, left_by_a_crash
from support.ledger import Ledger
from support.rounds import Rounds
from support.traced import why_not

KILLED_AT: Final = (
    "mkdir", "flock", "openat", "pread64", "pwrite64", "write", "fdatasync", "ftruncate", "rename", "unlink", "fsync", "close", "getdents64",
)  # fmt: skip
FAILS: Final = {
    "EIO": frozenset(KILLED_AT) - {"flock"},
    "ENOSPC": {"mkdir", "openat", "pwrite64", "write", "rename", "fdatasync", "fsync"},
}
INCARNATION: Final = 5


@pytest.fixture(autouse=True, scope="module")
def strace() -> None:
    if reason := why_not():
        pytest.skip(reason)


def spool_with(home: Path, begins: str) -> tuple[Path, Ledger]:
    """Return the directory of a spool that is new, or left by a crash."""
    ledger, directory = Ledger(), home / "spool"
    home.mkdir()
    if begins == "recovery":
        left_by_a_crash(directory, ledger)
    return directory, ledger


def positions(home: Path, begins: str) -> list[tuple[str, int]]:
    """Return each call that a run makes to the spool's files: its name, and which of that name it is in its thread."""
    directory, ledger = spool_with(home, begins)
    log = home / "strace"
    trace = ["-e", f"trace={','.join(KILLED_AT)}", "-e", "signal=none", "-o", str(log)]
    assert append(directory, ledger, incarnation=INCARNATION, options=[*only_the_spool(directory), *trace]) == 0
    seen: Counter[tuple[str, str]] = Counter()
    for line in log.read_text().splitlines():
        thread, call = line.split(maxsplit=1)
        if not call.startswith("<..."):
            seen[thread, call.partition("(")[0]] += 1
    most = {name: max(number for (_, called), number in seen.items() if called == name) for _, name in seen}
    return [(name, number) for name in KILLED_AT for number in range(1, most.get(name, 0) + 1)]


def only_the_spool(directory: Path) -> list[str]:
    """Return the options that keep strace to the files this run may touch: the interpreter's calls are not hit."""
    names = [f"w0-{INCARNATION:014d}-{seq:06d}" for seq in range(1, EVENTS + 1)]
    names += [f"w0-{1:014d}-{seq:06d}" for seq in range(1, 4)]
    files = [f"{name}{state}" for name in names for state in (".open", ".copy", ".suspect", ".seg")]
    tails = [f"quarantine/{name}" for name in ("notes.txt", f"w0-{1:014d}-000003.copy")]
    places = (
        directory.parent,
        directory,
        *(directory / name for name in ("w0.lock", "quarantine", "notes.txt", *files, *tails)),
    )
    return [f"-P{place}" for place in places]


@pytest.mark.slow
@pytest.mark.parametrize("begins", ["append", "recovery"])
@pytest.mark.parametrize("fault", ["kill -9", "EIO", "ENOSPC"])
def test_what_was_acknowledged_is_there_once_whichever_system_call_is_hit(
    tmp_path: Path, rounds: Rounds, begins: str, fault: str
) -> None:
    may_fail = FAILS.get(fault, KILLED_AT)
    places = [place for place in positions(tmp_path / "traced", begins) if place[0] in may_fail]
    name = f"{fault} at each system call of {begins}"
    for call, number in rounds.each(name, rounds.some(places, quick=5)):
        directory, ledger = spool_with(home := tmp_path / f"{call}-{number}", begins)
        how = "signal=KILL" if fault == "kill -9" else f"error={fault}"
        log = home / "strace"
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:{how}:when={number}", "-o", str(log)]
        status = append(directory, ledger, incarnation=INCARNATION, options=[*only_the_spool(directory), *inject])
        struck = status != 0 if fault == "kill -9" else "(INJECTED)" in log.read_text()
        assert struck, f"{call} number {number} never came: that proves nothing"
        rounds.book(name, ledger, found_by_the_next(directory, ledger), what=f"{call} number {number}")


@pytest.mark.slow
def test_a_write_that_the_kernel_cuts_short_at_any_byte_is_undone(tmp_path: Path, rounds: Rounds) -> None:
    cuts = [(event, size) for event in range(EVENTS) for size in (0, 1, 131, 132, 200)]
    name = "short write, then an error"
    for event, size in rounds.each(name, rounds.some(cuts, quick=4)):
        directory, ledger = spool_with(tmp_path / f"{event}-{size}", "append")
        quiet = ["-e", "trace=none", "-o", "/dev/null"]
        status = append(directory, ledger, incarnation=INCARNATION, options=quiet, short=(event, size))
        assert status == 0
        assert len(ledger.acknowledged) == EVENTS - 1, "the cut write is refused and every other event taken"
        rounds.book(name, ledger, found_by_the_next(directory, ledger), what=f"event {event} after {size} bytes")
