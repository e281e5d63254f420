"""The audit: sensitive acts, their users and their bases, in a file that only grows and whose hash chain shows a change.

Owns `audit.log` in the audit directory, a chain in the form of `pipeline.audit.chain`. Rules:

* A line is on disk before the result of its act may be shown. If the line cannot be written, nothing is shown.
* The file is only appended to (`chattr +a`); the remains of a torn line stay and are recorded as such.
* The chain alone cannot show that its newest lines were cut off, or that all of it was written anew. Therefore its
  head is kept in `audit.head` beside it, which every act and every proof compares. The head is also printed daily to the
  log, for the case that somebody changed both files.
* Limits on sensitive acts are counted from the audit itself, under its lock: no other counter exists that could be reset.
* An act reads and proves only the end of the file, back to the kept head and as far as its limit reaches; the daily proof
  reads the whole file.
* The audit never contains an address, a cookie or a key.
"""

from __future__ import annotations

import os
import pwd
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.audit import chain
from pipeline.audit.actions import Action
from pipeline.audit.chain import Entry, Head
from pipeline.errors import Fatal, Retryable
from pipeline.system import locks
from pipeline.system.durable_files import LOCAL_FILES, write_all
from pipeline.system.private_files import open_private, private_directory, replace_private

CLOCK_TOLERANCE: Final = timedelta(minutes=1)  # a time service may set the clock back by this much without an error
_TAIL_BYTES: Final = 4 * chain.MAX_LINE_BYTES  # one complete line, and the remains of three torn ones
_NO_LOGIN: Final = 2**32 - 1  # the kernel's value for a process that was not started by a login


class Limit(NamedTuple):
    """At most this many acts of these kinds within `window`."""

    actions: frozenset[Action]
    most: int
    window: timedelta


class TooMany(Fatal):
    """A limit on sensitive acts is reached; a later try may succeed."""


