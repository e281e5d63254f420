"""Page addresses: what may be kept of where a visitor is and where they came from.

Owns `read_page` and `read_referrer`, the only ways from a raw address to the columns `page_*`, `campaign`, `paid` and
`referrer_*`. Rules:

* A host that is neither the site's nor one of its `ad_hosts` is kept as host only, a foreign referrer too.
* A sensitive page is stored as its group, and nothing that could name it goes along: no campaign, no click id. As a
  referrer it leaves the host only, so that no visitor can be tied to it by the page they went to next.
* Templates and groups are matched on the plain path, before anything in it is redacted.
* Whatever goes wrong, the page is `/*` and not one character of the input leaves this module, not even in an error; type
  and place of the error are counted in `SitePages.faults`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.errors import type_and_place
from pipeline.event import PageFlag, Scheme, Scrubbed
from pipeline.scrub.page_flags import spelling
from pipeline.scrub.query import Allowed, allowed_values, read_query
from pipeline.scrub.redact import FAILED_PATH, LONGEST, plain_path, scrub_host, scrub_path
from pipeline.scrub.urls import Url, normal_host, split_url
from pipeline.settings import Site

_FAILED = Scrubbed.FAILED.value


class PageFacts(NamedTuple):
    """What may be kept of a page address; see the columns of the same names in 02-event.

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


class ReferrerFacts(NamedTuple):
    """What may be kept of the previous page's address; `path` is '' unless the host is the site's own."""

    host: str
    path: str
    scrubbed: int
    sensitive: bool


@dataclass(frozen=True, slots=True)
class PathTable:
    """Path templates, compiled; `find` answers what a path is stored as."""

    pattern: re.Pattern[str] | None
    stored: tuple[str, ...]

    @classmethod
    def of(cls, templates: Iterable[tuple[str, str]], *, below: bool) -> PathTable:
        """Compile (template, stored) pairs; `*` is one segment, `below` takes in all paths under a template too, and
        the template as a file (`/hiv.html`).

        Below `/hiv/*` then means below `/hiv`: the section's own page is no less telling than its pages.
        """
        pairs = [(plain_path(template).lower().rstrip("/"), stored) for template, stored in templates]
        if below:
            pairs = [(path.removesuffix("/*"), stored) for path, stored in pairs]
        tail = "(?:[/.].*)?" if below else "/?"
        groups = ("(" + re.escape(path).replace(r"\*", "[^/]+") + tail + ")" for path, _ in pairs)
        return cls(re.compile("|".join(groups), re.DOTALL) if pairs else None, tuple(stored for _, stored in pairs))

    def find(self, path: str) -> str | None:
        """Return what the first template that fits `path` is stored as."""
        found = self.pattern.fullmatch(path) if self.pattern else None
        return self.stored[(found.lastindex or 1) - 1] if found else None


@dataclass(frozen=True, slots=True)
class SitePages:
    """One site's hosts, path templates, sensitive groups and query allow-list, ready for look-ups.

    `own` and `ads` lead from each spelling of a host to the stored one; `faults` counts the errors of ours met in reading,
    by type and place.
    """

    own: Mapping[str, str]
    ads: Mapping[str, str]
    templates: PathTable
    sensitive: PathTable
    allowed: Allowed
    faults: Counter[str] = field(default_factory=Counter, compare=False)

    @classmethod
    def of(cls, site: Site) -> SitePages:
        """Compile the settings of one site."""
        groups = [(template, group_path(name)) for name, templates in site.sensitive.items() for template in templates]
        own_names = [(group_path(name), group_path(name)) for name in site.sensitive]
        return cls(
            own=_spellings(site.hosts),
            ads=_spellings(site.ad_hosts),
            templates=PathTable.of(((path, plain_path(path).lower()) for path in site.templates), below=False),
            sensitive=PathTable.of(groups + own_names, below=True),
            allowed=allowed_values(site.query),
        )


