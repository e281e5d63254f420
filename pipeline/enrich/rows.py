"""The rows as ClickHouse stores them: an event or a measurement with all columns that enrichment adds.

Owns the columns of `pixel.events` and `pixel.technical`. Rule: every column is computed before the insert and the
database adds no default, so a retry gives the same row.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from pipeline.event import EventColumns, MeasurementKind, Mode, NetClass, UInt16, UInt32

HintState = Literal["none", "agree", "contradict", "missing"]
ReferrerKind = Literal["none", "internal", "search", "social", "mail", "ad", "spam", "other"]


class Facts(NamedTuple):
    """The columns that follow from the agent, its hints, the network's class and the referrer's kind."""

    browser: str
    browser_major: UInt16
    os: str
    os_major: UInt16
    device: str
    hints: HintState
    robot: str
    ua_raw: str
    referrer_kind: ReferrerKind
    ivt_reasons: tuple[str, ...]
    hints_detail: str
    engine: str
    engine_major: UInt16
    webview: bool


class Row(EventColumns, frozen=True, array_like=True):
    """One row of `pixel.events`: the columns of the event and those that enrichment adds, `Facts` among them in their order.

    It encodes as a JSON array in the order of its fields, the batch last; ClickHouse gets that array. The defaults
    let `enrich` give the fields by their place; it gives all of them.
    """

    received_at: str = ""
    epoch: str = ""
    browser: str = ""
    browser_major: UInt16 = 0
    os: str = ""
    os_major: UInt16 = 0
    device: str = ""
    hints: HintState = "none"
    robot: str = ""
    ua_raw: str = ""
    referrer_kind: ReferrerKind = "none"
    ivt_reasons: tuple[str, ...] = ()
    hints_detail: str = ""
    engine: str = ""
    engine_major: UInt16 = 0
    webview: bool = False
    scrubbed: UInt16 = 0
    collector: str = ""
    batch_id: str = ""


class TechnicalRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One row of `pixel.technical`; the database adds no default."""

    received_at: str
    event_id: str
    site: str
    page: str
    browser: str
    os: str
    device: str
    country: str
    kind: MeasurementKind
    name: str
    template: str
    source_host: str
    source_file: str
    source_line: UInt32
    value: float
    release: str
    browser_major: UInt16
    robot: str
    net_class: NetClass
    mode: Mode
    view: int
    batch_id: str
