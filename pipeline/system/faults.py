"""Ends a process after an unforeseen error: one log line, an exit code of its own, a new start by its supervisor.

Owns that exit code and the watch over tasks that nobody awaits. Rule: the log names type and place of the error, never its
text, which may quote a visitor.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Final

from pipeline.errors import type_and_place

EXIT_UNFORESEEN: Final = 70
"""EX_SOFTWARE of sysexits.h; codes 1 and 2 would make `up` give up a process at its first start."""
ANSWER_SECONDS: Final = 1.0
"""The time in which a process that ends may still answer the requests it has."""

log = logging.getLogger("clinic_pixel.fault")


async def watched(work: Callable[[], Coroutine[object, object, None]], name: str, end: Callable[[], None]) -> None:
    """Do `work`; when it raises, log type and place under `name` and call `end`."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - the top of a task that nobody awaits
        log.error("%s: unforeseen %s; the process ends", name, type_and_place(error))  # noqa: TRY400 - never its text
        end()


def end_soon() -> None:
    """End this process with `EXIT_UNFORESEEN` after `ANSWER_SECONDS`; needs the running event loop."""
    asyncio.get_running_loop().call_later(ANSWER_SECONDS, os._exit, EXIT_UNFORESEEN)
