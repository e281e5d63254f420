"""The one way in which a test waits: for a condition, with a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None], awaited: str = "a condition", *, seconds: float = 30.0, pause: float = 0.02
) -> T:
    """Return the first true result of `condition`, which is asked again after each pause of so many seconds.

    Fail the test, naming the thing awaited, after so many `seconds`. A condition that sends a hit needs a pause of 0.2:
    five hits a second stay within the collector's rate limit.
    """
    end = monotonic() + seconds
    while not (result := condition()):
        assert monotonic() < end, f"waited {seconds:.0f} s for {awaited}"
        sleep(pause)
    return result


async def until(condition: Callable[[], T], awaited: str = "a condition", *, seconds: float = 10.0) -> T:
    """Do the same inside an event loop, which goes on meanwhile."""
    end = monotonic() + seconds
    while not (result := condition()):
        assert monotonic() < end, f"waited {seconds:.0f} s for {awaited}"
        await asyncio.sleep(0.002)
    return result
