"""The requests of persons (policy clause 6.2.4): the requester, the basis and the state of each.

Owns their files and the order of states: open -> blocked -> unblocked, or open/blocked -> erasing -> erased. Rules:

* A request holds pseudonyms, never an address, a cookie or a request code; of the code it keeps a fingerprint, and the
  minute in which the code was made.
* A request code opens one request. After a request of a visitor is closed, only a code made later is accepted for this
  visitor, so that neither an overheard code nor an old one can be used again.
* One command works on the requests at a time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Final, Literal

import msgspec

from pipeline.edge.blocks import file_name
from pipeline.errors import BAD_JSON, Fatal
from pipeline.event import Token
from pipeline.subjects.request_code import Request, fingerprint
from pipeline.system import locks
from pipeline.system.durable_files import sweep_drafts
from pipeline.system.private_files import open_private, private_directory, replace_private

State = Literal["open", "blocked", "unblocked", "erasing", "erased"]
CLOSED: Final[frozenset[State]] = frozenset({"unblocked", "erased"})
WORKING_DAYS: Final = 10
"""The term for the answer to a person: Federal Law 152-FZ, article 20 part 1; the operator has to add public holidays."""

_NUMBER: Final = re.compile(r"\w[\w./№-]{0,63}")
_MAX_WORDS: Final = 300


class PersonRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request: by request code (`visitors` by year) or by address (`tokens` by day).

    `first` and `last` are its UTC days, `blocked` is the start of the block, `closed` the end of the request.
    """

    case: str
    requester: str
    basis: str = msgspec.field(name="ground")  # the name in the files of the first version
    opened: datetime
    due: date
    state: State = "open"
    changed: datetime
    first: date
    last: date
    visitors: dict[int, int] = {}
    tokens: dict[date, Token] = {}
    code: str = ""
    made: datetime | None = None
    blocked: datetime | None = None
    closed: datetime | None = None

    @property
    def by_code(self) -> bool:
        """Whether the person proved that the rows are theirs; an address proves nothing."""
        return bool(self.visitors)


class CaseBook:
    """The requests of one directory; made where it is missing. Raises `Fatal` where it or a request in it is unsafe."""

    def __init__(self, directory: Path) -> None:
        self.directory = private_directory(directory)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make every other command wait."""
        with locks.locked(self.directory / "lock"):
            sweep_drafts(self.directory, before=inf)  # we hold the lock: the processes that wrote them have ended
            yield

    def all(self) -> list[PersonRequest]:
        """Return every request, the oldest first."""
        return sorted(map(_read, self.directory.glob("*.json")), key=lambda case: (case.opened, case.case))

    def find(self, number: str) -> PersonRequest | None:
        """Return the request of this number, or None."""
        file = self.directory / file_name(number)
        return _read(file) if file.exists() else None

    def working(self, number: str) -> PersonRequest:
        """Return a request that is not closed; raises `Fatal` for an unknown and for a closed one."""
        case = self.find(number)
        if case is None:
            raise Fatal("--case: unknown; expected one of `clinic-pixel subject list`, or `subject find` to open it")
        if case.closed is not None and case.state in CLOSED:
            raise Fatal(
                f"--case: request {case.case} was closed on {case.closed:%Y-%m-%d %H:%M} ({case.state});"
                " expected a new request, with a request code made after that"
            )
        return case

    def refuse_replay(self, number: str, code: str, request: Request) -> None:
        """Raise `Fatal` for a code that opened another request, or was not made after the last one of its visitor ended."""
        visitors = set(request.visitors.values())
        for other in self.all():
            if other.code == fingerprint(code) and other.case != number:
                raise Fatal(f"--code: it opened request {other.case} on {other.opened:%Y-%m-%d}; expected a new code")
            if (
                other.closed is not None
                and not visitors.isdisjoint(other.visitors.values())
                and request.made <= other.closed
            ):
                raise Fatal(
                    f"--code: made before request {other.case} of this visitor was closed"
                    f" ({other.state} on {other.closed:%Y-%m-%d %H:%M}); expected a code made after that"
                )

    def put(self, case: PersonRequest) -> PersonRequest:
        """Save a request; on disk when this returns. Raises `OSError`."""
        replace_private(self.directory / file_name(case.case), msgspec.json.encode(case) + b"\n")
        return case


def check_words(case: str, requester: str, basis: str) -> None:
    """Raise `ValueError`, which names the option and the expected form, where a word is not valid."""
    if not _NUMBER.fullmatch(case):
        raise ValueError("--case: expected a request number of up to 64 letters, digits and ./-№")
    for option, words in (("--requester", requester), ("--basis", basis)):
        if not words.strip() or not words.isprintable() or len(words) > _MAX_WORDS:
            raise ValueError(f"{option}: expected one line of up to {_MAX_WORDS} characters")


def due_day(opened: datetime) -> date:
    """Return the last day to answer a request: ten working days after it came, Saturdays and Sundays not counted."""
    day, left = opened.astimezone(UTC).date(), WORKING_DAYS
    while left:
        day += timedelta(1)
        left -= day.weekday() < 5
    return day


def _read(file: Path) -> PersonRequest:
    try:
        with os.fdopen(open_private(file, os.O_RDONLY), "rb") as stream:
            return msgspec.json.decode(stream.read(), type=PersonRequest)
    except BAD_JSON:
        raise Fatal(f"{file}: not a request of a person; restore it from a copy") from None
