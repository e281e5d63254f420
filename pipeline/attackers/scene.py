"""What every attack and look-alike is made of: clients with a browser, an address and perhaps a cookie jar, and their views.

Owns the naming of cookie jars: each begins with the name and the seed of its kind, so no attacker has the cookie of a visitor of the clinic.
Pure: the same scene gives the same hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from ipaddress import ip_address
from random import Random
from typing import Final

from pipeline.durations import MINUTE_MS
from pipeline.settings.site import Site
from pipeline.traffic.places import Places
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import FAMILIES, Browser, Person, Story, View, Visit, browser_on, hits_of, story

RESET: Final = "/lk/vosstanovlenie/"
TRAP: Final = "/arhiv-stranic/"
"""A page that no person finds: only a hidden link leads to it."""
SECOND_MS: Final = 1_000
PAGES: Final = (
    "/", "/doctors/", "/services/", "/price/", "/contacts/", "/akcii/", "/news/",
    *(f"/doctors/{name}/" for name in ("terapevt", "kardiolog", "nevrolog", "lor", "oftalmolog", "urolog", "hirurg", "pediatr", "dermatolog", "ortoped")),
    *(f"/services/{name}/" for name in ("analizy", "uzi", "mrt", "kt", "rentgen", "ekg", "massazh", "stomatologiya", "fizioterapiya", "vakcinaciya")),
    *(f"/news/{name}/" for name in ("vakcina-ot-grippa", "novyy-apparat", "den-otkrytyh-dverey", "grafik-prazdnikov", "sezon-allergii", "novyy-filial")),
    *(f"/price/{name}/" for name in ("analizy", "priem", "diagnostika", "stomatologiya", "procedury")),
    *(f"/contacts/{name}/" for name in ("filial-centr", "filial-sever", "filial-yug")),
)  # fmt: skip
"""The pages of the made-up clinic that a program can find by its links."""


@dataclass(frozen=True)
class Client:
    """One browser in one network; `jar` names its cookies, '' for one that keeps none."""

    jar: str
    browser: Browser
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """Where and when a kind happens: it begins at `start_ms` (Unix milliseconds); `size` multiplies the number of its clients or views."""

    name: str
    site: Site
    places: Places
    start_ms: int
    seed: int = 1
    size: float = 1.0

    @cached_property
    def random(self) -> Random:
        """The randomness of this scene; its hits are drawn in one order."""
        return Random(f"{self.name} {self.seed}")  # noqa: S311 - a reproducible scene, no secret

    @property
    def base(self) -> str:
        """The address of the site without a path."""
        return f"https://{self.site.hosts[0]}"

    @property
    def day(self) -> date:
        """The day of its begin in the site's time zone."""
        return datetime.fromtimestamp(self.start_ms / 1000, self.site.zone).date()

    def count(self, usual: int) -> int:
        """Return the number of clients or views of this size, at least one."""
        return max(1, round(usual * self.size))

    def jar(self, name: object) -> str:
        """Return the name of a cookie jar of this scene."""
        return f"{self.name} {self.seed} {name}"

    def browser(self, family: str = "") -> Browser:
        """Return a browser of today, of a family or of a drawn one."""
        return browser_on(family or FAMILIES.draw(self.random), self.day, self.random.uniform(0.1, 0.9))

    def client(self, jar: object, address: str, family: str = "") -> Client:
        """Return a client with a cookie jar."""
        return Client(self.jar(jar), self.browser(family), address)

    def stranger(self, address: str, family: str = "") -> Client:
        """Return a client that keeps no cookie."""
        return Client("", self.browser(family), address)

    def home(self) -> str:
        """Return an address of a home."""
        return self.places.home(self.random)

    def server(self) -> str:
        """Return an address of a hosting network."""
        return self.places.hosting(self.random)

    def later(self, shortest_ms: int, longest_ms: int) -> int:
        """Return a drawn span."""
        return self.random.randrange(shortest_ms, longest_ms)

    def moments(self, count: int, span_ms: int) -> list[int]:
        """Return so many drawn moments after the begin, in order."""
        return sorted(self.start_ms + self.random.randrange(span_ms) for _ in range(count))

    def hits(self, client: Client, views: Iterable[View]) -> Iterator[PlannedHit]:
        """Yield the hits of a client's views."""
        visit = Visit(client.jar, client.browser, client.address, client.headers, tuple(views))
        return hits_of(visit, self.site.id, self.site.hosts[0])

    def reads(self, client: Client, start_ms: int) -> list[PlannedHit]:
        """Return the hits of an ordinary visit, from the door to wherever this person goes."""
        person = Person(client.jar, client.browser.family, 0.5, client.address, client.headers, has_script=True)
        return list(self.hits(client, story(person, Story(start_ms, is_campaign=False, base=self.base), self.random)))

    def chain(self, pages: Sequence[str], start_ms: int, gaps_ms: tuple[int, int], entry: str = "") -> list[View]:
        """Return views one after another, each named as the referrer of the next one; `entry` is the referrer of the first."""
        views, moment, referrer = [], start_ms, entry
        for page in pages:
            views.append(View(moment, page, referrer))
            moment, referrer = moment + self.later(*gaps_ms), self.base + page.partition("?")[0]
        return views

    def click_id(self) -> str:
        """Return a click id as Yandex Direct makes them."""
        return str(self.random.randrange(10**18, 9 * 10**18))


def beside(address: str, number: int) -> str:
    """Return another address of the same /24 (of IPv6: of the same /64)."""
    first = ip_address(address)
    if first.version == 6:
        return str(ip_address(int(first) >> 64 << 64 | number + 1))
    return str(ip_address(int(first) >> 8 << 8 | 1 + (int(first) + number) % 254))


def minutes(count: float) -> int:
    """Return minutes in milliseconds."""
    return round(count * MINUTE_MS)
