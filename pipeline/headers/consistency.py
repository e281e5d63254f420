"""Compares the parts of a request that must fit together: facts for the fraud review, never a reason to refuse.

Owns the values of Sec-Fetch-Dest, -Mode and -Site (Fetch Metadata Request Headers, W3C) that a browser can send with our image and
our beacon. A header that a browser withholds contradicts nothing. Pure.
"""

from __future__ import annotations

from pipeline.event import Fetch, Hit
from pipeline.host_names import normal_host
from pipeline.pages.page import SitePages
from pipeline.scrub.urls import split_url

_SITES = frozenset({"same-origin", "same-site", "cross-site"})
"""`none` is a request that a person made, such as an address typed into the browser: no pixel."""
_WAYS = {
    "image": (frozenset({"image"}), frozenset({"no-cors", "cors"})),
    "beacon": (frozenset({"empty"}), frozenset({"no-cors", "cors", "same-origin"})),
}


def fetch(hit: Hit) -> Fetch:
    """Return whether the browser's words on the request agree with the way it came; `none` without such words."""
    if not (hit.fetch_dest or hit.fetch_mode or hit.fetch_site):
        return "none"
    destinations, modes = _WAYS[hit.way]
    agree = (
        hit.fetch_dest in {"", *destinations}
        and hit.fetch_mode in {"", *modes}
        and hit.fetch_site in {"", *_SITES}
        and not _contradicts_hosts(hit)
    )
    return "agree" if agree else "contradict"


def has_two_hosts(hit: Hit, site: SitePages) -> bool:
    """Return whether the page in `u` is on another host than the page that the browser names by Origin or Referer."""
    said = _host_of_browser(hit)
    page = split_url(hit.page or "").host
    return bool(said and page) and site.known_host(said) != site.known_host(page)


def _contradicts_hosts(hit: Hit) -> bool:
    said = _host_of_browser(hit)
    if not said:
        return False
    if hit.fetch_site == "cross-site":
        return said == normal_host(hit.host)
    # A proxy may have put another name into Host.
    return hit.fetch_site == "same-origin" and not hit.forwarded_for and said != normal_host(hit.host)


def _host_of_browser(hit: Hit) -> str:
    origin = split_url(hit.origin).host if hit.origin not in {"", "null"} else ""
    return origin or (split_url(hit.referer).host if hit.referer else "")
