"""The look-up tables of the edge's steps: sites, networks, keys, blocks, the rate limit.

Owns their construction from the settings, and the caches of clients, pages and referrers: bounded in number, and in age
by `forget`, which the collector calls every few minutes. Reading the look-up files is the only I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.aged_cache import AgedCache
from pipeline.edge.blocks import BlockList
from pipeline.edge.clients import Client, Sender, read_client
from pipeline.edge.rate_limit import RateLimit
from pipeline.errors import Fatal
from pipeline.event import RawAddress, SignedRequest
from pipeline.headers import cookies
from pipeline.host_names import normal_host
from pipeline.keys.ring import Keyring
from pipeline.keys.sealed import Seal, sealer
from pipeline.networks.address import NetworkSet
from pipeline.networks.lookup import NetworkTables
from pipeline.pages.known import PageLists
from pipeline.pages.page import PageFacts, ReferrerFacts, SitePages, read_page, read_referrer
from pipeline.scrub.paths import NOTHING_KNOWN, KnownPaths
from pipeline.scrub.urls import split_url
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.signatures.check import NOTHING, Nonces, Place, Verdict, check

REMEMBERED_CLIENTS: Final = 16_384
REMEMBERED_PAGES: Final = 4_096
REMEMBERED_REFERRERS: Final = 4_096
"""A flood of new addresses, pages and referrers fills some 20, 6 and 6 MB."""
LONGEST_REMEMBERED: Final = 512  # longer texts are read again each time, so that no cached text is long

_SitePage = tuple[str, str]
"""A site's id and the address as received."""


def _seal(settings: Settings) -> Seal | None:
    if not (settings.fraud.enabled and settings.fraud.claim_key):
        return None
    try:
        return sealer(settings.fraud.claim_key)
    except ValueError as error:
        raise Fatal(f"fraud.claim_key: {error}") from None


class SiteTables:
    """One site, ready for look-ups."""

    def __init__(self, site: Site, known: KnownPaths = NOTHING_KNOWN) -> None:
        self.settings = site
        self.pages = SitePages.of(site, known)
        self.cookies: Mapping[str, frozenset[str]] = {cookie.name: cookie.kept for cookie in site.cookies}
        self._monitors = [(one, NetworkSet([one.network] if one.network else ())) for one in site.monitors]
        marks = {one.cookie for one in site.monitors if one.cookie}
        self.wanted_cookies = frozenset({*self.cookies, *marks, cookies.ID_COOKIE, cookies.OPT_OUT_COOKIE})

    def monitor(self, agent: str, sent: Collection[str], address: RawAddress) -> str:
        """Return the name of the site's own check with this agent, these cookies and this address, '' if it is none."""
        for one, network in self._monitors:
            if (
                one.agent in agent
                and (not one.cookie or one.cookie in sent)
                and (not one.network or address in network)
            ):
                return one.name
        return ""


