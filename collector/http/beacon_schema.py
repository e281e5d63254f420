"""The content of `POST /e`: the schema of its JSON, its limits, and the decoding of a body into `Hit`s.

Owns the two shapes of a body: an array of events, whose names are those of the pixel's query (all texts, as there), or one
object, a report of measurements. Strict: one unknown name, wrong type or value over its limit refuses the whole body.

Pure. No part of the body is ever put into an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from collector.http.query import query_of, read_nonce
from collector.http.request import Headers, Scope, make_hit
from pipeline.edge.technical import RawMeasurement
from pipeline.errors import BAD_JSON, Reason, Refused
from pipeline.event import Hit, MeasurementKind

MAX_EVENTS = 32  # a page shows few ad blocks in one second
MAX_MEASUREMENTS = 20  # as many as the script sends of one page load
MAX_ADDRESS = 4096  # pages are cut at 2 KiB later; twice that is still a plausible address

Text = Annotated[str, Meta(max_length=64)]
Address = Annotated[str, Meta(max_length=MAX_ADDRESS)]


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    s: Text
    u: Address | None = None
    r: Address | None = None
    m: Text = "js"
    e: Text = ""
    a: Annotated[str, Meta(max_length=2200)] = ""
    n: Text = ""
    c: Text = ""
    v: Address = ""
    """Cut to the longest release that is kept."""


class _Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    k: MeasurementKind
    n: Text
    t: Annotated[str, Meta(max_length=1200)] = ""
    f: Annotated[str, Meta(max_length=400)] = ""
    v: float = 0.0


class _Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    s: Text
    t: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_MEASUREMENTS)]
    u: Address | None = None
    l: Text = ""  # noqa: E741 - the name on the wire: release
    n: Text = ""
    """A random number of the page load; events have another one."""


# An escape of one half of a character whose other half is not beside it.
_HALF = re.compile(rb"(?i)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}")
_MEASUREMENT = msgspec.json.Decoder(_Measurement)
_DECODER = msgspec.json.Decoder(Annotated[list[_Event], Meta(min_length=1, max_length=MAX_EVENTS)] | _Report)


class Measurements(msgspec.Struct, frozen=True):
    """Measurements of one page: the request's facts as a `Hit` without visitor, and the measured values."""

    hit: Hit
    measurements: tuple[RawMeasurement, ...]


def read_beacon(body: bytes, scope: Scope, headers: Headers, *, now_ms: int) -> tuple[Hit, ...] | Measurements:
    """Return the hits of a body, all of one site, or its report; raises `Refused` with BAD_BODY or BAD_QUERY."""
    try:
        message = _DECODER.decode(_mended(body))
    except BAD_JSON:
        raise Refused(Reason.BAD_BODY) from None
    if isinstance(message, _Report):
        query = query_of({"s": message.s, "u": message.u, "m": "js", "v": message.l})
        hit = make_hit(scope, headers, query, read_nonce(message.n), received_ms=now_ms)
        return Measurements(hit, _measurements(message.t))
    if any(event.s != message[0].s for event in message):
        raise Refused(Reason.BAD_BODY)
    hits = tuple(
        make_hit(scope, headers, query_of(asdict(event)), read_nonce(event.n), received_ms=now_ms) for event in message
    )
    # One request has one signature, which is checked once.
    return tuple(replace(hit, signed=hits[0].signed) for hit in hits) if hits[0].signed else hits


def _measurements(given: Iterable[msgspec.Raw]) -> tuple[RawMeasurement, ...]:
    """Return the measurements that can be read: one bad one does not refuse the others; raises `Refused` without any."""
    read: list[RawMeasurement] = []
    for raw in given:
        try:
            one = _MEASUREMENT.decode(raw)
        except BAD_JSON:
            continue
        read.append(RawMeasurement(one.k, one.n, one.t, one.f, one.v))
    if not read:
        raise Refused(Reason.BAD_BODY)
    return tuple(read)


def _mended(body: bytes) -> bytes:
    """Return the body with U+FFFD for bytes that are not UTF-8 and for halves of a character, which no text may hold."""
    if _HALF.search(body):
        body = _HALF.sub(b"\\\\ufffd", body)
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace").encode()
    return body
