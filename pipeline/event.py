"""A request as received (`Hit`) and its facts that may be kept (`Event`); `pipeline.enrich.rows` has the stored `Row`.

Owns the shapes of a fact before the database and the types that keep them apart. Rules:

* A `Hit` may hold raw identifiers; it is kept in memory for one request and is never written anywhere.
* An `Event` is frozen and has no field that could take an address: tokens are `Token`, and only `pipeline.keys.tokens`
  makes those, so mypy refuses a raw address at the spool.
* The spool holds one JSON object per `Event`; its keys are the column names of `pixel.events` where the value is final.
* The bounds and patterns of a field are part of its type, and the reader of the spool checks them: every event that it
  returns fits the columns. The edge makes events without this check; its tests send every event through the reader.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Literal, NamedTuple, NewType

import msgspec

RawAddress = NewType("RawAddress", str)
"""A client's address in canonical text; exists only in the memory of the collector, for minutes (`edge.tables`)."""

PackedAddress = NewType("PackedAddress", bytes)
"""The same address as 16 bytes, IPv4 in its mapped form (RFC 4291, 2.5.5.2)."""

Token = NewType("Token", str)
"""A keyed pseudonym in the text form of an IPv6 address (draft-denis-ipcrypt); '::' means none."""

NO_TOKEN = Token("::")

Kind = Literal["pageview", "impression"]
Mode = Literal["js", "noscript", "img", "server"]
VisitorKind = Literal["none", "cookie", "day"]
CookieState = Literal["none", "new", "returning", "refused", "signal"]
NetClass = Literal["other", "own", "crawler", "datacenter", "vpn", "tor", "relay", "mobile"]
Scheme = Literal["https", "http", "other"]
PageFrom = Literal["parameter", "referer", "none"]
Fetch = Literal["none", "agree", "contradict"]
PrivacySignal = Literal["none", "gpc", "dnt", "opt_out"]
ConsentSaid = Literal["unknown", "given", "refused"]
CookieAge = Literal["none", "new", "day", "week", "month", "older"]
AgentSigned = Literal["none", "verified", "failed"]
CountName = Literal["offered", "spooled", "refused", "flood", "stored", "rejected", "quarantined"]
MeasurementKind = Literal["js_error", "resource", "vital"]

UInt8 = Annotated[int, msgspec.Meta(ge=0, lt=2**8)]
UInt16 = Annotated[int, msgspec.Meta(ge=0, lt=2**16)]
UInt32 = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
UInt64 = Annotated[int, msgspec.Meta(ge=0)]  # msgspec cannot bound above 2**63: `enrich.steps` does

LAST_MS = 2**32 * 1000
"""2106: the end of ClickHouse's DateTime, from which every hour and day is computed."""

UnixMs = Annotated[int, msgspec.Meta(ge=0, lt=LAST_MS)]
Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Country = Annotated[str, msgspec.Meta(pattern=r"^(?:[A-Z]{2})?\Z")]
MonitorName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_-]{0,32}\Z")]
TokenText = Annotated[Token, msgspec.Meta(pattern=r"^[0-9a-f:.]{2,45}\Z")]


class PageFlag(IntFlag):
    """Differences in the raw spelling of a page address, known only before scrubbing (column `page_flags`)."""

    UPPER_CASE = 1
    DOUBLE_SLASH = 2
    TRAILING_SLASH = 4
    ENCODED = 8
    WWW = 16
    INDEX_FILE = 32
    ATTACK = 64
    CUT = 128
    INVALID_TEXT = 256
    FOREIGN_HOST = 512
    TWO_HOSTS = 1024


class Scrubbed(IntFlag):
    """The types of redacted values (column `scrubbed`)."""

    DIGITS = 1
    EMAIL = 2
    ADDRESS = 4
    UUID = 8
    SECRET = 16
    NAME = 32
    UNDECODABLE = 64
    TEMPLATE = 128
    SENSITIVE = 256
    USERINFO = 512
    FRAGMENT = 1024
    AGENT = 2048
    COOKIE = 4096
    CAMPAIGN = 8192
    FAILED = 16384


