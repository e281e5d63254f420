"""The attacker of the technical reports: differences of what they publish, judged by who was really there.

Knows the truth (which person made which row), which the reports must not tell. Every finding is a sentence.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.reports.answers import Table
from pipeline.reports.catalogue import Period
from support.clinic_day import row
from support.days import MIDNIGHT

OTHER = "other"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = MIDNIGHT - 2 * DAY
END = MIDNIGHT + 2 * DAY

Row = Mapping[str, object]


class Fact(NamedTuple):
    """A stored row and the person behind it."""

    person: int
    row: dict[str, object]


CELLS: dict[str, Callable[[Row], tuple[str, ...] | None]] = {
    "technical/traffic_by_hour": lambda row: (f"{row['received_at']:%Y-%m-%d %H:00}",),
    "technical/error_pages": lambda row: (
        (str(row["page"]), str(row["status"])) if int(str(row["status"])) >= 400 else None
    ),
    "technical/browsers": lambda row: (str(row["browser"]), str(row["browser_major"])),
    "technical/networks": lambda row: (
        f"AS{row['asn']} {row['as_org']}",
        str(row["country"]),
        str(row["net_class"]),
    ),
}
"""The cell of a row in each report, computed a second time and independently of the SQL."""


def facts(seed: int) -> list[Fact]:
    """Return four days of 150 people over very uneven networks, browsers and pages; rare values have one or two people.

    Some carry a cookie from their second hit on, some never (a new visitor every day), some send a privacy signal.
    """
    draw = random.Random(seed)
    made = []
    for person in range(1, 151):
        kind = draw.choices(("cookie", "day", "none"), (6, 3, 1))[0]
        traits: dict[str, object] = {
            "browser": draw.choices(("Chrome", "Safari", "Firefox", "Opera", "Lynx"), (50, 25, 10, 3, 1))[0],
            "browser_major": draw.choices((142, 141, 99), (60, 20, 3))[0],
            "asn": (asn := draw.choices((12389, 8359, 25513, 64500, 64501), (50, 30, 10, 3, 1))[0]),
            "as_org": f"Net {asn}",
            "country": draw.choices(("RU", "KZ", "NL"), (90, 6, 2))[0],
            "ip_token": "::" if kind == "none" else f"2001:db8:{seed:x}::{person:x}",
            "ua_token": 0 if kind == "none" else person,
        }
        for number in range(draw.choices((1, 2, 5, 12), (4, 3, 2, 1))[0]):
            hour = draw.choices(range(24), (1, 1, 0, 0, 0, 0, 1, 4, 8, 9, 9, 9, 9, 9, 9, 9, 9, 6, 6, 4, 4, 3, 2, 1))[0]
            at = START + DAY * draw.randrange(4) + HOUR * hour + timedelta(milliseconds=draw.randrange(3_599_999))
            made.append(Fact(person, row(at, **traits, **_visitor(kind, person, number, at), **_page(draw))))
    for number, fact in enumerate(sorted(made, key=lambda fact: str(fact.row["received_at"]))):
        fact.row["event_id"] = uuid.UUID(int=draw.getrandbits(128))
        fact.row["nonce"] = number
    return made


def _visitor(kind: str, person: int, number: int, at: datetime) -> dict[str, object]:
    if kind == "none":
        return {"visitor": 0, "visitor_kind": "none", "cookie_state": "signal"}
    if kind == "cookie" and number:
        return {"visitor": person, "visitor_kind": "cookie", "cookie_state": "returning"}
    token = 1000 * person + (at - START).days + 1
    return {"visitor": token, "visitor_kind": "day", "cookie_state": "new" if kind == "cookie" else "refused"}


def _page(draw: random.Random) -> dict[str, object]:
    page, status = draw.choices(
        (("/", 0), ("/gone", 404), ("/old", 404), ("/rare", 404), ("/~oncology", 404)), (50, 20, 12, 3, 4)
    )[0]
    return {"page": page, "status": status}


def windows(seed: int, number: int) -> list[tuple[Period, list[Period]]]:
    """Return windows, each with its neighbours: either end moved by an hour or a day either way."""
    draw = random.Random(seed)
    made = []
    for _ in range(number):
        since = START + HOUR * draw.randrange(48)
        window = Period(since, since + HOUR * draw.choice((3, 12, 24, 36)))
        steps = (HOUR, -HOUR, DAY, -DAY)
        moved = [Period(window.since + step, window.until) for step in steps]
        moved += [Period(window.since, window.until + step) for step in steps]
        made.append((window, [near for near in moved if near.since < near.until]))
    return made


class Truth:
    """The persons who were really there."""

    def __init__(self, report: str, known: list[Fact]) -> None:
        self._cell = CELLS[report]
        self._known = known

    def cells(self, window: Period) -> dict[tuple[str, ...], set[int]]:
        """Return the people of each cell of a window."""
        found: dict[tuple[str, ...], set[int]] = {}
        for fact in self._known:
            key = self._cell(fact.row)
            if key is not None and window.since <= moment(fact.row) < window.until:
                found.setdefault(key, set()).add(fact.person)
        return found


class Published(NamedTuple):
    """The numbers that an attacker reads of one report and window, by cell and name; 'other' is a cell too."""

    numbers: dict[tuple[str, ...], dict[str, int]]

    @classmethod
    def of(cls, table: Table) -> Published:
        """Take the words and times of a row as its key and the whole numbers as its numbers."""
        read = {}
        for line in table.rows:
            named = dict(zip(table.columns, line, strict=True))
            key = (
                (OTHER,)
                if named.pop("folded")
                else tuple(_word(value) for value in line if isinstance(value, str | datetime))
            )
            read[key] = {name: value for name, value in named.items() if isinstance(value, int)}
        return cls(read)

    def with_whole(self) -> dict[tuple[str, ...], dict[str, int]]:
        """All cells and their sum."""
        names = next(iter(self.numbers.values()), {})
        whole = {name: sum(numbers[name] for numbers in self.numbers.values()) for name in names}
        return self.numbers | {("the whole",): whole}

    @property
    def by_name(self) -> dict[tuple[str, ...], dict[str, int]]:
        """The cells but 'other'."""
        return {key: numbers for key, numbers in self.numbers.items() if key[0] != OTHER}


def isolated_in(window: Period, seen: Published, truth: Truth, least: int) -> Iterator[str]:
    """Find people isolated within one window: small cells, and a small rest when cells are taken from the whole."""
    cells = truth.cells(window)
    for key in seen.by_name:
        if len(cells.get(key, ())) < least:
            yield f"{key}: shown, but of {len(cells.get(key, ()))} people"
    if seen.numbers:
        hidden = [people for key, people in cells.items() if key not in seen.by_name]
        rest: set[int] = set().union(*hidden)
        if hidden and (len(rest) < least or len(hidden) < 2):
            yield f"the whole without the shown cells leaves {len(rest)} people in {len(hidden)} cells"
    for key, numbers in seen.numbers.items():
        for name, value in numbers.items():
            whole = sum(other[name] for other in seen.numbers.values())
            if 0 < value < least or 0 < whole - value < least:
                yield f"{key}: {name} {value} of {whole} tells of fewer than {least}"


def isolated_between(one: Published, two: Published, least: int) -> Iterator[str]:
    """Find a difference of two windows that is not whole groups: any other one counts people that only one of them has."""
    first, second = one.with_whole(), two.with_whole()
    for key in first.keys() & second.keys():
        for name in first[key].keys() & second[key].keys():
            step = abs(first[key][name] - second[key][name])
            if step % least:
                yield f"{key}: {name} differs by {step} between two windows"


def _word(value: str | datetime) -> str:
    return value if isinstance(value, str) else f"{value:%Y-%m-%d %H:00}"


def moment(row: Row) -> datetime:
    """Return when a row was received."""
    at = row["received_at"]
    assert isinstance(at, datetime)
    return at
