"""A made-up clinic as the numbers of the problems engine by hour: drawn from a seed, with faults that a test puts in by hand.

It shares no code with the detectors and needs no database: people come by Poisson's law, each has a program and a network, and opens pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipeline.detection.series import Counted, Slice, Table

Numbers = NDArray[np.float64]
UTC_ZONE: Final = ZoneInfo("UTC")
HOUR: Final = timedelta(hours=1)
MONDAY: Final = datetime(2026, 9, 7, tzinfo=UTC)
OF_DAY: Final = np.array(
    [1, 0.5, 0.3, 0.3, 0.3, 1, 3, 8, 16, 20, 22, 20, 16, 18, 20, 18, 14, 12, 10, 8, 6, 4, 3, 2], dtype=float
)
OF_WEEK: Final = np.array([1.15, 1.1, 1.05, 1.0, 1.0, 0.6, 0.5])


class Program(NamedTuple):
    """A browser of one version on one system, and its share of the people."""

    browser: str
    version: str
    engine: str
    os: str
    device: str
    share: float

    @property
    def slices(self) -> list[Slice]:
        """The slices that its people belong to."""
        named = zip(("browser", "version", "engine", "os", "device"), self[:5], strict=True)
        return [Slice(dimension, name) for dimension, name in named]


PROGRAMS: Final = (
    Program("Chrome", "Chrome 142", "Blink", "Windows", "desktop", 0.30),
    Program("Chrome", "Chrome 141", "Blink", "Android", "phone", 0.25),
    Program("Safari", "Safari 18", "WebKit", "iOS", "phone", 0.20),
    Program("Firefox", "Firefox 145", "Gecko", "Windows", "desktop", 0.12),
    Program("Yandex Browser", "Yandex Browser 25", "Blink", "Windows", "desktop", 0.13),
)
NETWORKS: Final = {"AS12389 Rostelecom": 0.4, "AS8359 MTS": 0.3, "AS25513 MGTS": 0.2, "AS3216 Vimpelcom": 0.1}
PAGES: Final = {"/": 0.6, "/doctors/": 0.35, "/services/": 0.3, "/contacts/": 0.15, "/booking/": 0.1, "/about/": 0.05}
OF_PROGRAM: Final = {
    "form": 0.15,
    "scripted": 0.93,
    "further": 0.55,
    "cookied": 0.5,
    "cookieless": 0.015,
    "unreferred": 0.02,
}
"""Parts of the people of each program; `done` is a part of those with `form`."""
DONE: Final = 0.4


@dataclass
class MadeSite:
    """The chances by hour; a test changes them before `table` draws the numbers."""

    days: int
    a_day: float
    zone: ZoneInfo = UTC_ZONE
    start: datetime = MONDAY
    level: Numbers = field(init=False)
    programs: dict[Program, Numbers] = field(init=False)
    networks: dict[str, Numbers] = field(init=False)
    pages: dict[str, Numbers] = field(init=False)
    parts: dict[tuple[Program, str], Numbers] = field(init=False)
    of_page: dict[tuple[str, str], Numbers] = field(init=False)
    again: Numbers = field(init=False)
    """The part of the people of a form who load it again and again."""
    others: dict[Slice, Numbers] = field(init=False)
    """Slices beside programs, networks and pages: referrers, ads."""

    def __post_init__(self) -> None:
        """Make the chances of an ordinary site."""
        local = [(self.start + place * HOUR).astimezone(self.zone) for place in range(self.size)]
        self.level = np.array([self.a_day * OF_DAY[at.hour] / OF_DAY.sum() * OF_WEEK[at.weekday()] for at in local])
        self.programs = {each: self.always(each.share) for each in PROGRAMS}
        self.networks = {name: self.always(share) for name, share in NETWORKS.items()}
        self.pages = {name: self.always(share) for name, share in PAGES.items()}
        self.parts = {(each, flag): self.always(part) for each in PROGRAMS for flag, part in OF_PROGRAM.items()}
        self.parts |= {(each, "done"): self.always(DONE) for each in PROGRAMS}
        self.of_page = {(page, "named"): self.always(0.3) for page in PAGES if page != "/"}
        self.again = self.always(0.02)
        self.others = {Slice("referrer", "search.example"): self.always(0.4), Slice("ad", "top"): self.always(0.3)}

    @property
    def size(self) -> int:
        """The number of hours."""
        return self.days * 24

    def always(self, value: float) -> Numbers:
        """Return the same value for every hour."""
        return np.full(self.size, value)

    def time(self, place: int) -> datetime:
        """Return the begin of an hour."""
        return self.start + place * HOUR

    def noon(self, day: int) -> int:
        """Return the place of ten o'clock of a day, when many people come."""
        return day * 24 + 10

    def table(self, seed: int, until: int | None = None) -> Table:
        """Return the table of one draw, up to the begin of an hour."""
        end = self.time(self.size if until is None else until)
        return Table(self.start, end, self.rows(seed), self.zone)

    def rows(self, seed: int) -> list[Counted]:
        """Return the rows of one draw, as pixel.series has them."""
        found: dict[Slice, dict[str, Numbers]] = {}
        draw = np.random.default_rng(seed)
        of_program = {each: np.zeros(self.size) for each in self.programs}
        of_network = {name: np.zeros(self.size) for name in self.networks}
        for program, share in self.programs.items():
            for network, part in self.networks.items():
                came = draw.poisson(self.level * share * part).astype(float)
                of_program[program] += came
                of_network[network] += came
        people = np.sum(list(of_program.values()), axis=0)
        site = Slice("site", "")
        _add(found, site, "people", people)
        for program, came in of_program.items():
            numbers = {flag: _drawn(draw, came, self.parts[program, flag]) for flag in OF_PROGRAM}
            numbers["done"] = _drawn(draw, numbers["form"], self.parts[program, "done"])
            for piece in (*program.slices, site):
                if piece != site:
                    _add(found, piece, "people", came)
                for flag, number in numbers.items():
                    _add(found, piece, flag, number)
        for network, came in of_network.items():
            _add(found, Slice("network", network), "people", came)
        self._draw_pages(found, people, draw)
        _add(found, Slice("role", "form"), "people", found[site]["form"])
        _add(found, Slice("role", "form"), "again", _drawn(draw, found[site]["form"], self.again))
        for piece, part in self.others.items():
            _add(found, piece, "people", _drawn(draw, people, part))
        for numbers in found.values():
            numbers["views"] = numbers["people"] + draw.poisson(numbers["people"])
        return [
            Counted(self.time(place), piece, int(numbers["views"][place]), int(numbers["people"][place]), _flags(numbers, place))
            for piece, numbers in found.items()
            for place in range(self.size)
            if numbers["views"][place] or numbers.get("named", self.always(0))[place]
        ]  # fmt: skip

    def _draw_pages(self, found: dict[Slice, dict[str, Numbers]], people: Numbers, draw: np.random.Generator) -> None:
        for page, part in self.pages.items():
            came = _drawn(draw, people, part)
            _add(found, Slice("page", page), "people", came)
            for (of_page, flag), chance in self.of_page.items():
                if of_page != page:
                    continue
                of_all = flag == "named"
                number = _drawn(draw, people if of_all else came, chance * (part.max() if of_all else 1))
                _add(found, Slice("page", page), flag, number)
                if flag != "named":
                    _add(found, Slice("site", ""), flag, number)


def _drawn(draw: np.random.Generator, of: Numbers, chance: Numbers | float) -> Numbers:
    result: Numbers = draw.binomial(of.astype(int), chance).astype(np.float64)
    return result


def _add(found: dict[Slice, dict[str, Numbers]], piece: Slice, measure: str, number: Numbers) -> None:
    numbers = found.setdefault(piece, {})
    numbers[measure] = numbers.get(measure, np.zeros(number.size)) + number


def _flags(numbers: Mapping[str, Numbers], place: int) -> dict[str, int]:
    return {name: int(of[place]) for name, of in numbers.items() if name not in ("views", "people") and of[place]}
