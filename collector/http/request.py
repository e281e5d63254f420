"""Turns an ASGI request into a `Hit`: limits and headers.

Owns the limits of a request. Pure: it reads only the scope and the clock's value.
Every kind of bad input raises `Refused` with one of the closed reasons; the exception holds no text of a visitor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import Any, NamedTuple

from collector.http.query import NO_QUERY, Query, ReadQuery, decode_value, read_nonce, text_of, without_nonce
from pipeline.errors import Reason, Refused
from pipeline.event import Hit, SignedRequest

MAX_TARGET = 8 * 1024  # path and query; the longest real page address is a quarter of it
MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024
MAX_AGENT = 1024  # enrichment takes an agent over 512 for malformed
MAX_HINT = 256
REPLAY_HEADER = b"x-pixel-replay"
_BEFORE_IT_IS_SHOWN = frozenset({b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"})
"""Headers that say `prefetch`, `prerender` or `preview` (Fetch Standard, section 3.6, and its forerunners)."""

_SIGNATURE = frozenset({b"signature", b"signature-agent", b"signature-input"})

Scope = Mapping[str, Any]
Headers = Mapping[bytes, bytes]

_MOMENT = re.compile(r"[0-9]{1,15}", re.ASCII)


class Replays(NamedTuple):
    """The right to name another client and another time: for the holder of the ticket, a secret in a private file."""

    ticket: str
    reach_ms: int
    """Largest age of a replayed hit: the keys of earlier days are destroyed."""


def read_pixel(scope: Scope, *, now_ms: int, replays: Replays, read: ReadQuery) -> Hit:
    """Return the hit of one request for the pixel; raises `Refused`.

    `read` is `read_query`, cached or not.
    """
    if scope["method"] not in ("GET", "HEAD"):
        raise Refused(Reason.BAD_METHOD)
    headers = check_limits(scope)
    check_shown(scope, headers)
    rest, nonce = without_nonce(scope["query_string"])
    query, number = read(rest), read_nonce(decode_value(nonce))
    if REPLAY_HEADER in headers:
        moment = _replayed_at(headers[REPLAY_HEADER], now_ms=now_ms, replays=replays)
        return make_hit(scope, headers, query, number, received_ms=moment, is_replay=True)
    return make_hit(scope, headers, query, number, received_ms=now_ms)


def make_hit(
    scope: Scope,
    headers: Headers,
    query: Query = NO_QUERY,
    nonce: int = 0,
    *,
    received_ms: int,
    is_replay: bool = False,
) -> Hit:
    """Return the hit of a request and of one event."""
    get = headers.get
    return Hit(
        received_ms=received_ms,
        site=query.site,
        page=query.page,
        referrer=query.referrer,
        mode=query.mode,
        status=query.status,
        ads=query.ads,
        nonce=nonce,
        consent=query.consent,
        release=query.release,
        way="beacon" if scope.get("method") == "POST" else "image",
        origin=get(b"origin", b"").decode("latin-1"),
        fetch_dest=get(b"sec-fetch-dest", b"").decode("latin-1"),
        fetch_mode=get(b"sec-fetch-mode", b"").decode("latin-1"),
        fetch_site=get(b"sec-fetch-site", b"").decode("latin-1"),
        peer=scope["client"][0] if scope.get("client") else "",
        forwarded_for=get(b"x-forwarded-for", b"").decode("latin-1"),
        forwarded_proto=_first_scheme(get(b"x-forwarded-proto", b"")),
        is_replay=is_replay,
        scheme="https" if scope.get("scheme") == "https" else "http",
        host=_host_name(get(b"host", b"")),
        agent=text_of(get(b"user-agent", b""))[:MAX_AGENT],
        cookie=get(b"cookie", b"").decode("latin-1"),
        referer=text_of(get(b"referer", b"")),
        gpc=get(b"sec-gpc", b"").strip() == b"1",
        dnt=get(b"dnt", b"").strip() == b"1",
        hint_brands=text_of(get(b"sec-ch-ua", b""))[:MAX_HINT],
        hint_mobile=text_of(get(b"sec-ch-ua-mobile", b""))[:MAX_HINT],
        hint_platform=text_of(get(b"sec-ch-ua-platform", b""))[:MAX_HINT],
        signed=_signed(scope, headers) if b"signature-input" in headers else None,
    )


def _signed(scope: Scope, headers: Headers) -> SignedRequest:
    query = scope["query_string"]
    target = (scope.get("raw_path") or scope["path"].encode()) + (b"?" + query if query else b"")
    agent, inputs, signatures, authority = (
        headers.get(name, b"").decode("latin-1")
        for name in (b"signature-agent", b"signature-input", b"signature", b"host")
    )
    return SignedRequest(
        agent, inputs, signatures, method=scope["method"], authority=authority, target=target.decode("latin-1")
    )


def check_shown(scope: Scope, headers: Headers) -> None:
    """Refuse a request of a page that nobody has seen; raises `Refused`."""
    if scope["method"] == "HEAD":
        raise Refused(Reason.NOT_SHOWN)
    if any(b"pre" in headers[name].lower() for name in _BEFORE_IT_IS_SHOWN & headers.keys()):
        raise Refused(Reason.NOT_SHOWN)


def check_limits(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by lower-case name (those of a proxy and of a signature joined); raises `Refused` if a limit is exceeded."""
    if len(scope["query_string"]) + len(scope.get("raw_path") or scope["path"]) > MAX_TARGET:
        raise Refused(Reason.TOO_LARGE)
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    if len(pairs) > MAX_HEADERS:
        raise Refused(Reason.TOO_MANY_HEADERS)
    size = 0
    for name, value in pairs:
        size += len(name) + len(value)
    if size > MAX_HEADER_BYTES:
        raise Refused(Reason.TOO_MANY_HEADERS)
    headers = dict(reversed(pairs))  # the first of a repeated header counts
    if b"host" not in headers and scope.get("http_version") == "1.1":  # RFC 9112, section 3.2
        raise Refused(Reason.BAD_HOST)
    if len(headers) != len(pairs):
        _check_repeated(pairs, headers)
    return headers


