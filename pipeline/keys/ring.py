"""The keys that a process uses: of today, of past days that still exist, of the year's visitors and the quarter's clicks.

Owns the rules for making a key and for its time in memory; `pipeline.keys.directory` owns the files,
`pipeline.keys.destruction` the destruction. Rules:

* The key of a day is read or, where allowed, made: for today, or for a past day within retention that never had a key.
  It is never made for a future day (only `mint_ahead` does that, on a person's order), and never twice.
* Without a key there are no tokens, the process is not ready, and `problem` gives the reason in one line. The process does
  not make a substitute key and keeps no address for later.
* A running collector forgets a destroyed key, and takes a file that was put in the place of another, within a second.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from pipeline.errors import Fatal
from pipeline.keys.directory import DESTROYED, FileMark, KeyDirectory, KeyName
from pipeline.keys.tokens import KEY_BYTES, DayTokens

MAX_DAYS_OPEN: Final = 8  # a replay runs through past days one after another; live traffic needs one or two
CHECK_SECONDS: Final = 1.0
"""A destroyed or replaced key stays in memory for at most this time; a missing key is searched for again after it."""
DEFAULT_RETENTION_DAYS: Final = 90

log = logging.getLogger(__name__)


class Keyring:
    """The keys of one directory; belongs to one thread.

    `may_mint` allows it to make missing keys, `retention_days` is how long a key is kept.
    """

    def __init__(
        self,
        files: KeyDirectory,
        *,
        may_mint: bool,
        retention_days: int = DEFAULT_RETENTION_DAYS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.files = files
        self.may_mint = may_mint
        self.retention = timedelta(days=retention_days)
        self._days: dict[date, DayTokens | None] = {}
        self._longer: dict[KeyName, bytes | None] = {}
        self._read: dict[KeyName, FileMark | None] = {}
        self._problems: dict[KeyName, str] = {}
        self._alarmed: set[KeyName] = set()
        self._monotonic = monotonic
        self._check_at = monotonic() + CHECK_SECONDS

    def damaged(self) -> dict[KeyName, str]:
        """Return the keys that are unsafe or not whole, each with the problem in one line."""
        found: dict[KeyName, str] = {}
        for name in self.files.names():
            try:
                self.files.read(name)
            except Fatal as error:
                found[name] = str(error)
            except OSError as error:
                found[name] = f"{self.files.file(name)}: {error.strerror}"
        return found

    @property
    def problem(self) -> str:
        """One line on the last key that was requested but unavailable within the last second; '' when there was none."""
        return next(reversed(self._problems.values()), "")

    def day(self, epoch: date, *, today: date) -> DayTokens | None:
        """Return the tokens of the UTC day `epoch`; None means no tokens and not ready (`problem` says why)."""
        if self._monotonic() >= self._check_at:
            self._forget()
        if epoch in self._days:
            return self._days[epoch]
        if len(self._days) >= MAX_DAYS_OPEN:
            del self._days[next(iter(self._days))]
        key = self._open(KeyName.of_day(epoch), today)
        self._days[epoch] = None if key is None else DayTokens(key)
        return self._days[epoch]

    def visitor_key(self, epoch: date, *, today: date | None = None) -> bytes | None:
        """Return the visitor key of the year of `epoch`; None means no visitor and not ready (`problem` says why)."""
        return self._key(KeyName.of_year(epoch), today or epoch)

    def click_key(self, epoch: date, *, today: date) -> bytes | None:
        """Return the click key of the quarter of `epoch`; None means no click tokens (`problem` says why)."""
        return self._key(KeyName.of_quarter(epoch), today)

    def forget_clients(self) -> None:
        """Drop the cached tokens of clients that were not used since the last call."""
        for tokens in self._days.values():
            if tokens is not None:
                tokens.forget()

    def mint_ahead(self, today: date, days: int) -> list[tuple[KeyName, bool]]:
        """Make the keys of today and the following days, `days` in all, and the visitor and click keys of their
        years and quarters.

        Returns each name and whether its key is new. Raises `Fatal` where any key is unsafe or the clock was set back,
        `OSError` where the disk fails.
        """
        self._refuse_an_old_clock(today)
        epochs = [today + timedelta(offset) for offset in range(days)]
        names = dict.fromkeys(
            [KeyName.of_year(epoch) for epoch in epochs]
            + [KeyName.of_quarter(epoch) for epoch in epochs]
            + [KeyName.of_day(epoch) for epoch in epochs]
        )
        for problem in self.damaged().values():
            raise Fatal(problem)
        return [(name, self._mint(name)) for name in names if not self.files.exists(name, DESTROYED)]

    def _key(self, name: KeyName, today: date) -> bytes | None:
        if self._monotonic() >= self._check_at:
            self._forget()
        if name not in self._longer:
            self._longer[name] = self._open(name, today)
        return self._longer[name]

    def _open(self, name: KeyName, today: date) -> bytes | None:
        try:
            key = self._found_or_made(name, today)
            self._alarmed.discard(name)
            return key
        except Fatal as error:
            problem = str(error)
        except OSError as error:
            problem = f"{self.files.file(name)}: {error.strerror}"
        self._problems[name] = problem
        if name not in self._alarmed:  # logged once, not with every hit
            log.error("no key: %s", problem)
            self._alarmed.add(name)
        return None

    def _found_or_made(self, name: KeyName, today: date) -> bytes:
        mark = self.files.mark(name)
        key = self.files.read(name)
        if key is None:
            self._refuse_to_mint(name, today)
            self._mint(name)
            mark = self.files.mark(name)
            key = self.files.read(name)
        if key is None:
            raise Fatal(f"{self.files.file(name)}: the key was destroyed while it was made")
        self.files.sync()  # the link of another process may not be on disk yet, and events with this key soon are
        self._read[name] = mark
        return key

    def _mint(self, name: KeyName) -> bool:
        return not self.files.exists(name) and self.files.create(name, secrets.token_bytes(KEY_BYTES))

    def _refuse_to_mint(self, name: KeyName, today: date) -> None:
        file = self.files.file(name)
        if self.files.exists(name, DESTROYED):
            raise Fatal(f"{file}: this key was destroyed; it is never made again")
        if not self.may_mint:
            raise Fatal(f"{file}: missing, and this process may not make it; run `clinic-pixel keys mint` in advance")
        if name.first > today:
            raise Fatal(f"{file}: missing, and its first day is in the future; expected a day up to {today}")
        if name.last < today - self.retention:
            raise Fatal(f"{file}: missing, and too old to be made; expected a day from {today - self.retention}")
        self._refuse_an_old_clock(today)

    def _refuse_an_old_clock(self, today: date) -> None:
        # Retention destroys only keys of past days; if "today" is not later than such a day, the clock was set back.
        for name in reversed(self.files.names(DESTROYED)):
            tombstone = self.files.tombstone(name)
            if tombstone is not None and tombstone.cause == "retention":
                if today <= name.last:
                    raise Fatal(
                        f"{self.files.path}: the clock says {today}, but the key of {name.text} was already destroyed"
                        " by age; expected a later day: set the clock right"
                    )
                return

    def _forget(self) -> None:
        self._check_at = self._monotonic() + CHECK_SECONDS
        self._problems.clear()
        self._days = {day: kept for day, kept in self._days.items() if kept and self._is_same(KeyName.of_day(day))}
        self._longer = {name: kept for name, kept in self._longer.items() if kept and self._is_same(name)}
        open_now = {*self._longer, *map(KeyName.of_day, self._days)}
        self._read = {name: mark for name, mark in self._read.items() if name in open_now}

    def _is_same(self, name: KeyName) -> bool:
        return self.files.lives(name) and self.files.mark(name) == self._read.get(name)
