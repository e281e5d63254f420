"""From an ASGI request to a `Hit`: limits, headers and the pixel's query.

Owns the bounds of 08-edge and the grammar of `/p.gif`. Pure: it sees the scope, the clock's value and nothing else.
Every shape of bad input ends in `Refused` with one of the closed reasons; nothing a visitor sent is in the exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import Any, Literal, cast, get_args
from urllib.parse import unquote_to_bytes

import msgspec

from pipeline.errors import Reason, Refused
from pipeline.event import Hit, Mode, RawAddress
from pipeline.networks.address import NetworkSet, canonical

MAX_TARGET = 8 * 1024  # path and query; the longest honest page address is a quarter of it
MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024
MAX_AGENT = 1024  # over 512 is already "malformed" to the worker
MAX_HINT = 256
MAX_ADS = 32
CACHED_VALUES = 16_384  # page addresses and referrers repeat; bounded in number and length, in memory only
CACHED_VALUE = 512
REPLAY_HEADER = b"x-pixel-replay"

Scope = Mapping[str, Any]

_PARAMETERS = frozenset("surmeanc")
_MODES: frozenset[str] = frozenset(get_args(Mode))
_AD = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_NONCE = re.compile(r"[0-9]{1,20}", re.ASCII)
_STATUS = re.compile(r"[1-5][0-9][0-9]", re.ASCII)
_CONSENT = {"": None, "0": False, "1": True}


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """What every request says of its sender, whatever its body: the shared part of a `Hit`."""

    peer: str
    forwarded_for: tuple[str, ...]
    peer_is_trusted: bool
    scheme: Literal["http", "https"]
    host: str
    agent: str
    cookie: str
    referer: str
    gpc: bool
    dnt: bool
    hint_brands: str
    hint_mobile: str
    hint_platform: str


class Replay(msgspec.Struct, frozen=True):
    """The right to name another client and another time: held by who can read the collector's own secret file."""

    ticket: str
    oldest_ms: int
    """Unix milliseconds before which no replayed hit may lie: its key would be destroyed already."""


def read_pixel(scope: Scope, *, now_ms: int, trusted: NetworkSet, replay: Replay) -> Hit:
    """Return the hit of one request for the pixel; raises `Refused`."""
    if scope["method"] not in ("GET", "HEAD"):
        raise Refused(Reason.BAD_METHOD)
    headers = check_limits(scope)
    received_ms = _replayed_at(headers, now_ms=now_ms, replay=replay)
    client = read_client(scope, headers, trusted=trusted, peer_is_trusted=received_ms is not None)
    query = _query(scope["query_string"])
    return make_hit(
        client,
        received_ms=now_ms if received_ms is None else received_ms,
        site=query.get("s", ""),
        page=query.get("u"),
        referrer=query.get("r"),
        mode=query.get("m", "img"),
        status=query.get("e", ""),
        ads=query.get("a", ""),
        nonce=query.get("n", ""),
        consent=query.get("c", ""),
    )


def make_hit(
    client: Client,
    *,
    received_ms: int,
    site: str,
    page: str | None,
    referrer: str | None,
    mode: str,
    status: str,
    ads: str,
    nonce: str,
    consent: str,
) -> Hit:
    """Return the hit of a sender and the texts of one event; raises `Refused` for a value outside its grammar."""
    names = tuple(dict.fromkeys(ads.split(","))) if ads else ()
    if (
        mode not in _MODES
        or (status and not _STATUS.fullmatch(status))
        or (nonce and not (_NONCE.fullmatch(nonce) and int(nonce) < 2**64))
        or consent not in _CONSENT
        or len(names) > MAX_ADS
        or not all(_AD.fullmatch(name) for name in names)
    ):
        raise Refused(Reason.BAD_QUERY)
    return Hit(
        received_ms=received_ms,
        site=site,
        page=page,
        referrer=referrer,
        mode=cast("Mode", mode),
        status=int(status or 0),
        ads=names,
        nonce=int(nonce or 0),
        consent=_CONSENT[consent],
        peer=client.peer,
        forwarded_for=client.forwarded_for,
        peer_is_trusted=client.peer_is_trusted,
        scheme=client.scheme,
        host=client.host,
        agent=client.agent,
        cookie=client.cookie,
        referer=client.referer,
        gpc=client.gpc,
        dnt=client.dnt,
        hint_brands=client.hint_brands,
        hint_mobile=client.hint_mobile,
        hint_platform=client.hint_platform,
    )