def group_path(name: str) -> str:
    """Return the path a sensitive group is stored as: `hiv` is `/~hiv`, `services/sensitive` `/services/~sensitive`."""
    above, slash, last = name.strip("/").rpartition("/")
    return f"/{above}{slash}~{last}"


def _spellings(hosts: Iterable[str]) -> dict[str, str]:
    names = {normal_host(host) for host in hosts} - {""}
    spellings: dict[str, str] = {}
    for name in names:
        bare = name.removeprefix("www.")
        spellings[bare] = spellings[f"www.{bare}"] = bare if bare in names else name
    return spellings


def read_page(raw: str, site: SitePages) -> PageFacts:
    """Return what may be kept of the address of the page on which the tag stands."""
    try:
        return _read_page(raw, site)
    except Exception as error:  # noqa: BLE001 - whatever fails, nothing of the address may get out with the error
        site.faults[type_and_place(error)] += 1
        return PageFacts("", FAILED_PATH, "other", 0, _FAILED, 0, {}, False, "", False)


def read_referrer(raw: str, site: SitePages) -> ReferrerFacts:
    """Return what may be kept of the address of the previous page."""
    try:
        return _read_referrer(raw, site)
    except Exception as error:  # noqa: BLE001 - as in `read_page`
        site.faults[type_and_place(error)] += 1
        return ReferrerFacts("", FAILED_PATH, _FAILED, False)


def _read_page(raw: str, site: SitePages) -> PageFacts:
    url, flags, scrubbed = _split(raw)
    host = site.own.get(url.host) or site.ads.get(url.host)
    if host is None or url.scheme == "other":
        host, found = _foreign_host(url)
        foreign = PageFlag.FOREIGN_HOST.value if host or found else 0
        return PageFacts(host, "", url.scheme, flags | foreign, scrubbed | found, 0, {}, False, "", False)
    plainly = plain_path(url.path)
    path, found, sensitive = _read_path(plainly, site)
    query = read_query(url.query, site.allowed)
    scrubbed |= found | query.scrubbed
    flags |= spelling(url, plainly)
    paid = bool(query.click_id)
    if sensitive:
        return PageFacts(host, path, url.scheme, flags, scrubbed, query.dropped, {}, paid, "", True)
    return PageFacts(host, path, url.scheme, flags, scrubbed, query.dropped, query.values, paid, query.click_id, False)


def _read_referrer(raw: str, site: SitePages) -> ReferrerFacts:
    url, _, scrubbed = _split(raw)
    host = site.own.get(url.host)
    if host is None or url.scheme == "other":
        host, found = _foreign_host(url)
        return ReferrerFacts(host, "", scrubbed | found, False)
    path, found, sensitive = _read_path(plain_path(url.path), site)
    return ReferrerFacts(host, "" if sensitive else path, scrubbed | found, sensitive)


def _split(raw: str) -> tuple[Url, int, int]:
    url, flags = split_url(raw[:LONGEST]), 0
    if len(raw) > LONGEST:
        url, flags = _without_torn_end(url), PageFlag.CUT.value
    userinfo = Scrubbed.USERINFO.value if url.userinfo else 0
    return url, flags, userinfo | (Scrubbed.FRAGMENT.value if url.fragment else 0)


def _without_torn_end(url: Url) -> Url:
    """Half an identifier may stand at a cut, too short for its detector."""
    if url.fragment:
        return url
    if url.query:
        return url._replace(query=url.query.rpartition("&")[0])
    return url._replace(path=url.path.rpartition("/")[0] + FAILED_PATH)


def _foreign_host(url: Url) -> tuple[str, int]:
    if url.numeric:
        return "", Scrubbed.ADDRESS.value
    return scrub_host(url.host)


def _read_path(path: str, site: SitePages) -> tuple[str, int, bool]:
    small = path.lower()
    if (group := site.sensitive.find(small)) is not None:
        return group, Scrubbed.SENSITIVE.value, True
    if (template := site.templates.find(small)) is not None:
        return template, Scrubbed.TEMPLATE.value, False
    return (*scrub_path(path), False)
