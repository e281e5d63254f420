"""The bytes that a browser or anybody else sends to the collector: query, beacon, cookies, headers, addresses, and the whole edge."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import urlencode

import msgspec

from collector.http.beacon_schema import MAX_EVENTS, MAX_MEASUREMENTS, Measurements, read_beacon
from collector.http.query import MAX_ADS, Query, read_query, without_nonce
from collector.http.request import Replays, read_pixel
from pipeline.edge.steps import run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.edge.technical import run_technical_edge
from pipeline.enrich.steps import EnrichTables, Rejected, enrich
from pipeline.enrich.technical import enrich_measurement
from pipeline.errors import Refused
from pipeline.event import Event, Measurement, RawAddress
from pipeline.headers import cookies
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.networks.address import NO_ADDRESS, PRIVATE, canonical, client_address
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector
from pipeline.settings.site import AllowedValue, Site
from pipeline.spool.records import frame, parse
from support.fuzzing.parser import ADDRESS, IDENTITY, Parser, scratch, silent
from support.signing import Program, known

NOW_MS = 1_795_000_000_000
COOKIE = f"1.20774.{IDENTITY}"
REPLAYS = Replays("a ticket", 86_400_000)
_ID = cookies.ID_COOKIE.encode()


@cache
def edge_tables() -> EdgeTables:
    """Return the tables of one collector that trusts the proxy 10.0.0.1 and never refuses for the rate."""
    site = Site(
        id="clinic",
        hosts=("clinic.example",),
        sensitive={"sensitive": ("/services/onko/*",)},
        cookies=(AllowedValue(name="lang", values=("ru", "en")),),
    )
    data = scratch() / "edge"
    own = Collector.model_validate({"flood_per_minute": 0, "trusted_proxies": ["10.0.0.0/8"]})
    settings = Settings(data=data, sites=(site,), collector=own)
    keys = Keyring(KeyDirectory(data / "keys"), may_mint=True)
    tables = EdgeTables.load(settings, keys, lambda number: bytes(range(number)))
    tables.networks.signed_agents = known(Program())
    return tables


@cache
def _enrich_tables() -> EnrichTables:
    return EnrichTables.load(Settings(data=scratch() / "enrich"))


def stored(records: Iterable[Event | Measurement]) -> None:
    """Fail where events cannot be read back from the spool as they are, or name the client in the spool or in the table."""
    for record in records:
        line = frame(record)
        assert parse(line) == record
        silent(line.decode())
        try:
            row = (
                enrich(record, _enrich_tables(), "")
                if isinstance(record, Event)
                else enrich_measurement(record, _enrich_tables(), "")
            )
        except Rejected:
            continue
        silent(msgspec.json.encode(row).decode())


def scope_of(data: bytes, method: str = "GET", path: bytes = b"/p.gif") -> tuple[dict[str, Any], bytes]:
    """Return the request that bytes tell: the query in the first line, then headers, after an empty line the body."""
    head, _, body = data.partition(b"\n\n")
    query, *lines = head.split(b"\n")
    pairs = [line.partition(b":") for line in lines if b":" in line]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path.decode(), "raw_path": path,
        "query_string": query, "client": ("10.0.0.1", 4711), "headers": headers,
    }  # fmt: skip
    return scope, body


def check_edge(data: bytes) -> None:
    """Pass a request for the pixel through the edge, the spool and the enrichment."""
    scope, _ = scope_of(data)
    scope["headers"] += [
        (b"host", b"stats.clinic.example"), (b"x-forwarded-for", ADDRESS.encode()), (b"cookie", _ID + b"=" + COOKIE.encode())
    ]  # fmt: skip
    try:
        hit = read_pixel(scope, now_ms=NOW_MS, replays=REPLAYS, read=read_query)
        events, cookie = run_edge(hit, edge_tables(), now_ms=NOW_MS)
    except Refused:
        return
    assert not cookie or ("\r" not in cookie and "\n" not in cookie)
    stored(events)


def check_beacon(data: bytes) -> None:
    """Read a beacon's body; what it holds goes through the edge, the spool and the enrichment."""
    scope, _ = scope_of(b"", "POST", b"/e")
    headers = {b"host": b"stats.clinic.example", b"x-forwarded-for": ADDRESS.encode(), b"user-agent": b"Mozilla/5.0"}
    try:
        message = read_beacon(data, scope, headers, now_ms=NOW_MS)
    except Refused:
        return
    try:
        if isinstance(message, Measurements):
            assert 1 <= len(message.measurements) <= MAX_MEASUREMENTS
            assert all(math.isfinite(one.value) for one in message.measurements)
            stored(run_technical_edge(message.hit, message.measurements, edge_tables(), now_ms=NOW_MS))
            return
        assert 1 <= len(message) <= MAX_EVENTS
        assert len({hit.site for hit in message}) == 1
        for hit in message:
            stored(run_edge(hit, edge_tables(), now_ms=NOW_MS)[0])
    except Refused:
        return


def check_query(data: bytes) -> None:
    """Read a query; what was read gives the same when it is written and read again."""
    rest, _ = without_nonce(data)
    try:
        query = read_query(rest)
    except Refused:
        return
    assert len(query.ads) <= MAX_ADS
    assert query.status == 0 or 100 <= query.status <= 599
    assert read_query(_written(query)) == query


def _written(query: Query) -> bytes:
    given = {
        "s": query.site, "u": query.page, "r": query.referrer, "m": query.mode, "e": str(query.status or ""),
        "a": ",".join(query.ads), "c": {None: "", True: "1", False: "0"}[query.consent], "v": query.release,
    }  # fmt: skip
    return urlencode({name: value for name, value in given.items() if value is not None}).encode()


def check_cookies(data: bytes) -> None:
    """Read a Cookie header: the wanted names alone, and an id cookie only in the form in which it is set."""
    header, wanted = data.decode("latin-1"), {"lang", cookies.ID_COOKIE}
    found = cookies.read(header, wanted)
    assert found.keys() <= wanted
    own = cookies.parse_id(found.get(cookies.ID_COOKIE, ""), now_s=NOW_MS // 1000)
    if own is not None:
        given = found[cookies.ID_COOKIE].split(".")
        assert (given[0], int(given[1]), given[2]) == ("1", own.day, own.secret)
        assert cookies.age(own, now_s=NOW_MS // 1000)
    kept, _ = cookies.keep(found, {"lang": frozenset({"ru", "en"})})
    assert set(kept.values()) <= {"ru", "en"}


def check_address(data: bytes) -> None:
    """Read X-Forwarded-For: the client is an address in its one spelling, or none."""
    hops = data.decode("latin-1").split(",")
    client = client_address("10.0.0.1", hops, PRIVATE)
    assert client == NO_ADDRESS or canonical(client) == client
    for hop in hops:
        address = canonical(hop)
        assert address is None or canonical(address) == address
        assert RawAddress(address or "") not in PRIVATE or address


PARSERS = (
    Parser("edge", check_edge),
    Parser("beacon", check_beacon),
    Parser("query", check_query),
    Parser("cookies", check_cookies),
    Parser("forwarded_for", check_address),
)
