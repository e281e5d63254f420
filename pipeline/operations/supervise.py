"""`up`: starts the processes of one machine, keeps them running, stops them in order.

Owns the list of processes (`parts`) and nothing else: no data, no socket. A process that ends is started again with a
growing pause; one that cannot start at all the first time ends the whole, because a person is watching and its one line
says what to mend. Children die with their supervisor, even when it is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.settings import Settings
from pipeline.system.hardening import SUPERVISED

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 10.0  # a process that ran this long starts again without a growing pause
STOP_SECONDS = 1.2  # per process: all three together stay below the five seconds a person waits for Ctrl-C

Say = Callable[[str, str], None]
"""Prints one line of a process: its name, the line."""


@dataclass(frozen=True)
class Part:
    """One process: its command and what must have finished before it may start."""

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
        Part("ship", ("ship",), after="migrate"),
        Part("migrate", ("migrate", "--wait"), once=True),
        *embedded,
    )


class Supervisor:
    """Runs the parts until told to stop."""

    def __init__(self, todo: Sequence[Part], options: Sequence[str], say: Say) -> None:
        self._parts = tuple(todo)
        self._options = tuple(options)
        self._say = say
        self._running: dict[str, Process] = {}
        self._done = {part.name: asyncio.Event() for part in self._parts}
        self._stop = asyncio.Event()
        self._exit_code = 0

    async def run(self) -> int:
        """Run until SIGINT, SIGTERM or a first start that fails; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        keepers = [asyncio.create_task(self._keep(part)) for part in self._parts]
        await self._stop.wait()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for part in self._parts:
            await self._end(part.name)
        return self._exit_code

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
            if code in (1, 2) and not ran_once and not steady:
                self._exit_code = 1
                self._stop.set()
                return
            ran_once = True
            pause = FIRST_PAUSE_SECONDS if steady else min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._say("up", f"{part.name} ended ({_ending(code)}); starting it again in {pause:g} s")
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
        async for line in process.stdout:
            self._say(part.name, line.decode(errors="replace").rstrip())
        return await process.wait()

    async def _end(self, name: str) -> None:
        process = self._running.get(name)
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()  # safe at any moment: that is what the spool and the journal are for
            await process.wait()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