class SignedRequest(NamedTuple):
    """The parts of a request that a signature may cover (RFC 9421), as received; the headers of one name are joined.

    `agent`, `inputs` and `signatures` are `Signature-Agent`, `Signature-Input` and `Signature`; `authority` is the Host
    header, `target` the path with its query.
    """

    agent: str
    inputs: str
    signatures: str
    method: str = "GET"
    scheme: str = "https"
    authority: str = ""
    target: str = "/"


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One request as received: texts are decoded and bounded, nothing is pseudonymised yet.

    `received_ms` is Unix time in milliseconds. `peer` is the connection's address, `forwarded_for` and `forwarded_proto`
    are the headers of a proxy as received, `scheme` is that of the connection. A query value is None when the parameter
    was not given.
    """

    received_ms: int
    peer: str
    forwarded_for: str = ""
    forwarded_proto: str = ""
    is_replay: bool = False
    """True for a replay with a valid ticket: its X-Forwarded-For counts without being in `trusted_proxies`."""
    scheme: Literal["http", "https"] = "http"
    host: str = ""
    agent: str = ""
    cookie: str = ""
    referer: str = ""
    gpc: bool = False
    dnt: bool = False
    hint_brands: str = ""
    hint_mobile: str = ""
    hint_platform: str = ""
    site: str = ""
    page: str | None = None
    referrer: str | None = None
    mode: Mode = "img"
    status: UInt16 = 0
    ads: tuple[str, ...] = ()
    nonce: UInt64 = 0
    consent: bool | None = None
    release: str = ""
    origin: str = ""
    way: Literal["image", "beacon"] = "image"
    fetch_dest: str = ""
    fetch_mode: str = ""
    fetch_site: str = ""
    signed: SignedRequest | None = None
    """The signature of a program on its request, None without one."""


class EventColumns(msgspec.Struct, frozen=True):
    """The columns with a final value at the edge: `Event` has them and `Row` copies them unchanged."""

    event_id: Uuid
    site: str
    kind: Kind = "pageview"
    mode: Mode = "img"
    policy: str = ""
    visitor: UInt64 = 0
    visitor_kind: VisitorKind = "none"
    cookie_state: CookieState = "none"
    cookies: dict[str, str] = {}
    ip_token: TokenText = NO_TOKEN
    net_token: TokenText = NO_TOKEN
    ip_version: UInt8 = 4
    country: Country = ""
    asn: UInt32 = 0
    as_org: str = ""
    net_class: NetClass = "other"
    ua_token: UInt64 = 0
    page_host: str = ""
    page: str = ""
    page_flags: UInt16 = 0
    page_scheme: Scheme = "other"
    page_from: PageFrom = "none"
    status: UInt16 = 0
    campaign: dict[str, str] = {}
    paid: bool = False
    click_token: UInt64 = 0
    ad: str = ""
    referrer_host: str = ""
    referrer_page: str = ""
    nonce: UInt64 = 0
    dropped_params: UInt8 = 0
    page_role: str = ""
    release: str = ""
    click_kind: str = ""
    click_sealed: str = ""
    attack: str = ""
    fetch: Fetch = "none"
    privacy_signal: PrivacySignal = "none"
    consent: ConsentSaid = "unknown"
    cookie_age: CookieAge = "none"
    agent_signed: AgentSigned = "none"


class Event(EventColumns, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="event"):
    """A pseudonymised fact, as the spool stores it: no address, no value of our own cookies (policy clause 3.3).

    `received_ms` is Unix time in milliseconds; `agent` and the three hints are raw and kept only until shipped.
    """

    received_ms: UnixMs
    taken_ms: UnixMs = 0
    """The collector's clock at a replayed hit, in whose minute it is counted; 0 when `received_ms` is that time."""
    agent: str = ""
    hint_brands: str = ""
    hint_mobile: str = ""
    hint_platform: str = ""
    https: bool = False
    scrubbed: UInt16 = 0
    monitor: MonitorName = ""
    """The name of the site's own check that made the hit (setting `monitors`); '' for all others."""
    signer: str = ""
    """The name under which a signed agent's key is published; '' for an agent without a verified signature."""


class Count(NamedTuple):
    """A number to add to one counter of one minute (`minute_ms`: Unix time in milliseconds of the minute's start)."""

    minute_ms: int
    name: CountName
    reason: str = ""
    net_class: str = ""
    country: str = ""
    asn: int = 0
    value: int = 1


class CountsRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="counts"):
    """The counts of one collector since its last record; kept in the spool, so that they are as durable as the events."""

    collector: str
    counts: list[Count]


class Measurement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="technical"):
    """One opt-in measurement of a page, already scrubbed: no visitor, no tokens, no query (`pixel.technical`).

    `received_ms` is Unix time in milliseconds; `agent` is raw and kept only until shipped. `value` is milliseconds
    for LCP, INP, FCP and TTFB, a plain number for CLS, 0 for errors and resources.
    """

    received_ms: UnixMs
    event_id: Uuid
    site: str
    kind: MeasurementKind
    name: str
    """The error's class, the failed resource's type, or LCP, INP, CLS, FCP, TTFB."""
    template: str = ""
    """The error's message without numbers, quoted texts and URLs; '' for other kinds."""
    source: str = ""
    """host:file:line of an error, the host of a failed resource, '' for vitals."""
    value: float = 0.0
    release: str = ""
    page_host: str = ""
    page: str = ""
    country: Country = ""
    net_class: NetClass = "other"
    mode: Mode = "js"
    view: UInt64 = 0
    """A random number of the page load, drawn for measurements alone: no event has it."""
    agent: str = ""
    hint_brands: str = ""
    hint_mobile: str = ""
    hint_platform: str = ""
    monitor: MonitorName = ""


SpoolRecord = Event | CountsRecord | Measurement
