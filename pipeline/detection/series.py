"""The numbers of a site by hour and slice, as arrays; pure.

Owns `Slice` and `Table`. An hour is counted from an aligned start; the hour that is still open has an `elapsed` part below 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Hours = NDArray[np.int64]
HOUR: Final = timedelta(hours=1)
WEEK_HOURS: Final = 168


class Slice(NamedTuple):
    """A part of a site's traffic: a page, a browser, a network; `SITE` is all of it."""

    dimension: str
    name: str


SITE: Final = Slice("site", "")


class Counted(NamedTuple):
    """The numbers of one slice in one hour: views, people, and the people of each flag (sql/problems/series.sql)."""

    hour: datetime
    slice: Slice
    views: int
    people: int
    flags: Mapping[str, int]


class Counts(NamedTuple):
    """One measure of one slice: the numbers of some hours, and the places of these hours, counted from the start of a table."""

    measure: str
    slice: Slice
    places: Sequence[int]
    numbers: Sequence[int]


class Table:
    """The numbers of the hours from `start` to `until`, one array of each measure and slice; hours without rows are zero."""

    def __init__(self, start: datetime, until: datetime, rows: Iterable[Counted], zone: ZoneInfo) -> None:
        self.start = start
        self.until = until
        self.zone = zone
        self.size = max(0, -((start - until) // HOUR))
        self._numbers: dict[tuple[str, Slice], Numbers] = {}
        slices: dict[str, list[Slice]] = {}
        for hour, piece, views, people, flags in rows:
            place = (hour - start) // HOUR
            if not 0 <= place < self.size:
                continue
            if ("views", piece) not in self._numbers:
                slices.setdefault(piece.dimension, []).append(piece)
            for measure, number in (("views", views), ("people", people), *flags.items()):
                self._array(measure, piece)[place] = number
        self.slices: Mapping[str, Sequence[Slice]] = slices

    @classmethod
    def of_counts(cls, start: datetime, until: datetime, counts: Iterable[Counts], zone: ZoneInfo) -> Table:
        """Return the same table from whole series, which takes a fraction of the time; hours outside of the table are left out."""
        table = cls(start, until, (), zone)
        slices: dict[str, dict[Slice, None]] = {}
        for measure, piece, places, numbers in counts:
            at = np.asarray(places, dtype=np.int64)
            inside = (at >= 0) & (at < table.size)
            if inside.any():
                slices.setdefault(piece.dimension, {})[piece] = None
                table._array(measure, piece)[at[inside]] = np.asarray(numbers, dtype=np.float64)[inside]
        table.slices = {dimension: list(pieces) for dimension, pieces in slices.items()}
        return table

    def of(self, measure: str, piece: Slice = SITE) -> Numbers:
        """Return a measure of a slice by hour; zeros for one that never occurred."""
        found = self._numbers.get((measure, piece))
        return np.zeros(self.size) if found is None else found

    def before(self, moment: datetime) -> Table:
        """Return the table as it was at the end of an earlier hour; both share the arrays of numbers."""
        earlier = Table(self.start, moment, (), self.zone)
        earlier.slices = self.slices
        earlier._numbers = {key: numbers[: earlier.size] for key, numbers in self._numbers.items()}
        return earlier

    @property
    def elapsed(self) -> Numbers:
        """The part of each hour that is over, 0 to 1."""
        parts = np.ones(self.size)
        if self.size:
            parts[-1] = (self.until - self.time(self.size - 1)) / HOUR
        return parts

    def time(self, place: int) -> datetime:
        """Return the begin of an hour."""
        return self.start + place * HOUR

    def place(self, moment: datetime) -> int:
        """Return the hour of a moment, which may be outside of the table."""
        return (moment - self.start) // HOUR

    def weekday_hours(self, holidays: frozenset[date] = frozenset()) -> Hours:
        """Return the hour of the site's week of each hour, 0 to 167 from Monday midnight; a holiday counts as a Sunday."""
        found = np.zeros(self.size, dtype=np.int64)
        for place in range(self.size):
            local = self.time(place).astimezone(self.zone)
            day = 6 if local.date() in holidays else local.weekday()
            found[place] = 24 * day + local.hour
        return found

    def _array(self, measure: str, piece: Slice) -> Numbers:
        key = (measure, piece)
        if key not in self._numbers:
            self._numbers[key] = np.zeros(self.size)
        return self._numbers[key]
