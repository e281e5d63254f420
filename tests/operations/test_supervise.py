"""The supervisor itself, with children that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.operations import supervise
from pipeline.operations.supervise import LONGEST_LINE, Part, Supervisor, lines_of

LOUD = "import sys, time; print('x' * 200_000); print('after', flush=True); time.sleep({seconds})"


async def read(*chunks: bytes) -> list[bytes]:
    stream = asyncio.StreamReader()
    for chunk in chunks:
        stream.feed_data(chunk)
    stream.feed_eof()
    return [line async for line in lines_of(stream)]


@pytest.mark.parametrize(
    ("word", "chunks", "lines"),
    [
        ("two lines", (b"a\nb\n",), [b"a", b"b"]),
        ("no end at the end", (b"a\nb",), [b"a", b"b"]),
        ("a line in pieces", (b"a", b"b\n"), [b"ab"]),
        ("a long line is cut", (b"x" * 200_000 + b"\nnext\n",), [b"x" * LONGEST_LINE + b" ...", b"next"]),
        ("a long line without an end", (b"x" * 200_000,), [b"x" * LONGEST_LINE + b" ..."]),
        ("nothing", (), []),
    ],
)
def test_lines_of_any_length_are_read(word: str, chunks: tuple[bytes, ...], lines: list[bytes]) -> None:
    assert asyncio.run(read(*chunks)) == lines, word


def supervised(monkeypatch: pytest.MonkeyPatch, code: str, say: Callable[[str, str], None]) -> Supervisor:
    """Return a supervisor of one child that runs some Python."""
    start = asyncio.create_subprocess_exec

    async def other_program(program: str, *_: str, **options: object) -> asyncio.subprocess.Process:
        return await start(program, "-c", code, **options)

    monkeypatch.setattr(supervise.asyncio, "create_subprocess_exec", other_program)
    return Supervisor([Part("child", ())], (), say)


def test_a_child_that_prints_a_very_long_line_goes_on_and_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def say(_: str, line: str) -> None:
        said.append(line)
        if line == "after":
            supervisor._stop.set()

    supervisor = supervised(monkeypatch, LOUD.format(seconds=20), say)
    assert asyncio.run(asyncio.wait_for(supervisor.run(), 20)) == 0
    assert [len(line) for line in said] == [LONGEST_LINE + 4, 5]


@pytest.mark.parametrize("error", [BrokenPipeError(), SystemExit(1), ValueError("I/O operation on closed file")])
def test_a_child_is_heard_and_started_again_though_nothing_can_be_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException
) -> None:
    def say(*_: str) -> None:
        raise error

    count = tmp_path / "starts"
    code = f"open({str(count)!r}, 'a').write('.'); print('x' * 100_000); raise SystemExit(3)"
    supervisor = supervised(monkeypatch, code, say)
    monkeypatch.setattr(supervise, "FIRST_PAUSE_SECONDS", 0.05)

    async def run() -> int:
        running = asyncio.create_task(supervisor.run())
        while not (count.exists() and len(count.read_text()) >= 2):
            await asyncio.sleep(0.02)
            assert not running.done()
        supervisor._stop.set()
        return await running

    assert asyncio.run(asyncio.wait_for(run(), 20)) == 0
    assert supervisor.unprinted >= 2


def test_a_fault_of_the_supervisor_stops_everything_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    supervisor = supervised(monkeypatch, "", lambda _, line: said.append(line))

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a text")

    monkeypatch.setattr(supervise.asyncio, "create_subprocess_exec", broken)
    assert asyncio.run(asyncio.wait_for(supervisor.run(), 20)) == 1
    assert said[-1].startswith("unforeseen ZeroDivisionError at test_supervise.py:")


@pytest.mark.parametrize(
    ("code", "once", "goes_on"), [(1, False, False), (2, False, False), (75, False, True), (1, True, True)]
)
def test_only_an_error_that_cannot_pass_on_a_first_start_stops_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, once: bool, goes_on: bool
) -> None:
    starts = tmp_path / "starts"
    script = f"f = open({str(starts)!r}, 'a'); f.write('.'); f.close(); raise SystemExit({code})"
    supervisor = supervised(monkeypatch, script, lambda *_: None)
    supervisor._parts = (Part("child", (), once=once),)
    monkeypatch.setattr(supervise, "FIRST_PAUSE_SECONDS", 0.01)

    async def run() -> int:
        async def stop_at_the_third() -> None:
            while not (starts.exists() and len(starts.read_text()) >= 3):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)
            supervisor._stop.set()

        watch = asyncio.create_task(stop_at_the_third())
        try:
            return await asyncio.wait_for(supervisor.run(), 30)
        finally:
            watch.cancel()

    assert asyncio.run(run()) == (0 if goes_on else 1)
    assert (len(starts.read_text()) >= 3) is goes_on
