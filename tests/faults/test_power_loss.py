"""Power loss at each system call: the disk is made again of what was synced, and the next process finds every acknowledged hit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.enrich.steps import EnrichTables
from pipeline.spool.segments import QUARANTINE, segment_path
from support.appending import append, found_by_the_next, left_by_a_crash, told_in
from support.auditor import Stored, audit
from support.ledger import Ledger
from support.power import Recorded, State
from support.rounds import Rounds
from support.ship_to_lists import backlog, store_of, worker_on
from support.shipping import INCARNATION, plain_tables
from support.traced import Call, calls, recording, under_strace, why_not


def test_a_disk_keeps_what_was_synced_and_nothing_else_for_sure(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    disk, file = Recorded(home), str(home / "a").encode()
    calls_made = [
        Call("openat", "AT_FDCWD, , O_RDWR|O_APPEND|O_CREAT", (file,), 3),
        Call("write", "3, , 5", (b"first",), 5),
        Call("fdatasync", "3", (), 0),
        Call("write", "3, , 6", (b"second",), 6),
    ]
    for call in calls_made:
        disk.apply(call)
    worst, *others = disk.states(random.Random(1))
    assert worst.files == {}, "the directory was not synced, so the name is not sure"
    assert {state.files.get(home / "a") for state in others} >= {
        b"first",
        b"first\0\0\0\0\0\0",
        b"firstsec",
        b"firstsecond",
    }
    disk.apply(Call("openat", "AT_FDCWD, , O_RDONLY|O_DIRECTORY", (str(home).encode(),), 4))
    disk.apply(Call("fsync", "4", (), 0))
    assert next(disk.states(random.Random(1))).files == {home / "a": b"first"}
    disk.apply(Call("rename", "", (file, str(home / "b").encode()), 0))
    names = [set(state.files) for state in disk.states(random.Random(1))]
    assert names[:2] == [{home / "a"}, {home / "b"}], "a rename is whole or not at all"


@pytest.mark.slow
@pytest.mark.skipif(why_not() != "", reason=why_not())
@pytest.mark.parametrize("begins", ["append", "recovery", "a failed fsync"])
def test_a_collector_loses_nothing_acknowledged_whenever_the_power_fails(
    tmp_path: Path, rounds: Rounds, begins: str
) -> None:
    home, ledger = tmp_path / "home", Ledger()
    home.mkdir()
    if begins == "recovery":
        left_by_a_crash(home / "spool", ledger)
    before = frozenset(ledger.acknowledged)
    disk = Recorded(home)
    logs = [tmp_path / "first", tmp_path / "second"]
    inject = f"inject=fdatasync:{'error=EIO' if begins == 'a failed fsync' else 'signal=KILL'}:when=5"
    append(home / "spool", ledger, incarnation=5, options=[*recording(logs[0]), "-e", inject])
    assert append(home / "spool", ledger, incarnation=6, options=recording(logs[1])) == 0
    found = list(cuts_of(disk, logs, rounds.random))
    assert before.union(told_in(found[-1].said, "acknowledged")) == ledger.acknowledged
    fault = f"power loss at each system call of {begins}"
    for number, cut in enumerate(rounds.each(fault, rounds.some(found, quick=40))):
        cut.disk.write(home, copy := tmp_path / f"cut-{number}")
        then = Ledger().filled(before.union(told_in(cut.said, "acknowledged")), sent=ledger.sent)
        then.refuse(*told_in(cut.said, "refused"))
        rounds.book(fault, then, found_by_the_next(copy / "spool", then), what=cut.where)


@pytest.mark.slow
@pytest.mark.skipif(why_not() != "", reason=why_not())
def test_a_collector_that_answers_before_the_sync_would_be_caught(tmp_path: Path, rounds: Rounds) -> None:
    home, ledger, log = tmp_path / "home", Ledger(), tmp_path / "log"
    home.mkdir()
    disk = Recorded(home)
    assert append(home / "spool", ledger, incarnation=5, options=recording(log), durability="interval") == 0
    lost = set[int]()
    for number, cut in enumerate(rounds.some(list(cuts_of(disk, [log], rounds.random)), quick=20)):
        cut.disk.write(home, copy := tmp_path / f"cut-{number}")
        then = Ledger().filled(told_in(cut.said, "acknowledged"), sent=ledger.sent)
        lost |= set(audit(then, found_by_the_next(copy / "spool", then)).lost)
    assert lost


@pytest.mark.slow
@pytest.mark.skipif(why_not() != "", reason=why_not())
def test_the_shipper_stores_everything_once_whenever_the_power_fails(
    tmp_path: Path, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ClickHouse's own files are not cut: its tables sync each part before the answer, and that is trusted here."""
    home, log = tmp_path / "home", tmp_path / "log"
    ledger = Ledger()
    monkeypatch.setattr(EnrichTables, "load", lambda _: plain_tables())  # half a second each adds up
    home.mkdir()
    backlog(home, ledger)
    disk = Recorded(home)
    done = under_strace("support.ship_to_lists", str(home), options=recording(log))
    assert done.returncode == 0, done.stderr
    found = list(cuts_of(disk, [log], rounds.random))
    fault = "power loss at each system call of ship"
    for number, cut in enumerate(rounds.each(fault, rounds.some(found, quick=40))):
        cut.disk.write(home, copy := tmp_path / f"cut-{number}")
        # The next shipper finds more segments, so only the journal can tell it which of them were sent together.
        store = store_of(cut.said)
        worker_on(copy, store).run(until_empty=True)
        rounds.book(fault, ledger, Stored.in_lists(store), what=cut.where)
        kept = [path.name for path in (copy / "spool" / QUARANTINE).glob("[!.]*")]  # a draft may stay until its term
        assert kept == [bad_line_of(2)], cut.where


def bad_line_of(seq: int) -> str:
    """Return the name under which the bad line of a segment is kept."""
    return f"{segment_path(Path(), 'w0', INCARNATION, seq, 'seg').name}.bad"


class Cut(NamedTuple):
    """A power cut at a system call: one directory that it may leave, and what the process had said by then."""

    number: int
    disk: State
    said: str

    @property
    def where(self) -> str:
        """Which round this is."""
        return f"call {self.number}, {self.disk.how}"


def cuts_of(disk: Recorded, logs: list[Path], chance: random.Random) -> Iterator[Cut]:
    """Follow the recorded processes, one after the other, and yield each power cut that leaves something else than the one before."""
    number, said, seen = 0, "", set[int]()
    for log in logs:
        disk.forget_descriptors()
        for call in calls(log.read_text().splitlines()):
            number += 1
            if isinstance(call, Call):
                if not disk.apply(call):
                    continue
            elif call.name == "write" and call.descriptor == 1:
                said += b"".join(call.texts).decode()
            else:
                continue
            for state in disk.states(chance):
                if (key := hash((state, said))) not in seen:
                    seen.add(key)
                    yield Cut(number, state, said)
