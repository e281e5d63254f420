"""`up`: starts the processes of one machine, keeps them running, stops them in order.

Owns the list of processes (`parts`) and nothing else: no data, no socket. Rules:

* A process that ends is started again after a growing pause. If a process fails on its first start by an error that cannot
  pass, the supervisor stops everything: the last line of that process is its error, and a person is watching.
* `migrate` is tried again after any failure: the collector accepts events without it.
* The output of a process is always read, even if a line cannot be printed: a full pipe would stop the process.
* An unforeseen error of the supervisor stops everything with exit code 1.
* The processes end with their supervisor, even when it is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from pipeline.errors import type_and_place
from pipeline.settings.model import Settings
from pipeline.system.hardening import SUPERVISED

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 10.0  # a process that ran this long starts again without a growing pause
STOP_SECONDS = 1.0  # per process: all of them together stay below the five seconds a person waits for Ctrl-C

LASTING = (1, 2)  # exit codes of errors that a person must correct

LONGEST_LINE = 4096  # bytes of a child's line that are printed; longer lines are cut
CHUNK = 64 * 1024

Say = Callable[[str, str], None]
"""Prints one line of a process: its name, the line."""


@dataclass(frozen=True)
class Part:
    """One process: its command, and `after`, the process that must have finished before it may start."""

    name: str
    arguments: tuple[str, ...]
    once: bool = False
    after: str = ""


def parts(settings: Settings, extra: Sequence[Part] = ()) -> tuple[Part, ...]:
    """Return the processes in the order of stopping."""
    embedded = (Part("clickhouse", ("clickhouse",)),) if settings.clickhouse.url is None else ()
    return (
        Part("collect", ("collect",)),
        *extra,
        Part("dashboards", ("dashboards",)),
        Part("ship", ("ship",), after="migrate"),
        Part("migrate", ("migrate", "--wait"), once=True),
        *embedded,
    )


class Supervisor:
    """Runs the parts until it is told to stop."""

    def __init__(self, todo: Sequence[Part], options: Sequence[str], say: Say) -> None:
        self._parts = tuple(todo)
        self._options = tuple(options)
        self._say = say
        self._running: dict[str, Process] = {}
        self._done = {part.name: asyncio.Event() for part in self._parts}
        self._stop = asyncio.Event()
        self._exit_code = 0
        self.unprinted = 0
        """Lines that could not be printed: the terminal is closed or the disk is full."""

    async def run(self) -> int:
        """Run until SIGINT, SIGTERM or a first start that fails; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        keepers = [asyncio.create_task(self._keep(part)) for part in self._parts]
        for keeper in keepers:
            keeper.add_done_callback(self._stop_by_a_fault)
        await self._stop.wait()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for part in self._parts:
            await self._end(part.name)
        return self._exit_code

    async def wait_until_done(self, name: str) -> None:
        """Return when the process of this name, which runs once, has ended well."""
        await self._done[name].wait()

    def _stop_by_a_fault(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._tell("up", f"unforeseen {type_and_place(error)}: all processes are stopped")
            self._exit_code = 1
            self._stop.set()

    def _tell(self, name: str, line: str) -> None:
        try:
            self._say(name, line)
        except (OSError, ValueError, SystemExit):  # rich raises the last one for a closed pipe
            self.unprinted += 1

    async def _keep(self, part: Part) -> None:
        if part.after:
            await self._done[part.after].wait()
        pause, ran_once = FIRST_PAUSE_SECONDS, False
        while not self._stop.is_set():
            begun = asyncio.get_running_loop().time()
            code = await self._run_once(part)
            if part.once and code == 0:
                self._done[part.name].set()
                return
            steady = asyncio.get_running_loop().time() - begun >= STEADY_SECONDS
            if code in LASTING and not (part.once or ran_once or steady):
                self._exit_code = 1
                self._stop.set()
                return
            ran_once = True
            pause = FIRST_PAUSE_SECONDS if steady else min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._tell("up", f"{part.name} ended ({_ending(code)}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)

    async def _run_once(self, part: Part) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pipeline",
            *part.arguments,
            *self._options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, SUPERVISED: str(os.getpid()), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the rest in order
        )
        self._running[part.name] = process
        assert process.stdout is not None  # noqa: S101 - asked for above
        async for line in lines_of(process.stdout):
            self._tell(part.name, line.decode(errors="replace").rstrip())
        return await process.wait()

    async def _end(self, name: str) -> None:
        process = self._running.get(name)
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()  # safe at any moment, because of the spool and the journal
            await process.wait()


async def lines_of(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the lines of a stream without their ends, each cut to `LONGEST_LINE` bytes with a mark."""
    line, is_cut = b"", False
    while chunk := await stream.read(CHUNK):
        *ended, rest = chunk.split(b"\n")
        for end in ended:
            line, is_cut = _cut(line + end, is_cut=is_cut)
            yield line + (b" ..." if is_cut else b"")
            line, is_cut = b"", False
        line, is_cut = _cut(line + rest, is_cut=is_cut)
    if line:
        yield line + (b" ..." if is_cut else b"")


def _cut(line: bytes, *, is_cut: bool) -> tuple[bytes, bool]:
    return line[:LONGEST_LINE], is_cut or len(line) > LONGEST_LINE


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