def _check_repeated(pairs: Iterable[tuple[bytes, bytes]], headers: dict[bytes, bytes]) -> None:
    if sum(name == b"host" for name, _ in pairs) > 1:
        raise Refused(Reason.BAD_HOST)
    forwarded = [value for name, value in pairs if name == b"x-forwarded-for"]
    if len(forwarded) > 1:
        headers[b"x-forwarded-for"] = b",".join(forwarded)
    for signed in _SIGNATURE & headers.keys():
        headers[signed] = b", ".join(value for name, value in pairs if name == signed)
    cookie_lines = [value for name, value in pairs if name == b"cookie"]
    if len(cookie_lines) > 1:  # HTTP/2 may split the cookie header (RFC 9113, section 8.2.3)
        headers[b"cookie"] = b"; ".join(cookie_lines)


def _replayed_at(header: bytes, *, now_ms: int, replays: Replays) -> int:
    ticket, _, moment = header.decode("latin-1").partition(" ")
    if not compare_digest(ticket.encode(), replays.ticket.encode()) or not _MOMENT.fullmatch(moment):
        raise Refused(Reason.BAD_REPLAY)
    if not now_ms - replays.reach_ms <= int(moment) <= now_ms:
        raise Refused(Reason.BAD_REPLAY)
    return int(moment)


@lru_cache(maxsize=16)
def _first_scheme(raw: bytes) -> str:
    """Return the first of a proxy's list of schemes, which is that of the browser's own connection."""
    return raw.decode("latin-1").lstrip(" ,").partition(",")[0].strip(' "').lower()


@lru_cache(maxsize=64)
def _host_name(raw: bytes) -> str:
    host = raw.decode("latin-1").strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
