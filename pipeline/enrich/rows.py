"""The rows as ClickHouse stores them: an event or a technical signal with everything that enrichment adds.

Owns the columns of `pixel.events` and `pixel.technical`. Rule: every column is computed before the insert, with no default
left to the database, so a retry gives the same row.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.event import (
    CookieState,
    Kind,
    Mode,
    NetClass,
    PageFrom,
    Scheme,
    SignalKind,
    Token,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    VisitorKind,
)

HintState = Literal["none", "agree", "contradict", "missing"]
ReferrerKind = Literal["none", "internal", "search", "social", "mail", "ad", "spam", "other"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `pixel.events`: an event and its enrichment, without a single default left to the database."""

    received_at: str
    event_id: str
    site: str
    kind: Kind
    mode: Mode
    policy: str
    epoch: str
    visitor: UInt64
    visitor_kind: VisitorKind
    cookie_state: CookieState
    cookies: dict[str, str]
    ip_token: Token
    net_token: Token
    ip_version: UInt8
    country: str
    asn: UInt32
    as_org: str
    net_class: NetClass
    browser: str
    browser_major: UInt16
    os: str
    os_major: UInt16
    device: str
    hints: HintState
    robot: str
    ua_token: UInt64
    ua_raw: str
    page_host: str
    page: str
    page_flags: UInt16
    page_scheme: Scheme
    page_from: PageFrom
    status: UInt16
    campaign: dict[str, str]
    paid: bool
    click_token: UInt64
    ad: str
    referrer_host: str
    referrer_page: str
    referrer_kind: ReferrerKind
    nonce: UInt64
    ivt_reasons: list[str]
    scrubbed: UInt16
    dropped_params: UInt8
    batch_id: str


class TechnicalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `pixel.technical`, without a single default left to the database."""

    received_at: str
    event_id: str
    site: str
    page: str
    browser: str
    os: str
    device: str
    country: str
    kind: SignalKind
    name: str
    template: str
    source_host: str
    source_file: str
    source_line: UInt32
    value: float
    release: str
    batch_id: str
