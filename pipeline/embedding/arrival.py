"""What arrives from a page: its fields by each way of embedding, as far as HTML and headers tell.

Owns `Loaded`, a page as it was loaded, and the rules by which a browser names a page in the Referer header (Referrer
Policy, section 8.3). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.embedding.csp import Policy, read_policies
from pipeline.embedding.page_html import Image, Page, read_page_html

DEFAULT_REFERRER_POLICY = "strict-origin-when-cross-origin"

ORIGIN_ONLY = frozenset({"origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin"})
_KNOWN_POLICIES = ORIGIN_ONLY | {"no-referrer", "no-referrer-when-downgrade", "same-origin", "unsafe-url"}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page as it was loaded: its own address, status, headers by lower-case name, and what its HTML holds."""

    address: str
    status: int
    headers: Mapping[str, str]
    page: Page
    policies: tuple[Policy, ...]

    @classmethod
    def of(cls, address: str, status: int, headers: Mapping[str, str], html: str) -> Loaded:
        """Read a page; never raises for what stands in it."""
        page = read_page_html(html, address)
        given = {name.lower(): value for name, value in headers.items()}
        # A policy in <meta> applies beside the header's: both must allow.
        return cls(address, status, given, page, read_policies([given.get("content-security-policy", ""), *page.csp]))

    @property
    def referrer_policy(self) -> str:
        """The policy of the document: `<meta>` after header, the last known word counts."""
        words = f"{self.headers.get('referrer-policy', '')},{self.page.referrer_policy}".lower().split(",")
        known = [word.strip() for word in words if word.strip() in _KNOWN_POLICIES]
        return known[-1] if known else DEFAULT_REFERRER_POLICY


class Arrival(NamedTuple):
    """Which of the policy's fields (clause 3.3) arrives by one way of embedding."""

    way: str
    page: str
    previous: str
    ad: str


def arrivals(loaded: Loaded) -> list[Arrival]:
    """Return what each embedded way will tell; address, cookie, browser and time come with every request."""
    page = loaded.page
    ads = ", ".join(dict.fromkeys(page.ads)) or "none on this page"
    found = [Arrival("script", "yes", "yes, as the browser tells it", ads) for _ in page.scripts[:1]]
    for image in page.images:
        way = "noscript image" if image.noscript else "image"
        previous = (
            "yes, printed by the template"
            if "r" in image.query
            else "no: only a template that prints `r` or the script knows it"
        )
        found.append(Arrival(way, page_of(loaded, image), previous, image.query.get("a", "none")))
    return found


def page_of(loaded: Loaded, image: Image) -> str:
    """Return what one image tells of its page: `yes`, `host only` or `no`, each with its reason."""
    if "u" in image.query:
        return "yes, from `u`"
    policy = image.referrerpolicy if image.referrerpolicy in _KNOWN_POLICIES else loaded.referrer_policy
    own, target = urlsplit(loaded.address), urlsplit(image.address)
    if policy == "no-referrer":
        return "no: Referrer-Policy no-referrer"
    if (own.scheme, own.netloc) == (target.scheme, target.netloc):
        return "yes, from the Referer header" if policy not in ("origin", "strict-origin") else f"host only: {policy}"
    if policy == "same-origin":
        return "no: Referrer-Policy same-origin, and the collector is another origin"
    if own.scheme == "https" and target.scheme == "http" and policy not in ("unsafe-url", "origin"):
        return "no: a browser tells an http address nothing about an https page"
    return f"host only: {policy}" if policy in ORIGIN_ONLY else "yes, from the Referer header"
