"""One parser of outside bytes, and one input tried on it: no other exception than the documented, in bounded time."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

SECONDS: Final = 2.0
"""Processor time of this thread that one input may take: the slowest honest input takes a hundredth of it."""
LARGEST: Final = 16 * 1024
"""Bytes of an input: more than the largest head of a request."""
ADDRESS: Final = "203.0.113.77"
"""The client of every made-up request: no output may name it."""
IDENTITY: Final = "Zx9-secret_of_cookie_Q"
"""The random part of the made-up id cookie: no output may hold it."""


class Parser(NamedTuple):
    """A parser: `check` raises for an input that breaks what the parser promises."""

    name: str
    check: Callable[[bytes], None]
    seconds: float = SECONDS


class TooSlow(AssertionError):
    """An input that takes longer than its bound."""


def tried(parser: Parser, data: bytes) -> None:
    """Try one input; raises whatever breaks a promise."""
    begun = time.thread_time()
    parser.check(data)
    taken = time.thread_time() - begun
    if taken > parser.seconds:
        raise TooSlow(f"{parser.name}: {taken:.1f} s of processor time, more than {parser.seconds:.1f}")


def quiet() -> None:
    """Let this process log nothing: a search gives thousands of reasons a second."""
    logging.disable()


@cache
def scratch() -> Path:
    """Return a directory of this process, which goes with it."""
    # In memory where the machine has such a directory: a search writes thousands of files a second.
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def fresh(name: str) -> Path:
    """Return an empty private directory for one input; what the input before left there is gone."""
    place = scratch() / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    return place


def private(file: Path, content: bytes) -> Path:
    """Write a file that only its owner can read."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(content)
    return file


def loose(data: bytes) -> str:
    """Return bytes as a text without gaps: every input is one."""
    return data.decode("utf-8", "replace")


def silent(*texts: str) -> None:
    """Fail where a text that is kept or shown names the made-up client or holds its cookie."""
    for text in texts:
        assert ADDRESS not in text, "the client's address comes through"
        assert IDENTITY not in text, "the cookie comes through"


def names(refusal: Exception, what: str = "") -> None:
    """Fail where a refusal does not say what it is about."""
    assert str(refusal)
    assert what in str(refusal), "the refusal does not name the file"
