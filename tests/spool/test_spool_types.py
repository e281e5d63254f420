"""Spool, question six: which values can a record hold? The types say it, and the reader checks them."""

from __future__ import annotations

from math import inf, nan
from typing import Any
from zlib import crc32

import msgspec
import pytest

from pipeline.event import LAST_MS, Measurement, Token
from pipeline.spool.records import frame, parse
from support.spooling import NOW_MS, event

EVENT = event()
SIGNAL = Measurement(
    received_ms=NOW_MS,
    event_id="0193c1a0-1111-7222-8333-444455556666",
    site="clinic",
    kind="vital",
    name="LCP",
    value=12.5,
)
OF_BOTH: list[dict[str, Any]] = [
    {"received_ms": -1},
    {"received_ms": LAST_MS},
    {"event_id": ""},
    {"event_id": "0193c1a0-1111-7222-8333-44445555666g"},
    {"event_id": "0193c1a0-1111-7222-8333-444455556666\n"},
    {"country": "RUS"},
    {"country": "ru"},
    {"country": "Ж"},
    {"country": "RU\n"},
]
OF_EVENTS: list[dict[str, Any]] = [
    {"visitor": -1},
    {"nonce": -1},
    {"asn": 2**32},
    {"status": 2**16},
    {"page_flags": -1},
    {"dropped_params": 256},
    {"ip_version": 256},
    {"ip_token": Token("")},
    {"net_token": Token("no address")},
    {"net_token": Token("2001:db8::1\x00")},
    {"kind": "click"},
    {"net_class": "home"},
    {"paid": 1},
    {"cookies": {"size": 1}},
]


def line_of(record: object) -> bytes:
    """Return a line as `frame` writes it, of any object."""
    body = msgspec.json.encode(record)
    return b"%08x %b\n" % (crc32(body), body)


@pytest.mark.parametrize("given", [*OF_BOTH, *OF_EVENTS], ids=repr)
def test_an_event_with_a_value_that_no_column_holds_is_no_record(given: dict[str, Any]) -> None:
    assert parse(frame(EVENT)) == EVENT
    assert parse(line_of(msgspec.structs.replace(EVENT, **given))) == "record"


@pytest.mark.parametrize("given", [*OF_BOTH, {"value": nan}, {"value": inf}, {"kind": "click"}], ids=repr)
def test_a_signal_with_a_value_that_no_column_holds_is_no_record(given: dict[str, Any]) -> None:
    assert parse(frame(SIGNAL)) == SIGNAL
    assert parse(line_of(msgspec.structs.replace(SIGNAL, **given))) == "record"


@pytest.mark.parametrize(
    "given", [{"page": "/\ud800"}, {"campaign": {"utm_source": "\udfff"}}, {"cookies": {"\udfff": ""}}], ids=ascii
)
def test_text_that_is_no_unicode_is_never_written(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        frame(event(**given))


def test_an_event_of_an_earlier_version_with_its_epoch_is_still_read() -> None:
    record = msgspec.to_builtins(EVENT) | {"epoch": "2026-11-18"}
    assert parse(line_of(record)) == EVENT
