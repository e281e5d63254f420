"""What a request brought, read without trust: language, cookie, query, form, origin, and the name that a proxy signed on.

Owns the sizes that are read. Whatever the bytes are, each function here gives a value or a `Refusal`, never an exception.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote

from starlette.requests import ClientDisconnect, Request

from dashboards.words.catalogue import Language, preferred
from pipeline.settings.sections import Dashboards

LARGEST_BODY: Final = 64 * 1024
LARGEST_QUERY: Final = 8 * 1024
MOST_FIELDS: Final = 100
BODY_SECONDS: Final = 10.0
"""Who sends a form more slowly holds one of few connections."""


class Refusal(NamedTuple):
    """Why something that was sent is not read: the HTTP status, and the key of the text that says what to do."""

    status: int
    text: str


def language_of(request: Request) -> Language:
    """Return the language of the answer: of the address, of the browser's choice before, else what the browser prefers."""
    chosen = request.query_params.get("lang") or cookie_of(request, "lang")
    if chosen in ("en", "ru"):
        return "ru" if chosen == "ru" else "en"
    return preferred(request.headers.get("accept-language", ""))


def cookie_of(request: Request, name: str) -> str:
    """Return the value of a cookie, '' where there is none, or several: a neighbour under the same domain may have planted one.

    What other cookies hold changes nothing.
    """
    pairs = (part.partition("=") for line in request.headers.getlist("cookie") for part in line.split(";"))
    found = [value.strip(' \t"') for key, _, value in pairs if key.strip() == name]
    return found[0] if len(found) == 1 else ""


def path_of(request: Request) -> str:
    """Return the path as an address has it: what would end a path there, such as `?`, is encoded."""
    return quote(request.scope["path"], safe="/")


def query_of(request: Request) -> dict[str, str] | Refusal:
    """Return the last value of each name of the query; bytes that are no text become a sign that no filter has."""
    query: bytes = request.scope["query_string"]
    if len(query) > LARGEST_QUERY:
        return Refusal(414, "too_long")
    try:
        return dict(parse_qsl(query.decode(errors="replace"), max_num_fields=MOST_FIELDS, errors="replace"))
    except ValueError:
        return Refusal(414, "too_long")


def own_path(path: str, query: str = "") -> str:
    """Return a path of ours, '/' for anything that could lead elsewhere."""
    whole = f"{path}?{query}" if query else path
    is_ours = whole.startswith("/") and not whole.startswith(("//", "/\\")) and whole.isascii() and whole.isprintable()
    return whole if is_ours and "\\" not in whole and len(whole) <= LARGEST_QUERY else "/"


def is_from_us(request: Request, *, is_https: bool) -> bool:
    """Return whether the browser says that a page of ours sent the request, by https where browsers reach us by https."""
    sites, origins = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
    if (not sites and not origins) or len(sites) > 1 or len(origins) > 1:
        return False
    schemes = ("https",) if is_https else ("http", "https")
    own = [f"{scheme}://{request.headers.get('host', '').lower()}" for scheme in schemes]
    return (not origins or origins[0].lower() in own) and sites in ([], ["same-origin"])


async def form_of(request: Request) -> Mapping[str, str] | Refusal:
    """Return the last value of each field of a sent form, nothing for a request that sends none."""
    if request.method != "POST":
        return {}
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _body(request)
    except (TimeoutError, ClientDisconnect):
        return Refusal(408, "form_slow")
    if len(body) > LARGEST_BODY:
        return Refusal(413, "form_too_large")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        return Refusal(415, "form_unreadable")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return Refusal(400, "form_unreadable")


def signed_on(request: Request, own: Dashboards) -> str | Refusal:
    """Return the name that a trusted proxy signed on, '' where the setting is off or the header absent.

    The header of anybody else is refused, and so is one that is empty or given twice: a proxy that was passed by must not look like a visit
    without the header.
    """
    if own.sign_on_header is None:
        return ""
    values = request.headers.getlist(own.sign_on_header)
    if not values:
        return ""
    if not _is_trusted(request, own):
        return Refusal(403, "sign_on_untrusted")
    name = values[0].strip()
    return name if len(values) == 1 and 0 < len(name) <= 64 else Refusal(403, "sign_on_unknown")


def address_of(request: Request, own: Dashboards) -> str:
    """Return the network of who asks, as the brake counts it: an IPv4 address, or the 64 bits of IPv6 that one customer has.

    Behind a trusted proxy it is the address that the proxy wrote last, so that not all people there are one.
    """
    passed_on = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    peer = request.client.host if request.client else ""
    return (_network(passed_on) if _is_trusted(request, own) else "") or _network(peer)


def _network(text: str) -> str:
    port = re.fullmatch(r"\[(.{1,50})\](?::\d{1,5})?|([\d.]{1,20}):\d{1,5}", text, re.ASCII)  # as some proxies write it
    found = _address((port[1] or port[2]) if port else text)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or "")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _is_trusted(request: Request, own: Dashboards) -> bool:
    peer = _address(request.client.host if request.client else "")
    return peer is not None and any(peer in network for network in own.trusted_proxies)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            break
    return bytes(body)
