"""Generates realistic small days of a clinic, the same for the same seed and date.

Owns the visitors: people of whom some come again, phones behind one carrier address, staff in the clinic's own network,
declared robots, a broken link that people follow, a scanner, browsers that signal GPC, an evening on which a page is slow.
Their addresses are an argument (`traffic.places`); the clinic's own is of a documentation range. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import NamedTuple, TypeVar

from pipeline.durations import HOUR_MS
from pipeline.settings.site import Site
from pipeline.traffic.places import DocumentationPlaces, Places
from pipeline.traffic.send import PlannedHit

Choice = TypeVar("Choice")

# Relative traffic of each hour of the site's time zone.
_HOURS = (5, 4, 3, 2, 1, 1, 2, 5, 9, 14, 17, 18, 17, 16, 15, 14, 13, 11, 10, 10, 9, 8, 7, 6)

POPULATION = 3
"""So many times more people know the clinic than come on one day."""
BROKEN_LINK = "/services/mrt-staraya/"
SLOW_PAGE = "/zapis/"
_SLOW_FROM_MS = 19 * HOUR_MS + HOUR_MS // 2
_SLOW_MS = HOUR_MS + HOUR_MS // 2

_PAGES = {
    "/": 20,
    "/doctors/": 12,
    "/doctors/terapevt/": 8,
    "/doctors/kardiolog/": 6,
    "/services/": 10,
    "/services/uzi/": 8,
    "/services/analizy/": 9,
    "/services/onkologiya/": 3,
    "/price/": 11,
    "/contacts/": 7,
    "/zapis/": 9,
    "/zapis/spasibo/": 3,
    "/news/": 2,
    "/lk/": 4,
}
_REFERRERS = (
    ("", 40),
    ("https://yandex.ru/", 30),
    ("https://www.google.com/", 15),
    ("https://vk.com/", 5),
    ("https://2gis.ru/", 6),
    ("https://e.mail.ru/", 2),
)
ROBOTS = {
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)": 90,
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": 70,
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)": 40,
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": 35,
    "python-requests/2.32.3": 12,
}
SCANNER_PATHS = (
    "/.env", "/.git/config", "/wp-login.php", "/administrator/", "/phpmyadmin/", "/bitrix/admin/", "/backup.zip",
    "/config.php.bak", "/../../etc/passwd", "/?id=1+union+select+1,2", "/server-status", "/xmlrpc.php", "/old/",
    "/test.php", "/shell.php", "/api/v1/users", "/.aws/credentials", "/vendor/phpunit/", "/cgi-bin/luci", "/login.action",
    "/wp-config.php.old", "/dump.sql", "/.svn/entries", "/actuator/env",
)  # fmt: skip


class Browser(NamedTuple):
    """A user agent and the client hints that Chromium sends by default over https (User-Agent Client Hints, section 3)."""

    agent: str
    headers: dict[str, str]


def _chrome(major: int, system: str, platform: str, *, mobile: bool) -> Browser:
    phone = " Mobile" if mobile else ""
    return Browser(
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0{phone} Safari/537.36",
        {
            "Sec-CH-UA": f'"Chromium";v="{major}", "Google Chrome";v="{major}", "Not)A;Brand";v="24"',
            "Sec-CH-UA-Mobile": "?1" if mobile else "?0",
            "Sec-CH-UA-Platform": f'"{platform}"',
        },
    )


_BROWSERS = (
    (_chrome(143, "Windows NT 10.0; Win64; x64", "Windows", mobile=False), 30),
    (_chrome(142, "Windows NT 10.0; Win64; x64", "Windows", mobile=False), 10),
    (_chrome(143, "Linux; Android 10; K", "Android", mobile=True), 28),
    (
        Browser(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/18.5 Mobile/15E148 Safari/604.1",
            {},
        ),
        18,
    ),
    (Browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", {}), 8),
    (
        Browser(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
            " Safari/605.1.15",
            {},
        ),
        6,
    ),
)
CLINIC = "192.0.2.10"


def span_of(day: date, site: Site) -> range:
    """Return the moments of a day in the site's time zone, in Unix milliseconds."""
    begin, end = (datetime.combine(each, time(), site.zone).timestamp() for each in (day, day + timedelta(days=1)))
    return range(int(begin * 1000), int(end * 1000))


