"""The journal knows after a crash what it knew before."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.journal import Journal
from pipeline.delivery.journal_entries import (
    Begun,
    Closed,
    Done,
    Finished,
    Intent,
    Line,
    OpenPlan,
    Split,
    Stuck,
    Unstorable,
    frames,
    parse,
)
from pipeline.delivery.plan import Plan
from pipeline.errors import Fatal, Retryable
from pipeline.system.durable_files import LocalFiles

PLAN = Plan("p1", ("w0-1-1.seg", "w0-1-2.seg"), 50_000)
OTHER = Plan("p2", ("w0-1-3.seg",), 50_000)
EVERY_LINE: list[Line] = [
    Begun(PLAN),
    Intent("p1", "b1", 0, 7),
    Done("p1", "b1", 7),
    Split("p1", "b2"),
    Unstorable("p1", "b3"),
    Stuck("p1", "b4", 3),
    Finished("p1"),
    Closed("p1"),
]


class FailingFiles(LocalFiles):
    """Files whose named operation fails while `failing` says so."""

    def __init__(self) -> None:
        self.failing = ""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self.failing == "short write":
            return super().write(fd, bytes(data)[: len(data) // 2]) if len(data) > 1 else self._fail()
        return self._fail() if self.failing == "write" else super().write(fd, data)

    def fdatasync(self, fd: int) -> None:
        if self.failing == "fdatasync":
            self._fail()
        super().fdatasync(fd)

    def rename(self, old: Path, new: Path) -> None:
        if self.failing == "rename":
            self._fail()
        super().rename(old, new)

    def _fail(self) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def known(directory: Path) -> list[tuple[Plan, dict[str, object], bool]]:
    with Journal(directory) as journal:
        return [(plan.plan, dict(plan.batches), plan.finished) for plan in journal.open_plans()]


@pytest.mark.parametrize("line", EVERY_LINE, ids=lambda line: type(line).__name__.lower())
def test_every_line_can_be_read_again(line: Line) -> None:
    assert parse(frames([line])) == line


def test_a_journal_of_the_first_version_is_read() -> None:
    lines = (Path(__file__).with_name("golden") / "first.journal").read_bytes().splitlines(keepends=True)
    plan = Plan(
        "3f1e9a52-6b0c-5d1e-8f7a-2c4b6d8e0f13",
        ("w0-17950028961230-000001.seg", "w1-17950028961230-000002.seg"),
        50_000,
    )
    assert [parse(line) for line in lines] == [
        Begun(plan),
        Intent(plan.id, "b1", 2, 7),
        Done(plan.id, "b1", 7),
        Split(plan.id, "b2"),
        Unstorable(plan.id, "b3"),
        Stuck(plan.id, "b4", 3),
        Finished(plan.id),
        Closed(plan.id),
    ]


def test_what_was_written_is_known_to_the_next_process(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write(Begun(PLAN), Intent("p1", "b1", 0, 7))
        journal.write(Done("p1", "b1", 7))
        journal.write(Begun(OTHER), Intent("p2", "b9", 2, 5))
    assert known(tmp_path) == [
        (PLAN, {"b1": Done("p1", "b1", 7)}, False),
        (OTHER, {"b9": Intent("p2", "b9", 2, 5)}, False),
    ]


def test_a_closed_plan_is_forgotten(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write(Begun(PLAN), Finished("p1"))
        journal.write(Closed("p1"))
        assert not journal.knows(PLAN)
    assert known(tmp_path) == []


@given(cut=st.integers(0, 400), tail=st.sampled_from([b"", b"\0" * 90, b"garbage", b"garbage\n", b"\0" * 40 + b"\n"]))
def test_a_torn_last_line_is_cut_and_no_other(tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes) -> None:
    directory = tmp_path_factory.mktemp("journal")
    first, second = frames([Begun(PLAN)]), frames([Intent("p1", "b1", 0, 7)])
    kept = second[: min(cut, len(second) - 1)]
    (directory / "journal").write_bytes(first + kept + tail)
    assert known(directory) == [(PLAN, {}, False)]
    with Journal(directory) as journal:
        journal.write(Intent("p1", "b1", 0, 8))
    assert known(directory) == [(PLAN, {"b1": Intent("p1", "b1", 0, 8)}, False)]


def test_a_damaged_line_in_the_middle_is_fatal_and_named(tmp_path: Path) -> None:
    text = bytearray(frames([Begun(PLAN), Intent("p1", "b1", 0, 7), Done("p1", "b1", 7)]))
    text[len(frames([Begun(PLAN)])) + 20] ^= 1
    (tmp_path / "journal").write_bytes(text)
    with pytest.raises(Fatal, match="line 2 is damaged"):
        Journal(tmp_path)


def test_a_second_shipper_is_told_in_one_line(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(Fatal, match=rf"another ship is at work here \(process {os.getpid()}\)"):
        Journal(tmp_path)
    with Journal(tmp_path):
        pass


@pytest.mark.parametrize("failing", ["write", "short write", "fdatasync", "rename"])
def test_a_line_that_cannot_be_written_is_not_known_and_the_next_can(tmp_path: Path, failing: str) -> None:
    files = FailingFiles()
    with Journal(tmp_path, files) as journal:
        if failing != "rename":  # only a new file is renamed
            journal.write(Begun(PLAN))
        files.failing = failing
        with pytest.raises(Retryable, match="cannot be written"):
            journal.write(Begun(PLAN), Intent("p1", "b1", 0, 7))
        assert not journal.knows(PLAN) or journal.last(PLAN, "b1") is None
        files.failing = ""
        journal.write(Begun(PLAN), Done("p1", "b2", 1))
    assert known(tmp_path) == [(PLAN, {"b2": Done("p1", "b2", 1)}, False)]


def test_a_file_that_failed_is_never_written_again(tmp_path: Path) -> None:
    files = FailingFiles()
    with Journal(tmp_path, files) as journal:
        journal.write(Begun(PLAN))
        before = (tmp_path / "journal").stat().st_ino
        files.failing = "fdatasync"
        with pytest.raises(Retryable):
            journal.write(Finished("p1"))
        files.failing = ""
        journal.write(Finished("p1"))
        assert (tmp_path / "journal").stat().st_ino != before


def test_the_journal_stays_small_and_keeps_what_is_open(tmp_path: Path) -> None:
    with Journal(tmp_path, compact_bytes=5_000) as journal:
        journal.write(Begun(OTHER), Intent("p2", "b9", 2, 5))
        for number in range(200):
            plan = Plan(f"plan{number}", (f"w0-1-{number}.seg",), 50_000)
            journal.write(Begun(plan), Intent(plan.id, "b", 0, 1), Finished(plan.id))
            journal.write(Closed(plan.id))
            assert (tmp_path / "journal").stat().st_size < 6_000
    assert known(tmp_path) == [(OTHER, {"b9": Intent("p2", "b9", 2, 5)}, False)]


def test_a_plan_is_stuck_when_one_of_its_batches_is() -> None:
    plan = OpenPlan(PLAN)
    plan.batches["b1"] = Done("p1", "b1", 7)
    assert not plan.stuck
    plan.batches["b2"] = Stuck("p1", "b2", 3)
    assert plan.stuck
