"""What the edge's steps look things up in: sites, networks, keys, blocks, the flood guard.

Owns how these are put together from the settings and the bounded memory of addresses already read. Built once for a
collector process and never changed; reading the look-up files is the only I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import Protocol

from pipeline.edge import cookies
from pipeline.edge.rate_limit import FloodGuard
from pipeline.event import RawAddress
from pipeline.keys.tokens import DayTokens
from pipeline.networks.address import NetworkSet
from pipeline.networks.lookup import NetworkTables
from pipeline.scrub.page import PageFacts, ReferrerFacts, SitePages, read_page, read_referrer
from pipeline.settings import AllowedValue, Settings, Site

CACHED_PAGES = 8192
CACHED_TEXT = 512  # longer addresses are not remembered: a cache entry is bounded as well as their number


class Keys(Protocol):
    """What the edge asks of the keyring; None: there is no key, so no tokens are made."""

    def day(self, epoch: date, *, today: date) -> DayTokens | None:
        """Return the day's tokens."""

    def visitor_key(self, epoch: date, *, today: date) -> bytes | None:
        """Return the key of the id cookie's hash."""


class Blocks(Protocol):
    """Which persons asked that nothing more be kept (policy clause 6.2.4)."""

    def person(self, secret: str) -> bool:
        """Whether the holder of an id cookie with this random part is blocked."""

    def address(self, address: RawAddress, epoch: date) -> bool:
        """Whether an address is blocked on a UTC day."""


class NoBlocks:
    """Nobody is blocked."""

    def person(self, _: str) -> bool:
        """See `Blocks`."""
        return False

    def address(self, _: RawAddress, __: date) -> bool:
        """See `Blocks`."""
        return False


NOBODY = NoBlocks()


class SiteTables:
    """One site, ready for look-ups: its pages with a bounded memory of addresses already read."""

    def __init__(self, site: Site) -> None:
        self.settings = site
        pages = SitePages.of(site)
        self._read_page = partial(read_page, site=pages)
        self._read_referrer = partial(read_referrer, site=pages)
        self._known_page = lru_cache(CACHED_PAGES)(self._read_page)
        self._known_referrer = lru_cache(CACHED_PAGES)(self._read_referrer)
        self.cookies: Mapping[str, AllowedValue] = {cookie.name: cookie for cookie in site.cookies}
        self.wanted_cookies = frozenset({*self.cookies, cookies.ID_COOKIE, cookies.OPT_OUT_COOKIE})

    def page(self, raw: str) -> PageFacts:
        """Return what may be kept of a page address."""
        return self._known_page(raw) if len(raw) <= CACHED_TEXT else self._read_page(raw)

    def referrer(self, raw: str) -> ReferrerFacts:
        """Return what may be kept of a previous page's address."""
        return self._known_referrer(raw) if len(raw) <= CACHED_TEXT else self._read_referrer(raw)


@dataclass(frozen=True, slots=True)
class EdgeTables:
    """What the steps look things up in; `random` returns that many random bytes."""

    sites: Mapping[str, SiteTables]
    networks: NetworkTables
    trusted: NetworkSet
    flood: FloodGuard
    keys: Keys
    policy: str
    random: Callable[[int], bytes]
    blocks: Blocks = NOBODY

    @classmethod
    def load(
        cls, settings: Settings, keys: Keys, random: Callable[[int], bytes], blocks: Blocks | None = None
    ) -> EdgeTables:
        """Build the tables of one collector process; raises `Fatal` for an unusable file."""
        edge = settings.collector
        return cls(
            sites={site.id: SiteTables(site) for site in settings.sites},
            networks=NetworkTables.load(settings),
            trusted=NetworkSet(edge.trusted_proxies),
            flood=FloodGuard(per_minute=edge.flood_per_minute, burst=edge.flood_burst, clients=edge.flood_addresses),
            keys=keys,
            policy=settings.privacy.policy_version,
            random=random,
            blocks=blocks or NOBODY,
        )
