"""Made-up visits of a clinic's site: one person with one browser in one network, and a story from page to page.

Owns the pages and their links, the browsers and their roll-out, and the change of a visit into hits. The referrer of a later view is
the page before it. Of 100 visits 9 reach the form of an appointment and 6 the patient's account; of those at the form 70 % reach
the page after it. The same seed gives the same visits. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate
from random import Random
from typing import Final, Generic, NamedTuple, TypeVar

from pipeline.traffic.send import PlannedHit

Item = TypeVar("Item")

FORM: Final = "/zapis/"
DONE: Final = "/zapis/spasibo/"
LOGIN: Final = "/lk/"
AD_BLOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    "/": ("checkup", "vakcina"), "/price/": ("checkup", "vakcina"), "/services/": ("checkup",), "/services/uzi/": ("uzi-skidka",),
}  # fmt: skip
"""The ad blocks of the pages."""

FORM_SHARE: Final = 0.09
DONE_SHARE: Final = 0.7
LOGIN_SHARE: Final = 0.06
RELOAD_SHARE: Final = 0.03
AD_SEEN: Final = 0.85
NO_SCRIPT: Final = 0.015
MOST_PAGES: Final = 12


class Choice(Generic[Item]):
    """Items with weights; draws one of them."""

    def __init__(self, weighted: Sequence[tuple[Item, float]]) -> None:
        self.items = [item for item, _ in weighted]
        self._sums = list(accumulate(weight for _, weight in weighted))

    def draw(self, random: Random) -> Item:
        """Return one item."""
        return random.choices(self.items, cum_weights=self._sums)[0]


_DOCTORS = (("/doctors/terapevt/", 8), ("/doctors/kardiolog/", 6), ("/doctors/nevrolog/", 5), ("/doctors/lor/", 4))
_SERVICES = (
    ("/services/analizy/", 9), ("/services/uzi/", 8), ("/services/mrt/", 6), ("/services/onkologiya/", 3),
    ("/services/hiv/", 1),
)  # fmt: skip
_LINKS: Final[Mapping[str, Choice[str]]] = {
    "/": Choice((("/services/", 22), ("/doctors/", 20), ("/price/", 14), ("/contacts/", 10), ("/akcii/", 5), ("/news/", 3))),
    "/doctors/": Choice((*_DOCTORS, ("/services/", 3))),
    "/services/": Choice((*_SERVICES, ("/price/", 5))),
    "/price/": Choice((("/services/", 8), ("/doctors/", 6), ("/services/uzi/", 4), ("/contacts/", 4))),
    "/contacts/": Choice((("/", 4), ("/doctors/", 5), ("/services/", 4))),
    "/akcii/": Choice((("/services/", 5), ("/price/", 5), ("/services/uzi/", 3))),
    "/news/": Choice((("/", 3), ("/akcii/", 3), ("/doctors/", 2))),
    "doctor": Choice((("/doctors/", 10), ("/price/", 6), ("/contacts/", 5), ("/services/", 4))),
    "service": Choice((("/price/", 10), ("/services/", 8), ("/doctors/", 7), ("/contacts/", 4))),
}  # fmt: skip
_ENTRIES: Final = Choice((
    ("", 38), ("https://yandex.ru/", 31), ("https://www.google.com/", 14), ("https://vk.com/", 5), ("https://2gis.ru/", 7),
    ("https://e.mail.ru/", 2), ("https://dzen.ru/", 3),
))  # fmt: skip
_LANDINGS: Final = Choice((
    ("/", 30), *_DOCTORS, *_SERVICES, ("/services/", 6), ("/doctors/", 6), ("/price/", 8), ("/contacts/", 6),
))  # fmt: skip
CAMPAIGN: Final = "?utm_source=yandex&utm_medium=cpc&utm_campaign=checkup"


class Browser(NamedTuple):
    """A browser as the reports name it, its engine, its user agent, and the client hints that Chromium sends over https."""

    family: str
    major: int
    engine: str
    agent: str
    headers: Mapping[str, str]


class Person(NamedTuple):
    """One person: their cookie jar's name, device and network, and the habits that do not change from visit to visit."""

    name: str
    family: str
    late: float
    """The share of people who take a new version of the browser earlier."""
    address: str
    headers: Mapping[str, str]
    has_script: bool


