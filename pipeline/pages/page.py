"""Reduces the addresses of a page and of its referrer to the parts that may be stored.

Owns `read_page` and `read_referrer`, the only source of the columns `page_*`, `campaign`, `paid` and
`referrer_*`. Rules:

* Of a page or referrer on a foreign host (neither the site's nor one of its `ad_hosts`) only the host is stored.
* A sensitive page is stored as its group, without campaign and click id. As a referrer only its host is stored, so the
  next page view does not link a visitor to it.
* Templates and groups are matched against the plain path before known paths and redaction.
* After any error the page is `/*`; the input never leaves this module, not even in an error message; type and place of
  the error are counted in `SitePages.faults`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pipeline.errors import type_and_place
from pipeline.event import PageFlag, Scheme, Scrubbed
from pipeline.host_names import normal_host
from pipeline.pages.attacks import attack_of
from pipeline.pages.page_flags import spelling
from pipeline.pages.places import NO_PLACES, PlaceRule, Places
from pipeline.pages.query import Allowed, allowed_values, page_parameters, read_query
from pipeline.scrub.paths import ANY_SITE, NOTHING_KNOWN, KnownPaths, PathRules, plain_path, scrub_path
from pipeline.scrub.redact import FAILED_PATH, LONGEST, scrub_host
from pipeline.scrub.urls import Url, split_url
from pipeline.settings.site import Site

_FAILED = Scrubbed.FAILED.value


class PageFacts(NamedTuple):
    """The storable parts of a page address; see the columns of the same names in `sql/inventory.toml`.

    `host` is '' where the address cannot be read; `path` is '' on a foreign host. `flags` are bits of `PageFlag`,
    `scrubbed` of `Scrubbed`. `click_id` is raw and may only be turned into a token.
    """

    host: str
    path: str
    scheme: Scheme
    flags: int
    scrubbed: int
    dropped_params: int
    campaign: dict[str, str]
    paid: bool
    click_id: str
    sensitive: bool
    click_kind: str = ""
    role: str = ""
    attack: str = ""


class ReferrerFacts(NamedTuple):
    """The storable parts of the previous page's address; `path` is '' unless the host is the site's own."""

    host: str
    path: str
    scrubbed: int
    sensitive: bool


@dataclass(frozen=True, slots=True)
class PathTable:
    """Compiled path templates; `find` returns the stored form of a path."""

    pattern: re.Pattern[str] | None
    stored: tuple[str, ...]

    @classmethod
    def of(cls, templates: Iterable[tuple[str, str]], *, below: bool) -> PathTable:
        """Compile (template, stored) pairs; `*` is one segment.

        `below` also matches all paths under a template and the template as a file (`/hiv.html`). `/hiv/*` then includes
        `/hiv`, because the section's own page reveals as much as its pages.
        """
        pairs = [(plain_path(template).lower().rstrip("/"), stored) for template, stored in templates]
        if below:
            pairs = [(path.removesuffix("/*"), stored) for path, stored in pairs]
        tail = "(?:[/.].*)?" if below else "/?"
        groups = ("(" + re.escape(path).replace(r"\*", "[^/]+") + tail + ")" for path, _ in pairs)
        return cls(re.compile("|".join(groups), re.DOTALL) if pairs else None, tuple(stored for _, stored in pairs))

    def find(self, path: str) -> str | None:
        """Return the stored form of the first template that matches `path`, or None."""
        found = self.pattern.fullmatch(path) if self.pattern else None
        return self.stored[(found.lastindex or 1) - 1] if found else None


@dataclass(frozen=True, slots=True)
class SitePages:
    """One site's hosts, path templates, sensitive groups and query allow-list, ready for look-ups.

    `own` and `ads` map each spelling of a host to the stored one; `faults` counts our own errors in reading, by type and place.
    """

    own: Mapping[str, str]
    ads: Mapping[str, str]
    templates: PathTable
    sensitive: PathTable
    allowed: Allowed
    rules: PathRules = ANY_SITE
    parameters: tuple[str, ...] = ()
    sensitive_places: Places = NO_PLACES
    roles: Places = NO_PLACES
    placing: frozenset[str] = frozenset()
    faults: Counter[str] = field(default_factory=Counter, compare=False)

    @classmethod
    def of(cls, site: Site, known: KnownPaths = NOTHING_KNOWN) -> SitePages:
        """Compile the settings of one site and its known paths."""
        groups = [(template, group_path(name)) for name, templates in site.sensitive.items() for template in templates]
        by_query = Places(tuple(PlaceRule.of_address(place, group) for place, group in groups if "?" in place))
        groups = [(template, group) for template, group in groups if "?" not in template]
        roles = Places(tuple(PlaceRule.of(one.path, one.parameter, one.value, one.role) for one in site.roles))
        own_names = [(group_path(name), group_path(name)) for name in site.sensitive]
        return cls(
            own=spellings(site.hosts),
            ads=spellings(site.ad_hosts),
            templates=PathTable.of(((path, plain_path(path).lower()) for path in site.templates), below=False),
            sensitive=PathTable.of(groups + own_names, below=True),
            allowed=allowed_values(site.query),
            rules=PathRules(known, frozenset(name.lower() for name in site.staff_sections)),
            parameters=site.page_parameters,
            sensitive_places=by_query,
            roles=roles,
            placing=by_query.parameters | roles.parameters | frozenset(site.page_parameters),
        )

    def known_host(self, host: str) -> str:
        """Return the stored spelling of an own host or one of `ad_hosts`; another host is returned as it is."""
        return self.own.get(host) or self.ads.get(host) or host

    def knowing(self, known: KnownPaths) -> SitePages:
        """Return the same look-ups with other known paths."""
        return replace(self, rules=self.rules._replace(known=known))


def group_path(name: str) -> str:
    """Return the stored path of a sensitive group: `hiv` is `/~hiv`, `services/sensitive` `/services/~sensitive`."""
    above, slash, last = name.strip("/").rpartition("/")
    return f"/{above}{slash}~{last}"


def spellings(hosts: Iterable[str]) -> dict[str, str]:
    """Return the stored form of each spelling of a site's hosts: with and without `www.`."""
    names = {normal_host(host) for host in hosts} - {""}
    stored: dict[str, str] = {}
    for name in names:
        bare = name.removeprefix("www.")
        stored[bare] = stored[f"www.{bare}"] = bare if bare in names else name
    return stored


