"""The fields that arrive from a page by each way of embedding, judged by its HTML and headers.

Owns `Loaded`, a page as it was loaded, and the rules of the Referer header (Referrer
Policy, section 8.3). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.embedding.csp import Policy, read_policies
from pipeline.embedding.page_html import Image, Page, read_page_html
from pipeline.host_names import normal_host
from pipeline.told import Told

DEFAULT_REFERRER_POLICY = "strict-origin-when-cross-origin"

ORIGIN_ONLY = frozenset({"origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin"})
_KNOWN_POLICIES = ORIGIN_ONLY | {"no-referrer", "no-referrer-when-downgrade", "same-origin", "unsafe-url"}
SENTENCES = "pipeline.embedding/findings.toml"
_WEB_ADDRESS = re.compile(r"https?://[^/\\\s]", re.IGNORECASE)
_UNFILLED = re.compile(r"\{\{|\}\}|\{%|<\?|\$\{|%7B%7B", re.IGNORECASE)


def said(key: str, **values: object) -> Told:
    """Return a sentence of `check-tag`."""
    return Told(SENTENCES, key, values)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page as it was loaded: its own address, status, headers by lower-case name, and the parts of its HTML."""

    address: str
    status: int
    headers: Mapping[str, str]
    page: Page
    policies: tuple[Policy, ...]

    @classmethod
    def of(cls, address: str, status: int, headers: Mapping[str, str], html: str) -> Loaded:
        """Read a page; no content raises."""
        page = read_page_html(html, address)
        given = {name.lower(): value for name, value in headers.items()}
        # A policy in <meta> applies in addition to the header's: both must allow.
        return cls(address, status, given, page, read_policies([given.get("content-security-policy", ""), *page.csp]))

    @property
    def referrer_policy(self) -> str:
        """The policy of the document: header, then `<meta>`; the last known word counts."""
        words = f"{self.headers.get('referrer-policy', '')},{self.page.referrer_policy}".lower().split(",")
        known = [word.strip() for word in words if word.strip() in _KNOWN_POLICIES]
        return known[-1] if known else DEFAULT_REFERRER_POLICY


class Arrival(NamedTuple):
    """The policy's fields (clause 3.3) that arrive by one way of embedding."""

    way: str
    page: str
    previous: str
    ad: str


def arrivals(loaded: Loaded, missing: Container[str] = ()) -> list[Arrival]:
    """Return the fields of each way on the page; address, cookie, browser and time come with every request.

    `missing` are addresses, without their query, at which the collector does not answer.
    """
    page = loaded.page
    ads = ", ".join(dict.fromkeys(page.ads)) or "none on this page"
    found = []
    if page.scripts:
        runs = any(script.runs and script.address not in missing for script in page.scripts)
        found.append(
            Arrival("script", "yes", "yes, from the browser", ads) if runs else Arrival("script", *[NOTHING] * 3)
        )
    for image in page.images:
        way = "noscript image" if image.noscript else "image"
        if not image.loads or image.address.partition("?")[0] in missing:
            found.append(Arrival(way, *[NOTHING] * 3))
            continue
        previous = (
            "yes, printed by the template"
            if "r" in image.query and not is_unfilled(image.query["r"])
            else "no: needs the script, or a template that prints `r`"
        )
        found.append(Arrival(way, page_of(loaded, image), previous, image.query.get("a", "none")))
    return found


NOTHING = "no: never loaded"


def is_address(text: str) -> bool:
    """Return whether the collector can read a text as the address of a page."""
    return bool(_WEB_ADDRESS.match(text)) and not is_unfilled(text)


def is_unfilled(text: str) -> bool:
    """Return whether a text is a place that a template should have filled."""
    return bool(_UNFILLED.search(text))


def host_of(address: str) -> str:
    """Return the host of an address in its one form."""
    host = urlsplit(address).hostname or ""
    return f"[{host}]" if ":" in host else normal_host(host)


def origin_of(address: str) -> str:
    """Return the origin of an address as a browser writes it."""
    parts = urlsplit(address)
    is_default = parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host_of(address)}" + ("" if is_default else f":{parts.port}")


def page_of(loaded: Loaded, image: Image) -> str:
    """Return how one image identifies its page: `yes`, `host only` or `no`, each with its reason."""
    if is_address(image.query.get("u", "")):
        return "yes, from `u`"
    policy = image.referrerpolicy if image.referrerpolicy in _KNOWN_POLICIES else loaded.referrer_policy
    own, target = urlsplit(loaded.address), urlsplit(image.address)
    if policy == "no-referrer":
        return said("page_no_referrer")
    if origin_of(loaded.address) == origin_of(image.address):
        is_whole = policy not in ("origin", "strict-origin")
        return "yes, from the Referer header" if is_whole else said("page_host_only", policy=policy)
    if policy == "same-origin":
        return said("page_same_origin")
    if own.scheme == "https" and target.scheme == "http" and policy not in ("unsafe-url", "origin"):
        return said("page_downgrade")
    return said("page_host_only", policy=policy) if policy in ORIGIN_ONLY else "yes, from the Referer header"
