"""`POST /e`: the script's beacon. Several events or one report of technical signals in, 204 out.

Owns which origins may send (the site's own hosts and its `ad_hosts`) and the headers of the answer.
A `text/plain` body needs no preflight, `application/json` gets one. As for the pixel: events on disk, then 2xx; every
refusal is counted, once for the call or once for the event it concerns.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.types import Receive, Scope, Send

from collector.http.beacon_schema import Report, read_beacon
from collector.http.body import read_body
from collector.http.request import check_limits, read_client
from collector.process import Process
from pipeline.edge.tables import SiteTables
from pipeline.errors import Reason, Refused
from pipeline.event import Event, Hit, TechnicalSignal

CONTENT_TYPES = frozenset({b"text/plain", b"application/json"})

_Headers = list[tuple[bytes, bytes]]
_HEADERS: _Headers = [
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"origin"),
]
_PREFLIGHT: _Headers = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
]
_ALLOW: _Headers = [(b"allow", b"POST, OPTIONS")]


async def answer_beacon(process: Process, scope: Scope, receive: Receive, send: Send) -> None:
    """Take one beacon through the edge and answer it once its events are on disk."""
    headers, status = _HEADERS, 204
    try:
        given = process.guarded(lambda _: _open(scope, process))
        headers = headers + _cors(given)
        if scope["method"] == "OPTIONS":
            headers = headers + _PREFLIGHT
        else:
            body = await _body(process, receive)
            records, cookie = _take(process, scope, given, body)
            await process.spool.append(records)
            headers = headers + ([(b"set-cookie", cookie.encode())] if cookie else [])
    except Refused as refused:
        status = refused.status
        headers = headers + (_ALLOW if refused.reason is Reason.BAD_METHOD else [])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _open(scope: Scope, process: Process) -> dict[bytes, bytes]:
    if scope["method"] not in ("POST", "OPTIONS"):
        raise Refused(Reason.BAD_METHOD)
    given = check_limits(scope)
    if not any(_may_send(given, site) for site in process.tables.sites.values()):
        raise Refused(Reason.FOREIGN_ORIGIN)
    kind = given.get(b"content-type", b"text/plain").partition(b";")[0].strip().lower()
    if scope["method"] == "POST" and kind not in CONTENT_TYPES:
        raise Refused(Reason.BAD_BODY)
    return given


def _may_send(given: Mapping[bytes, bytes], site: SiteTables) -> bool:
    """Whether the request comes from a page of the site; a sender that is no browser names no origin (RFC 6454)."""
    origin = given.get(b"origin")
    if origin is None:
        return True
    page = site.page(origin.decode("latin-1"))
    return bool(page.host and page.path)  # only the site's own hosts and ad_hosts have a path


def _cors(given: Mapping[bytes, bytes]) -> _Headers:
    if b"origin" not in given:
        return []
    return [(b"access-control-allow-origin", given[b"origin"]), (b"access-control-allow-credentials", b"true")]


async def _body(process: Process, receive: Receive) -> bytes:
    try:
        return await read_body(receive)
    except Refused as refused:
        process.refuse(refused.reason)
        raise


def _take(
    process: Process, scope: Scope, given: Mapping[bytes, bytes], body: bytes
) -> tuple[list[Event | TechnicalSignal], str]:
    """Return the records of a body and the cookie to set; events refused one by one do not take the others with them."""

    def read(moment: int) -> tuple[Hit, ...] | Report:
        message = read_beacon(body, read_client(scope, given, trusted=process.trusted), now_ms=moment)
        site = process.tables.sites.get((message.hit if isinstance(message, Report) else message[0]).site)
        if site and not _may_send(given, site):
            raise Refused(Reason.FOREIGN_ORIGIN)
        return message

    message = process.guarded(read)
    if isinstance(message, Report):
        return list(process.take_report(message.hit, message.release, message.signals)), ""
    records: list[Event | TechnicalSignal] = []
    cookie, refusal = "", None
    for hit in message:
        try:
            result = process.take(partial(_hit, hit))
        except Refused as refused:
            refusal = refused
        else:
            records += result.events
            cookie = result.set_cookie or cookie
    if refusal and not records:
        raise refusal
    return records, cookie


def _hit(hit: Hit, _: int) -> Hit:
    return hit