@dataclass(slots=True)
class EdgeTables:
    """The look-up tables of the steps; `random` returns as many random bytes as asked. Belongs to one thread."""

    sites: Mapping[str, SiteTables]
    networks: NetworkTables
    trusted: NetworkSet
    rate_limit: RateLimit
    keys: Keyring
    policy: str
    random: Callable[[int], bytes]
    blocks: BlockList | None = None
    listed: PageLists | None = None
    seal: Seal | None = None
    public_url: str = ""
    _nonces: Nonces = field(init=False, default_factory=Nonces)
    _judged: tuple[SignedRequest | None, Verdict] = field(init=False, default=(None, NOTHING))
    _clients: AgedCache[Sender, Client] = field(init=False)
    _pages: AgedCache[_SitePage, PageFacts] = field(init=False)
    _referrers: AgedCache[_SitePage, ReferrerFacts] = field(init=False)

    def __post_init__(self) -> None:
        self._clients = AgedCache(self._read_client, most=REMEMBERED_CLIENTS)
        self._pages = AgedCache(self._read_page, most=REMEMBERED_PAGES)
        self._referrers = AgedCache(self._read_referrer, most=REMEMBERED_REFERRERS)

    @classmethod
    def load(
        cls, settings: Settings, keys: Keyring, random: Callable[[int], bytes], blocks: BlockList | None = None
    ) -> EdgeTables:
        """Build the tables of one collector process; raises `Fatal` for an unusable file."""
        edge = settings.collector
        listed = PageLists(settings)
        return cls(
            sites={site.id: SiteTables(site, listed.known(site.id)) for site in settings.sites},
            networks=NetworkTables.load(settings),
            trusted=NetworkSet(edge.trusted_proxies),
            rate_limit=RateLimit(
                per_minute=edge.flood_per_minute, burst=edge.flood_burst, clients=edge.flood_addresses, key=random(32)
            ),
            keys=keys,
            policy=settings.privacy.policy_version,
            random=random,
            blocks=blocks,
            listed=listed,
            seal=_seal(settings),
            public_url=edge.public_url,
        )

    def client(self, sender: Sender) -> Client:
        """Return the client of a request."""
        remember = len(sender.forwarded_for) <= LONGEST_REMEMBERED
        return self._clients[sender] if remember else self._read_client(sender)

    def page(self, site: str, raw: str) -> PageFacts:
        """Return the facts of a page address that may be kept."""
        return self._pages[site, raw] if len(raw) <= LONGEST_REMEMBERED else self._read_page((site, raw))

    def referrer(self, site: str, raw: str) -> ReferrerFacts:
        """Return the facts of a previous page's address that may be kept."""
        return self._referrers[site, raw] if len(raw) <= LONGEST_REMEMBERED else self._read_referrer((site, raw))

    def signature(self, request: SignedRequest, scheme: str, *, now_ms: int) -> Verdict:
        """Return the verdict on the signature of a request; the events of one beacon share it and its nonce."""
        signers = self.networks.signed_agents.signers
        if not signers:
            return NOTHING
        if self._judged[0] is not request:
            sent = request._replace(scheme=scheme)
            self._judged = request, check(sent, signers, self._places(sent), self._nonces, now_ms=now_ms)
        return self._judged[1]

    def _places(self, request: SignedRequest) -> list[Place]:
        """Return where the signer may have sent a request.

        The Host header alone proves nothing: who was sent a signed request could send it here with that header. So its
        host counts only if it is a site's. A proxy may have changed host and path, so the public address counts, too.
        """
        authority = request.authority.strip().lower().removesuffix(":443" if request.scheme == "https" else ":80")
        is_ours = any(normal_host(authority) in site.pages.own for site in self.sites.values())
        public, _, prefix = self.public_url.partition("://")[2].rstrip("/").partition("/")
        authorities = dict.fromkeys(name for name in (public.lower(), authority if is_ours else "") if name)
        targets = [request.target, *([f"/{prefix}{request.target}"] if prefix else [])]
        return [Place(name, target) for name in authorities for target in targets]

    def sites_of_origin(self, origin: str) -> frozenset[str]:
        """Return the sites to which the pages of an origin (RFC 6454) belong: by their own hosts or their `ad_hosts`."""
        url = split_url(origin)
        if url.scheme == "other":
            return frozenset()
        return frozenset(
            name for name, site in self.sites.items() if url.host in site.pages.own or url.host in site.pages.ads
        )

    def forget_clients(self) -> None:
        """Drop the cached clients: their networks were looked up in files that are no longer in force."""
        self._clients.clear()

    def forget(self, *, now_ms: int) -> None:
        """Drop the cached entries that were not used since the last call."""
        for memory in (self._clients, self._pages, self._referrers):
            memory.turn()
        self.keys.forget_clients()
        self._judged = (None, NOTHING)
        self.rate_limit.forget(now_ms=now_ms)

    def changed_pages(self) -> dict[str, KnownPaths]:
        """Return the changed lists of public pages by site. It reads files, so call it outside of the event loop."""
        return self.listed.changed() if self.listed else {}

    def learn(self, changed: Mapping[str, KnownPaths]) -> None:
        """Take changed lists of public pages."""
        for name, known in changed.items():
            self.sites[name].pages = self.sites[name].pages.knowing(known)
        if changed:
            self._pages.clear()
            self._referrers.clear()

    def _read_client(self, sender: Sender) -> Client:
        return read_client(sender, self.trusted, self.networks, self.rate_limit)

    def _read_page(self, place: _SitePage) -> PageFacts:
        return read_page(place[1], self.sites[place[0]].pages)

    def _read_referrer(self, place: _SitePage) -> ReferrerFacts:
        return read_referrer(place[1], self.sites[place[0]].pages)