class View(NamedTuple):
    """A page view, or the impression of its ad blocks if `ads` are named; `page` is a path, `referrer` a whole address."""

    at_ms: int
    page: str
    referrer: str = ""
    status: int = 0
    ads: tuple[str, ...] = ()
    mode: str = "js"
    release: str = ""
    scheme: str = "https"
    keeps_cookie: bool = True


class Visit(NamedTuple):
    """The views of one person or robot in order of time; a robot has no person and no browser's name."""

    person: str
    browser: Browser
    address: str
    headers: Mapping[str, str]
    views: tuple[View, ...]
    is_person: bool = True


class Story(NamedTuple):
    """The given parts of a visit: its begin (Unix milliseconds), whether a campaign led to it, and the address of the site."""

    start_ms: int
    is_campaign: bool
    base: str


FAMILIES: Final = Choice((
    ("Chrome Windows", 24), ("Chrome Android", 19), ("Yandex Windows", 15), ("Yandex Android", 13), ("Edge", 3),
    ("Safari iPhone", 14), ("Safari Mac", 4), ("Firefox", 6), ("Chrome 109", 2),
))  # fmt: skip
_EPOCH = date(2026, 1, 13)
_FIRST = {"Chrome": 144, "Edge": 144, "Firefox": 147}
_WEEKS_EACH = 4
_ROLL_OUT_DAYS = 12.0
_SYSTEMS = {
    "": ("Windows NT 10.0; Win64; x64", "Windows"), "Windows": ("Windows NT 10.0; Win64; x64", "Windows"),
    "Android": ("Linux; Android 10; K", "Android"), "109": ("Windows NT 6.1; Win64; x64", "Windows"),
}  # fmt: skip
_SAFARI = {
    "Safari iPhone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/26.1 Mobile/15E148 Safari/604.1",
    "Safari Mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/26.1 Safari/605.1.15",
}


