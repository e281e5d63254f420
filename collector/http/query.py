"""Turns the query of `/p.gif` into the event that it tells.

Owns the grammar of the query, which the events of the beacon share. Pure. Every kind of bad input raises `Refused`; the exception
holds no text of a visitor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast, get_args
from urllib.parse import unquote_to_bytes

from pipeline.errors import Reason, Refused
from pipeline.event import Mode
from pipeline.scrub.redact import RELEASE_LIMIT

MAX_ADS = 32
PARAMETERS = "surmeancv"
"""The names of the query of the pixel, and of an event of the beacon."""

Texts = Mapping[str, str | None]
_PARAMETERS = {name.encode(): name for name in PARAMETERS}
_MODES: frozenset[str] = frozenset(get_args(Mode))
_AD = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_NONCE = re.compile(r"[0-9]{1,20}", re.ASCII)
_STATUS = re.compile(r"[1-5][0-9][0-9]", re.ASCII)
_CONSENT = {"": None, "0": False, "1": True}


class Query(NamedTuple):
    """One event as the pixel's query or the beacon tells it, without its nonce: every view of a page has the same one."""

    site: str = ""
    page: str | None = None
    referrer: str | None = None
    mode: Mode = "img"
    status: int = 0
    ads: tuple[str, ...] = ()
    consent: bool | None = None
    release: str = ""


NO_QUERY = Query()
ReadQuery = Callable[[bytes], Query]


def without_nonce(raw: bytes) -> tuple[bytes, bytes]:
    """Return a query without its last `n`, and the value of that; the values of all others repeat from hit to hit."""
    before, found, after = (b"&" + raw).rpartition(b"&n=")
    if not found:
        return raw, b""
    nonce, more, rest = after.partition(b"&")
    return (before + more + rest)[1:], nonce


def read_query(raw: bytes) -> Query:
    """Return the event of a query whose nonce is cut out; raises `Refused`, also for a further nonce."""
    values: dict[str, str] = {}
    for pair in raw.split(b"&"):
        name, _, value = pair.partition(b"=")
        key = _PARAMETERS.get(name)
        if key is None or pair == b"n":
            continue
        if key in values or key == "n":
            raise Refused(Reason.REPEATED_PARAMETER)
        values[key] = decode_value(value)
    return query_of(values)


def query_of(texts: Texts) -> Query:
    """Return the event of texts by the names of the pixel's query; raises `Refused` for a text outside its grammar."""
    text = texts.get
    mode, consent = text("m") or "img", text("c") or ""
    if mode not in _MODES or consent not in _CONSENT:
        raise Refused(Reason.BAD_QUERY)
    return Query(
        site=text("s") or "",
        page=text("u"),
        referrer=text("r"),
        mode=cast("Mode", mode),
        status=_status(text("e") or ""),
        ads=_ads(text("a") or ""),
        consent=_CONSENT[consent],
        release=(text("v") or "")[:RELEASE_LIMIT],
    )


def _status(text: str) -> int:
    if text and not _STATUS.fullmatch(text):
        raise Refused(Reason.BAD_QUERY)
    return int(text or 0)


def read_nonce(text: str) -> int:
    """Return the number in the text of a nonce, 0 for none; raises `Refused` for another text."""
    if text and not (_NONCE.fullmatch(text) and int(text) < 2**64):
        raise Refused(Reason.BAD_QUERY)
    return int(text or 0)


def _ads(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    names = tuple(dict.fromkeys(text.split(",")))
    if len(names) > MAX_ADS or not all(_AD.fullmatch(name) for name in names):
        raise Refused(Reason.BAD_QUERY)
    return names


def decode_value(raw: bytes) -> str:
    """Return the text of a value of the query (application/x-www-form-urlencoded, URL Standard section 5)."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return text_of(unquote_to_bytes(raw) if b"%" in raw else raw)


def text_of(raw: bytes) -> str:
    """Return the text of bytes in UTF-8, else in cp1251, which older Russian sites send and which has all bytes but one."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace")