class Audit:
    """The audit of one directory; any number of processes may append.

    Raises `Fatal` where the directory is unsafe, in its methods also where the file is unsafe or the chain is broken.
    """

    def __init__(self, directory: Path) -> None:
        self.file = private_directory(directory) / "audit.log"
        self._head_file = self.file.with_name("audit.head")

    def record(
        self, action: Action, facts: Mapping[str, str], *, now: datetime, who: str, limit: Limit | None = None
    ) -> Head:
        """Append one act and return the new head; the line is on disk when this returns.

        Raises `TooMany` where `limit` is reached, `Retryable` where the disk write fails; the act must not be done then.
        """
        return self._append(action, facts, now=now, who=who, limit=limit)

    def _append(
        self, action: str, facts: Mapping[str, str], *, now: datetime, who: str, limit: Limit | None = None
    ) -> Head:
        try:
            with locks.locked(self.file, locks.MAKE | os.O_APPEND) as descriptor:
                since = now - limit.window if limit else datetime.max.replace(tzinfo=UTC)
                acts = self._tail(descriptor, lambda entry: entry.latest is not None and entry.latest <= since)
                if limit is not None:
                    _refuse_too_many(limit, now, acts)
                latest = _latest(acts)
                remains, head = self._end(descriptor)
                lines = b""
                if remains:
                    lines, head = chain.torn(remains, head, at=now, who=who, latest=latest)
                line, head = chain.act(head, at=now, action=action, who=who, facts=dict(facts), latest=latest)
                write_all(LOCAL_FILES, descriptor, lines + line)
                os.fsync(descriptor)
                with suppress(OSError):  # the line is on disk, and the older head is still a valid one
                    replace_private(self._head_file, f"{head}\n".encode())
            LOCAL_FILES.fsync_directory(self.file.parent)
        except OSError as error:
            raise Retryable(
                f"{self.file}: cannot be written: {error.strerror}; nothing is done without an audit line"
            ) from None
        return head

    @contextmanager
    def refusals(self, action: Action, facts: Mapping[str, str], *, now: datetime, who: str) -> Iterator[None]:
        """Record every `Fatal` raised inside as `action.refused`, with its reason, and raise it again."""
        try:
            yield
        except Fatal as refusal:
            self._append(action.refused, {**facts, "why": str(refusal)}, now=now, who=who)
            raise

    def entries(self, after: int = 0) -> Iterator[tuple[Entry, Head]]:
        """Yield the acts with a `seq` above `after`, oldest first, each with its head; the chain is proven.

        Raises `Fatal` at the first line that was changed, dropped or inserted.
        """
        try:
            with locks.locked(self.file, os.O_RDONLY, shared=True) as descriptor:
                size = os.fstat(descriptor).st_size
        except FileNotFoundError:
            return
        for entry, head in chain.proven(self._lines(size), str(self.file)):
            if entry.seq > after:
                yield entry, head

    def verify_chain(self, known: Collection[Head] = ()) -> Head:
        """Return the head of the proven chain; raises `Fatal` where it is broken or lacks a head: of `known`, or the kept one."""
        missing = {*known, self._kept_head()} - {Head()}
        newest = Head()
        for _, newest in self.entries():
            missing.discard(newest)
        if missing:
            raise self._lost(min(missing), newest)
        return newest

    def head(self) -> Head:
        """Return the newest head without proving the chain, for the daily line in the log."""
        try:
            with locks.locked(self.file, os.O_RDONLY, shared=True) as descriptor:
                return self._end(descriptor)[1]
        except FileNotFoundError:
            return Head()

    def newest(self, count: int) -> list[tuple[Entry, Head]]:
        """Return the last `count` acts, oldest first, each with its head; raises `Fatal` as `entries` does."""
        try:
            with locks.locked(self.file, os.O_RDONLY, shared=True) as descriptor:
                first = self._end(descriptor)[1].seq - count + 1
                return self._tail(descriptor, lambda entry: entry.seq <= first)[-count:]
        except FileNotFoundError:
            return []

    def refuse_an_old_clock(self, now: datetime) -> None:
        """Raise `Fatal` where `now` is before the newest act: ages and limits cannot be trusted on such a clock."""
        try:
            with locks.locked(self.file, os.O_RDONLY, shared=True) as descriptor:
                newest = _latest(self._tail(descriptor, lambda entry: entry.latest is not None)) or now
        except FileNotFoundError:
            return
        if now < newest - CLOCK_TOLERANCE:
            raise Fatal(
                f"{self.file}: the clock says {now:%Y-%m-%d %H:%M}, but the audit goes up to {newest:%Y-%m-%d %H:%M};"
                " expected a later time: set the clock right"
            )

    def _kept_head(self) -> Head:
        try:
            with os.fdopen(open_private(self._head_file, os.O_RDONLY), "rb") as stream:
                return Head.parse(stream.read(128).decode("ascii", "replace").strip())
        except FileNotFoundError:
            return Head()

    def _lost(self, known: Head, newest: Head) -> Fatal:
        return Fatal(
            f"{self.file}: line {known.seq} of {newest.seq} differs from the line known before; expected {known}:"
            " lines were cut off or the audit was written anew; move the directory aside and find out who did it"
        )

    def _tail(self, descriptor: int, enough: Callable[[Entry], bool]) -> list[tuple[Entry, Head]]:
        """Return the acts from the newest one that is `enough` (else from the first) to the last, proven.

        They begin no later than the kept head, and contain it. Raises `Fatal` where they do not or the chain is broken.
        """
        kept, start, lines, complete = self._kept_head(), Head(), deque[bytes](), False
        for line in _backwards(descriptor):
            said = chain.unproven(line)
            if complete and said is not None:
                start = said[1]  # proven by the next line, whose digest covers this one's
                break
            lines.appendleft(line)
            complete = complete or (said is not None and said[1].seq <= kept.seq and enough(said[0]))
        acts = list(chain.proven(lines, str(self.file), start))
        if kept != Head() and kept not in {head for _, head in acts}:
            raise self._lost(kept, acts[-1][1] if acts else Head())
        return acts

    def _lines(self, size: int) -> Iterator[bytes]:
        with self.file.open("rb") as stream:
            while stream.tell() < size:  # later lines of others are not checked here
                yield stream.readline()

    def _end(self, descriptor: int) -> tuple[bytes, Head]:
        size = os.fstat(descriptor).st_size
        remains, head = chain.end(os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES)))
        if head is None and size > len(remains):
            raise Fatal(
                f"{self.file}: its end is not an audit; keep the file, move it aside, and find out who wrote it"
            )
        return remains, head or Head()


def _latest(acts: Sequence[tuple[Entry, Head]]) -> datetime | None:
    """Return the newest time of a chain; `acts` is its end, or the whole chain where it is of the first version."""
    return max((entry.latest or entry.at for entry, _ in acts), default=None)


def _refuse_too_many(limit: Limit, now: datetime, acts: Sequence[tuple[Entry, Head]]) -> None:
    since = now - limit.window
    recent = sum(entry.action in limit.actions and entry.at > since for entry, _ in acts)
    if recent >= limit.most:
        minutes = limit.window // timedelta(minutes=1)
        acts_of = ", ".join(sorted(limit.actions))
        raise TooMany(
            f"{acts_of}: {recent} in the last {minutes} minutes, and {limit.most} are allowed; try again later"
        )


def _backwards(descriptor: int) -> Iterator[bytes]:
    """Yield the lines of a file, the last one first."""
    start, rest = os.fstat(descriptor).st_size, b""
    while start:
        size = min(start, _TAIL_BYTES)
        start -= size
        first, *lines = BytesIO(os.pread(descriptor, size, start) + rest).readlines()
        yield from reversed(lines)
        rest = first
    if rest:
        yield rest


def operator() -> str:
    """Return the user of this process as the audit names it: the login behind a `sudo`, and the user it became."""
    user = _user_name(os.getuid())
    try:  # kept by the kernel since login, unlike SUDO_USER, which anybody can set
        login = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        login = _NO_LOGIN
    return user if login in (_NO_LOGIN, os.getuid()) else f"{_user_name(login)} as {user}"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