def major_on(name: str, day: date, late: float = 0.5) -> int:
    """Return the major version of Chrome, Edge or Firefox that a person has on a day; `late` is the share who update earlier.

    Each version comes four weeks after the one before it and reaches half of the people within six days.
    """
    if late > 0.97:  # these never update by themselves
        late += 2 * _WEEKS_EACH * 7 / _ROLL_OUT_DAYS
    return _FIRST[name] + int(((day - _EPOCH).days - late * _ROLL_OUT_DAYS) // (7 * _WEEKS_EACH))


def browser_on(family: str, day: date, late: float = 0.5) -> Browser:
    """Return the browser of a family on a day."""
    if family in _SAFARI:
        return Browser("Mobile Safari" if "iPhone" in family else "Safari", 26, "WebKit", _SAFARI[family], {})
    brand, _, system = family.partition(" ")
    if brand == "Firefox":
        major = major_on(brand, day, late)
        agent = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0"
        return Browser(brand, major, "Gecko", agent, {})
    chromium = 109 if system == "109" else major_on("Chrome", day, late)
    platform, told = _SYSTEMS[system]
    phone = " Mobile" if system == "Android" else ""
    name, major, word, hint = _chromium_brand(brand, system, chromium)
    return Browser(
        name,
        major,
        "Blink",
        f"Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chromium}.0.0.0{word}{phone} Safari/537.36"
        + (f" Edg/{chromium}.0.0.0" if brand == "Edge" else ""),
        {
            "Sec-CH-UA": f'"Chromium";v="{chromium}", {hint}, "Not)A;Brand";v="24"',
            "Sec-CH-UA-Mobile": "?1" if phone else "?0",
            "Sec-CH-UA-Platform": f'"{told}"',
        },
    )


def _chromium_brand(brand: str, system: str, chromium: int) -> tuple[str, int, str, str]:
    """Return the name, the major, the word of the agent before `Safari`, and the brand of the hints."""
    if brand == "Yandex":
        year, month = divmod((chromium - 144) * 12 // 13, 12)
        version = f"{26 + year}.{max(2, month // 2 * 2)}"
        return "Yandex Browser", 26 + year, f" YaBrowser/{version}.0.0", f'"YaBrowser";v="{version}"'
    if brand == "Edge":
        return "Edge", chromium, "", f'"Microsoft Edge";v="{chromium}"'
    return "Chrome Mobile" if system == "Android" else "Chrome", chromium, "", f'"Google Chrome";v="{chromium}"'


def story(person: Person, told: Story, random: Random) -> tuple[View, ...]:
    """Return the views of one visit without their release, in order of time."""
    goal = random.random()
    entry, landing = _entry(goal, told, random)
    read = min(MOST_PAGES, 1 + int(random.expovariate(0.5)))
    pages = [landing]
    while len(pages) < read and pages[-1] not in (FORM, LOGIN):
        pages.append(_next(pages[-1], random))
    if goal < FORM_SHARE:
        pages += _booking(pages[-1], random)
    elif goal < FORM_SHARE + LOGIN_SHARE:
        pages += _account(pages[-1], random)
    return tuple(_views(pages, entry, person, told, random))


def _entry(goal: float, told: Story, random: Random) -> tuple[str, str]:
    if told.is_campaign:
        return "https://yandex.ru/", "/akcii/" + CAMPAIGN
    entry, landing = _ENTRIES.draw(random), _LANDINGS.draw(random)
    if goal < FORM_SHARE and entry == "https://2gis.ru/":
        return entry, FORM
    if FORM_SHARE <= goal < FORM_SHARE + LOGIN_SHARE and not entry:
        return entry, LOGIN
    return entry, landing if entry or random.random() < 0.5 else "/"


def _next(page: str, random: Random) -> str:
    page = page.partition("?")[0]
    if page not in _LINKS:
        page = page.split("/")[1].removesuffix("s") if page.startswith(("/doctors/", "/services/")) else "/"
    return _LINKS[page].draw(random)


def _booking(last: str, random: Random) -> Iterator[str]:
    if last != FORM:
        yield FORM
    if random.random() < RELOAD_SHARE:
        yield FORM
    if random.random() < DONE_SHARE:
        yield DONE
        if random.random() < 0.2:
            yield "/"


def _account(last: str, random: Random) -> Iterator[str]:
    if last != LOGIN:
        yield LOGIN
    yield "/lk/priemy/"
    if random.random() < 0.5:
        yield "/lk/analizy/"


def _views(pages: Sequence[str], entry: str, person: Person, told: Story, random: Random) -> Iterator[View]:
    moment, before, last = told.start_ms, entry, ""
    mode = "js" if person.has_script else "noscript"
    for page in pages:
        plain = page.partition("?")[0]
        is_reload = page == last
        # A reload keeps `document.referrer`; a page without scripts cannot tell it.
        referrer = before if is_reload or not last else told.base + last
        yield View(moment, page, referrer if person.has_script else "", mode=mode)
        seen = tuple(ad for ad in AD_BLOCKS.get(plain, ()) if random.random() < AD_SEEN)
        if seen and person.has_script:
            yield View(moment + random.randrange(800, 2_900), page, ads=seen)
        before, last = referrer, plain
        moment += (25_000 if page == FORM else 3_000) + int(random.expovariate(1 / 42_000))


def hits_of(visit: Visit, site: str, host: str) -> Iterator[PlannedHit]:
    """Yield the hits of a visit, for the id and the host of a site."""
    for view in visit.views:
        query = {"s": site, "u": f"{view.scheme}://{host}{view.page}", "m": view.mode}
        if view.referrer:
            query["r"] = view.referrer
        if view.status:
            query["e"] = str(view.status)
        if view.ads:
            query["a"] = ",".join(view.ads)
        if view.release:
            query["v"] = view.release
        headers = {**visit.browser.headers, **visit.headers}
        person = visit.person if view.keeps_cookie else ""
        yield PlannedHit(view.at_ms, visit.address, visit.browser.agent, query, person, headers)