def clinic_day(
    site: Site, day: date, *, seed: int, people: int, places: Places | None = None, is_slow: bool = True
) -> list[PlannedHit]:
    """Return the hits of a whole day in the site's time zone, in order of time; `is_slow` adds the slow evening."""
    planned = _Day(site, day, seed, places or DocumentationPlaces())
    hits = [
        *planned.visits(people),
        *planned.staff(visits=max(4, people // 10)),
        *planned.robots(),
        *planned.broken_link(visitors=max(8, people // 10)),
        *planned.scanner(),
        *(planned.slow_evening(visitors=max(8, people // 20)) if is_slow else ()),
    ]
    span = span_of(day, site)
    return sorted((hit for hit in hits if hit.at_ms in span), key=lambda hit: hit.at_ms)


class _Day:
    def __init__(self, site: Site, day: date, seed: int, places: Places) -> None:
        self._places = places
        self._site = site
        self._seed = seed
        self._name = day.isoformat()
        self._random = Random(f"{seed} {day}")  # noqa: S311 - a reproducible day, no secret
        self._span = span_of(day, site)

    def visits(self, people: int) -> Iterator[PlannedHit]:
        for number in self._random.sample(range(POPULATION * people), people):
            person = Random(f"{self._seed} person {number}")  # noqa: S311 - the same person on another day
            mobile_carrier = person.random() < 0.2
            browser = _pick(person, _BROWSERS)
            address = self._places.carrier() if mobile_carrier else self._places.person(person, number)
            signals = {"Sec-GPC": "1"} if person.random() < 0.05 else {}
            yield from self._visit(f"person {number}", address, browser, signals)

    def staff(self, visits: int) -> Iterator[PlannedHit]:
        for number in range(visits):
            yield from self._visit(f"staff {number % 4}", CLINIC, _BROWSERS[1][0], {})

    def robots(self) -> Iterator[PlannedHit]:
        for place, (agent, count) in enumerate(ROBOTS.items()):
            for _ in range(count):
                moment = self._random.choice(self._span)
                yield self._hit(moment, self._places.robot(agent, place), agent, self._page(), mode="noscript")

    def broken_link(self, visitors: int) -> Iterator[PlannedHit]:
        for number in range(visitors):
            browser = self._pick(_BROWSERS)
            moment = self._moment()
            person = f"{self._name} lost {number}"
            address = self._places.home(self._random)
            yield self._hit(moment, address, browser.agent, "/services/", person=person, headers=browser.headers)
            yield self._hit(
                moment + self._random.randrange(4_000, 60_000),
                address,
                browser.agent,
                BROKEN_LINK,
                person=person,
                headers=browser.headers,
                referrer=self._url("/services/"),
                status=404,
            )

    def scanner(self) -> Iterator[PlannedHit]:
        moment = self._span.start + 3 * HOUR_MS + self._random.randrange(HOUR_MS)
        agent = _BROWSERS[0][0].agent
        for path in SCANNER_PATHS * 2:
            moment += self._random.randrange(150, 900)
            yield self._hit(moment, self._places.scanner(), agent, path, status=404)

    def slow_evening(self, visitors: int) -> Iterator[PlannedHit]:
        """Yield people who reload the page for appointments while it is slow, until the server gives up."""
        for number in range(visitors):
            browser, address = self._pick(_BROWSERS), self._places.home(self._random)
            moment = self._span.start + _SLOW_FROM_MS + self._random.randrange(_SLOW_MS)
            tries = self._random.randrange(4, 8)
            for attempt in range(tries):
                yield self._hit(
                    moment,
                    address,
                    browser.agent,
                    SLOW_PAGE,
                    person=f"{self._name} waiting {number}",
                    headers=browser.headers,
                    referrer=self._url("/services/"),
                    status=504 if attempt == tries - 1 else 0,
                )
                moment += self._random.randrange(4_000, 9_000)

    def _visit(self, person: str, address: str, browser: Browser, signals: dict[str, str]) -> Iterator[PlannedHit]:
        moment, before = self._moment(), self._pick(_REFERRERS)
        for place in range(min(14, 1 + int(self._random.expovariate(0.35)))):
            page = self._page() if place or self._random.random() < 0.5 else "/"
            headers = {**browser.headers, **signals}
            query = "?utm_source=yandex&utm_medium=cpc" if place == 0 and self._random.random() < 0.08 else ""
            yield self._hit(
                moment, address, browser.agent, page + query, person=person, headers=headers, referrer=before
            )
            if self._random.random() < 0.15:
                yield self._hit(
                    moment + 1500, address, browser.agent, page, person=person, headers=headers, ad="checkup"
                )
            before = self._url(page)
            moment += 3_000 + int(self._random.expovariate(1 / 45_000))

    def _moment(self) -> int:
        hour = self._random.choices(range(24), weights=_HOURS)[0]
        return self._span.start + hour * HOUR_MS + self._random.randrange(HOUR_MS)

    def _page(self) -> str:
        return self._random.choices(list(_PAGES), weights=list(_PAGES.values()))[0]

    def _pick(self, weighted: tuple[tuple[Choice, int], ...]) -> Choice:
        return _pick(self._random, weighted)

    def _url(self, path: str) -> str:
        return f"https://{self._site.hosts[0]}{path}"

    def _hit(
        self,
        at_ms: int,
        address: str,
        agent: str,
        page: str,
        *,
        mode: str = "js",
        person: str = "",
        headers: dict[str, str] | None = None,
        referrer: str = "",
        status: int = 0,
        ad: str = "",
    ) -> PlannedHit:
        query = {"s": self._site.id, "u": self._url(page), "m": mode}
        optional = {"r": referrer, "e": str(status) if status else "", "a": ad}
        query |= {name: value for name, value in optional.items() if value}
        return PlannedHit(at_ms, address, agent, query, person, headers or {})


def _pick(random: Random, weighted: tuple[tuple[Choice, int], ...]) -> Choice:
    return random.choices([item for item, _ in weighted], weights=[weight for _, weight in weighted])[0]