def check_limits(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by lower-case name (X-Forwarded-For joined); raises `Refused` when a bound is passed."""
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
    if len(headers) != len(pairs):
        _check_repeated(pairs, headers)
    return headers


def read_client(
    scope: Scope, headers: Mapping[bytes, bytes], *, trusted: NetworkSet, peer_is_trusted: bool = False
) -> Client:
    """Return what the request says of its sender."""
    get = headers.get
    peer = scope["client"][0] if scope.get("client") else ""
    forwarded = get(b"x-forwarded-for")
    scheme: Literal["http", "https"] = "https" if scope.get("scheme") == "https" else "http"
    proxied = get(b"x-forwarded-proto")
    if proxied is not None and (peer_is_trusted or RawAddress(canonical(peer) or "") in trusted):
        scheme = "https" if proxied.strip().lower() == b"https" else "http"
    return Client(
        peer=peer,
        forwarded_for=tuple(forwarded.decode("latin-1").split(",")) if forwarded else (),
        peer_is_trusted=peer_is_trusted,
        scheme=scheme,
        host=_host_name(get(b"host", b"")),
        agent=_text(get(b"user-agent", b""))[:MAX_AGENT],
        cookie=get(b"cookie", b"").decode("latin-1"),
        referer=_text(get(b"referer", b"")),
        gpc=get(b"sec-gpc", b"").strip() == b"1",
        dnt=get(b"dnt", b"").strip() == b"1",
        hint_brands=_text(get(b"sec-ch-ua", b""))[:MAX_HINT],
        hint_mobile=_text(get(b"sec-ch-ua-mobile", b""))[:MAX_HINT],
        hint_platform=_text(get(b"sec-ch-ua-platform", b""))[:MAX_HINT],
    )


def _check_repeated(pairs: Iterable[tuple[bytes, bytes]], headers: dict[bytes, bytes]) -> None:
    if sum(name == b"host" for name, _ in pairs) > 1:
        raise Refused(Reason.BAD_HOST)
    forwarded = [value for name, value in pairs if name == b"x-forwarded-for"]
    if len(forwarded) > 1:
        headers[b"x-forwarded-for"] = b",".join(forwarded)
    crumbs = [value for name, value in pairs if name == b"cookie"]
    if len(crumbs) > 1:  # HTTP/2 may split the cookie header (RFC 9113, section 8.2.3)
        headers[b"cookie"] = b"; ".join(crumbs)


def _replayed_at(headers: Mapping[bytes, bytes], *, now_ms: int, replay: Replay) -> int | None:
    header = headers.get(REPLAY_HEADER)
    if header is None:
        return None
    ticket, _, moment = header.decode("latin-1").partition(" ")
    if (
        not compare_digest(ticket.encode(), replay.ticket.encode())
        or not moment.isascii()
        or not moment.isdigit()
        or len(moment) > 15
    ):
        raise Refused(Reason.BAD_REPLAY)
    if not replay.oldest_ms <= int(moment) <= now_ms:
        raise Refused(Reason.BAD_REPLAY)
    return int(moment)


def _query(raw: bytes) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in raw.split(b"&"):
        name, _, value = pair.partition(b"=")
        key = name.decode("latin-1")
        if key not in _PARAMETERS:
            continue
        if key in values:
            raise Refused(Reason.REPEATED_PARAMETER)
        values[key] = _known_value(value) if len(value) <= CACHED_VALUE else _value(value)
    return values


def _value(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return _text(unquote_to_bytes(raw) if b"%" in raw else raw)


_known_value = lru_cache(CACHED_VALUES)(_value)


def _text(raw: bytes) -> str:
    """Return the text of bytes that should be UTF-8; older Russian sites still send cp1251, which has every byte but one."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace")


def _host_name(raw: bytes) -> str:
    host = raw.decode("latin-1").strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
