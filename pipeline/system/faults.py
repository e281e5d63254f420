"""The end of a process after an unforeseen error: one log line, a special exit code, a new start by its supervisor.

Owns that exit code and the watch over background tasks. Rule: the log names type and place of the error, never its
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
"""EX_SOFTWARE of sysexits.h; with 1 or 2 `up` would not start the process again if its first start fails."""
ANSWER_SECONDS: Final = 1.0
"""Time in which a process that ends after an error may still answer its open requests."""

log = logging.getLogger("clinic_pixel.fault")


async def watched(work: Callable[[], Coroutine[object, object, None]], name: str, end: Callable[[], None]) -> None:
    """Do `work`; when it raises, log type and place under `name` and call `end`."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - the top of a background task
        log.error("%s: unforeseen %s; the process ends", name, type_and_place(error))  # noqa: TRY400 - never its text
        end()


def end_soon() -> None:
    """End this process with `EXIT_UNFORESEEN` after `ANSWER_SECONDS`; needs the running event loop."""
    asyncio.get_running_loop().call_later(ANSWER_SECONDS, os._exit, EXIT_UNFORESEEN)
