"""`POST /e`: the script's beacon. Several events or one report of measurements in, 204 out.

Owns the list of allowed origins (the site's own hosts and its `ad_hosts`) and the headers of the answer.
A `text/plain` body needs no preflight request, `application/json` gets one. As for the pixel: events on disk, then 2xx;
every refusal is counted, once for the request or once for the event that it concerns.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from collector.http.beacon_schema import Measurements, read_beacon
from collector.http.body import read_body
from collector.http.request import Headers, check_limits, check_shown
from collector.process import Process
from pipeline.edge.steps import run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.edge.technical import run_technical_edge
from pipeline.errors import Reason, Refused
from pipeline.event import Event, Hit
from pipeline.scrub.urls import split_url

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
    """Pass one beacon through the edge and answer it when its events are on disk."""
    status, headers, cookie = 204, _HEADERS, ""
    refused: Refused | None = None
    try:
        now_ms = process.moment()
        given = _check(scope, process.tables)
        headers = headers + (_cors(given) if _is_said(given) else [])
        if scope["method"] == "OPTIONS":
            headers = headers + _PREFLIGHT
        else:
            message = read_beacon(await read_body(receive), scope, given, now_ms=now_ms)
            _check_site(message, given, process.tables)
            headers = _HEADERS + _cors(given)
            if isinstance(message, Measurements):
                refused = await _take_report(message, process, now_ms)
            else:
                cookie, refused = await _take_hits(message, process, now_ms)
    except Exception as error:  # noqa: BLE001 - the edge never answers 500: see `Process.refuse`
        refused = process.refuse(error)
    if refused is not None:
        status = refused.status
        headers = headers + (_ALLOW if refused.reason is Reason.BAD_METHOD else [])
    elif cookie:
        headers = [*headers, (b"set-cookie", cookie.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _check(scope: Scope, tables: EdgeTables) -> Headers:
    if scope["method"] not in ("POST", "OPTIONS"):
        raise Refused(Reason.BAD_METHOD)
    given = check_limits(scope)
    check_shown(scope, given)
    if _is_said(given) and not _sites(given, tables):
        raise Refused(Reason.FOREIGN_ORIGIN)
    kind = given.get(b"content-type", b"text/plain").partition(b";")[0].strip().lower()
    if scope["method"] == "POST" and kind not in CONTENT_TYPES:
        raise Refused(Reason.BAD_BODY)
    return given


def _is_said(given: Headers) -> bool:
    """Return whether the sender names its origin; `null` is a browser that withholds it (Referrer Policy, sandbox)."""
    return given.get(b"origin", b"null") != b"null"


def _sites(given: Headers, tables: EdgeTables) -> frozenset[str]:
    return tables.sites_of_origin(given[b"origin"].decode("latin-1"))


def _cors(given: Headers) -> _Headers:
    if b"origin" not in given:
        return []
    return [(b"access-control-allow-origin", given[b"origin"]), (b"access-control-allow-credentials", b"true")]


def _check_site(message: Sequence[Hit] | Measurements, given: Headers, tables: EdgeTables) -> None:
    site = message.hit.site if isinstance(message, Measurements) else message[0].site
    if site not in tables.sites:
        return
    if _is_said(given):
        if site not in _sites(given, tables):
            raise Refused(Reason.FOREIGN_ORIGIN)
    elif b"origin" in given:
        # A withheld origin is not a foreign one: the page that the event or the Referer names decides, as for an image.
        pages = [message.hit] if isinstance(message, Measurements) else message
        if any(site not in _sites_of_page(hit, tables) for hit in pages):
            raise Refused(Reason.FOREIGN_ORIGIN)


def _sites_of_page(hit: Hit, tables: EdgeTables) -> frozenset[str]:
    page = hit.page or ""
    return tables.sites_of_origin(page if split_url(page).host else hit.referer)


async def _take_report(report: Measurements, process: Process, now_ms: int) -> Refused | None:
    measurements = run_technical_edge(report.hit, report.measurements, process.tables, now_ms=now_ms)
    return await process.store(measurements, now_ms=now_ms)


async def _take_hits(hits: Sequence[Hit], process: Process, now_ms: int) -> tuple[str, Refused | None]:
    """Store the events; return the cookie to set, and the refusal if no event was stored.

    A refused hit is counted by itself and does not stop the others.
    """
    records: list[Event] = []
    cookie, refused = "", None
    for hit in hits:
        try:
            events, set_cookie = run_edge(hit, process.tables, now_ms=now_ms)
        except Exception as error:  # noqa: BLE001 - as above
            refused = process.refuse(error)
        else:
            records += events
            cookie = set_cookie or cookie
    return cookie, await process.store(records, now_ms=now_ms) if records else refused
