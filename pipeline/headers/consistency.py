"""Compares the parts of a request that must fit together: facts for the fraud review, never a reason to refuse.

Owns the values of Sec-Fetch-Dest, -Mode and -Site (Fetch Metadata Request Headers, W3C) that a browser can send with our image and
our beacon. A header that a browser withholds contradicts nothing. Pure.
"""

from __future__ import annotations

from functools import lru_cache

from pipeline.event import Fetch, Hit
from pipeline.host_names import normal_host
from pipeline.pages.page import SitePages
from pipeline.scrub.urls import split_url

_SITES = frozenset({"", "same-origin", "same-site", "cross-site"})
"""`none` is a request that a person made, such as an address typed into the browser: no pixel."""
_DESTINATIONS = {"image": frozenset({"", "image"}), "beacon": frozenset({"", "empty"})}
_MODES = {"image": frozenset({"", "no-cors", "cors"}), "beacon": frozenset({"", "no-cors", "cors", "same-origin"})}
_SHORTEST_ORIGIN = len("http://a")


def said_host(hit: Hit) -> str:
    """Return the host of the page by the browser's Origin, else by its Referer; '' where both are withheld."""
    origin = hit.origin
    return (_host_of(origin) if origin and origin != "null" else "") or (_host_of(hit.referer) if hit.referer else "")


def fetch(hit: Hit, said: str) -> Fetch:
    """Return whether the browser's words on the request agree with the way it came; `none` without such words.

    `said` is the result of `said_host`.
    """
    if not (hit.fetch_dest or hit.fetch_mode or hit.fetch_site):
        return "none"
    agree = (
        hit.fetch_dest in _DESTINATIONS[hit.way]
        and hit.fetch_mode in _MODES[hit.way]
        and hit.fetch_site in _SITES
        and not (said and _contradicts_hosts(hit, said))
    )
    return "agree" if agree else "contradict"


def has_two_hosts(said: str, page_host: str, site: SitePages) -> bool:
    """Return whether the page in `u` is on another host than the page that the browser names."""
    return bool(said and page_host) and site.known_host(said) != page_host


def _contradicts_hosts(hit: Hit, said: str) -> bool:
    if hit.fetch_site == "cross-site":
        # A page without https is another site than the same host with https (HTML Standard, "same site").
        return said == normal_host(hit.host) and not (hit.origin.startswith("http:") or hit.referer.startswith("http:"))
    # A proxy may have put another name into Host.
    return hit.fetch_site == "same-origin" and not hit.forwarded_for and said != normal_host(hit.host)


def _host_of(address: str) -> str:
    end = address.find("/", _SHORTEST_ORIGIN)
    return _host_of_origin(address[:end] if end > 0 else address)


@lru_cache(maxsize=256)
def _host_of_origin(origin: str) -> str:
    return split_url(origin).host
