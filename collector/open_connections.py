"""The open connections of one collector process, so that they never use up its file descriptors.

Owns the keep-alive time, the order of the idle ones and the two limits. The descriptors above the second limit belong to the spool and to
/health: a collector without one cannot put an event on disk. A connection that only waits for its client to read counts as
idle, and is ended without that: a closed one would keep its descriptor until the client has read everything.
"""

from __future__ import annotations

import resource
from collections import Counter
from itertools import takewhile
from typing import Final, Literal, Protocol

SHED_FROM: Final = 0.8
"""Share of the descriptors from which on each new connection closes the one that is idle longest."""
REFUSE_FROM: Final = 0.9
"""Share of the descriptors from which on a new connection is closed itself, when no other is idle."""


MOST_DESCRIPTORS: Final = 10_000
"""File descriptors of a collector process; a connection takes up to 80 KB of memory while a body arrives."""

KEEP_ALIVE_ROUNDS: Final = 15
"""Calls of `close_idle`, one a second, after which a connection without a request is closed: longer than a page loads, and
an idle connection costs a descriptor."""

Closed = Literal["idle", "no room"]


class Closable(Protocol):
    """A connection; when it ends while idle, the browser opens another."""

    def close(self) -> None:
        """End it when its client has read everything."""

    def abort(self) -> None:
        """End it now."""


class OpenConnections:
    """Counts the connections of a process with this many file descriptors; belongs to the thread of the event loop."""

    def __init__(self, descriptors: int) -> None:
        self.closed = Counter[Closed]()
        self._open = 0
        self._shed_from = int(descriptors * SHED_FROM)
        self._refuse_from = int(descriptors * REFUSE_FROM)
        self._round = 0
        self._idle: dict[Closable, int] = {}  # the round in which it became idle, in that order

    @classmethod
    def of_process(cls) -> OpenConnections:
        """Return the register for the limit of open files that this process has."""
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return cls(MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft)

    def __len__(self) -> int:
        return self._open

    def opened(self, connection: Closable) -> None:
        """Count a new connection, which is idle until `busy`; close the longest idle one where there are too many."""
        self._open += 1
        if self._open > self._shed_from and self._idle:
            longest_idle = next(iter(self._idle))
            del self._idle[longest_idle]
            self.closed["idle"] += 1
            longest_idle.abort()
        elif self._open > self._refuse_from:
            self.closed["no room"] += 1
            connection.close()
            return
        self._idle[connection] = self._round

    def busy(self, connection: Closable) -> None:
        """Take note that a request is being answered."""
        self._idle.pop(connection, None)

    def idle(self, connection: Closable) -> None:
        """Take note that every request of the connection is answered, that the next one begins to arrive, or that its
        client must read before anything else can happen."""
        self._idle.pop(connection, None)
        self._idle[connection] = self._round

    def close_idle(self) -> None:
        """Close the connections whose keep-alive time is over; called once a second, so that no request needs a timer."""
        self._round += 1
        for connection in list(takewhile(self._is_over, self._idle)):
            del self._idle[connection]
            connection.abort()

    def _is_over(self, connection: Closable) -> bool:
        return self._idle[connection] <= self._round - KEEP_ALIVE_ROUNDS

    def ended(self, connection: Closable) -> None:
        """Forget a connection."""
        self._open -= 1
        self._idle.pop(connection, None)