def read_page(raw: str, site: SitePages) -> PageFacts:
    """Return the storable parts of the address of the page with the tag."""
    try:
        return _read_page(raw, site)
    except Exception as error:  # noqa: BLE001 - no error may take a part of the address out of this module
        site.faults[type_and_place(error)] += 1
        return PageFacts("", FAILED_PATH, "other", 0, _FAILED, 0, {}, False, "", False)


def read_referrer(raw: str, site: SitePages) -> ReferrerFacts:
    """Return the storable parts of the previous page's address."""
    try:
        return _read_referrer(raw, site)
    except Exception as error:  # noqa: BLE001 - as in `read_page`
        site.faults[type_and_place(error)] += 1
        return ReferrerFacts("", FAILED_PATH, _FAILED, False)


def _read_page(raw: str, site: SitePages) -> PageFacts:
    url, flags, scrubbed = _split(raw)
    host = site.own.get(url.host) or site.ads.get(url.host)
    if host is None or (url.scheme == "other" and not _takes_scheme_of_page(raw)):
        host, found = _foreign_host(url)
        foreign = PageFlag.FOREIGN_HOST.value if host or found else 0
        return PageFacts(host, "", url.scheme, flags | foreign, scrubbed | found, 0, {}, False, "", False)
    plainly = plain_path(url.path)
    query = read_query(url.query, site.allowed, site.placing)
    path, found, sensitive = _read_path(plainly, query.placed, site)
    scrubbed |= found | query.scrubbed
    role = site.roles.find(plainly.lower(), query.placed) if site.roles.rules else ""
    attack = attack_of(url.path, url.query)
    flags |= spelling(url, plainly) | (PageFlag.ATTACK.value if attack else 0)
    paid = bool(query.click_id)
    if sensitive:
        return PageFacts(
            host, path, url.scheme, flags, scrubbed, query.dropped, {}, paid, "", True, role=role, attack=attack
        )
    return PageFacts(
        host=host,
        path=path,
        scheme=url.scheme,
        flags=flags,
        scrubbed=scrubbed,
        dropped_params=query.dropped,
        campaign=query.values,
        paid=paid,
        click_id=query.click_id,
        sensitive=False,
        click_kind=query.click_kind,
        role=role,
        attack=attack,
    )


def _read_referrer(raw: str, site: SitePages) -> ReferrerFacts:
    url, _, scrubbed = _split(raw)
    host = site.own.get(url.host)
    if host is None or (url.scheme == "other" and not _takes_scheme_of_page(raw)):
        host, found = _foreign_host(url)
        return ReferrerFacts(host, "", scrubbed | found, False)
    placed = read_query(url.query, {}, site.placing).placed if site.placing else {}
    path, found, sensitive = _read_path(plain_path(url.path), placed, site)
    return ReferrerFacts(host, "" if sensitive else path, scrubbed | found, sensitive)


def _split(raw: str) -> tuple[Url, int, int]:
    url, flags = split_url(raw[:LONGEST]), 0
    if len(raw) > LONGEST:
        url, flags = _without_torn_end(url), PageFlag.CUT.value
    userinfo = Scrubbed.USERINFO.value if url.userinfo else 0
    return url, flags, userinfo | (Scrubbed.FRAGMENT.value if url.fragment else 0)


def _takes_scheme_of_page(raw: str) -> bool:
    """Return whether an address begins with `//`: a browser reads it with the scheme of the page."""
    return raw.lstrip().startswith("//")


def _without_torn_end(url: Url) -> Url:
    """Drop the last piece: an identifier cut in half may be too short for its pattern."""
    if url.fragment:
        return url
    if url.query:
        return url._replace(query=url.query.rpartition("&")[0])
    return url._replace(path=url.path.rpartition("/")[0] + FAILED_PATH)


def _foreign_host(url: Url) -> tuple[str, int]:
    if url.numeric:
        return "", Scrubbed.ADDRESS.value
    return scrub_host(url.host)


def _read_path(path: str, placed: Mapping[str, str], site: SitePages) -> tuple[str, int, bool]:
    small = path.lower()
    if group := site.sensitive.find(small) or site.sensitive_places.find(small, placed):
        return group, Scrubbed.SENSITIVE.value, True
    if (template := site.templates.find(small)) is not None:
        return template, Scrubbed.TEMPLATE.value, False
    kept, found = scrub_path(path, site.rules)
    return kept + page_parameters(placed, site.parameters), found, False
