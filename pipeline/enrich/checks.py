"""What ClickHouse would refuse, found before it does: one bad record must never cost its batch.

Owns the closed list of reasons a record is rejected for, and the checks of every value that came through the spool.
Rules: pure; each check raises `Rejected` with its reason and nothing of the record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from socket import AF_INET6, inet_pton

from pipeline.errors import PixelError
from pipeline.event import NO_TOKEN, Event, TechnicalSignal

LAST_MS = 2**32 * 1000
"""2106: where ClickHouse's DateTime, which every hour and day is made of, ends."""

LAST_EPOCH = "2106-02-06"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COUNTRY = re.compile(r"[A-Z]{2}")


class RejectReason(StrEnum):
    """Why a record cannot be a row: a closed list, each counted under its own name."""

    BAD_TIME = "bad_time"
    BAD_EVENT_ID = "bad_event_id"
    BAD_EPOCH = "bad_epoch"
    BAD_NUMBER = "bad_number"
    BAD_PSEUDONYM = "bad_pseudonym"
    BAD_COUNTRY = "bad_country"
    BAD_TEXT = "bad_text"


class Rejected(PixelError):
    """A record that cannot be stored; carries only its reason."""

    def __init__(self, reason: RejectReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def check_event(event: Event) -> None:
    """Raise `Rejected` for an event with a value that its column cannot hold."""
    _check_common(event)
    if not _is_day(event.epoch):
        raise Rejected(RejectReason.BAD_EPOCH)
    # Values joined by OR keep any bit above the column's width, and the sign of any that is negative.
    if (
        (event.visitor | event.ua_token | event.click_token | event.nonce) >> 64
        or event.asn >> 32
        or (event.page_flags | event.status | event.scrubbed) >> 16
        or (event.ip_version | event.dropped_params) >> 8
    ):
        raise Rejected(RejectReason.BAD_NUMBER)
    if not (_is_token(event.ip_token) and _is_token(event.net_token)):
        raise Rejected(RejectReason.BAD_PSEUDONYM)
    _check_text((event.policy, event.as_org, event.page_host, event.page, event.ad, event.referrer_host))
    _check_text((event.referrer_page, *event.cookies, *event.cookies.values()))
    _check_text((*event.campaign, *event.campaign.values()))


def check_signal(signal: TechnicalSignal) -> None:
    """Raise `Rejected` for a technical signal with a value that its column cannot hold."""
    _check_common(signal)
    if not isfinite(signal.value):
        raise Rejected(RejectReason.BAD_NUMBER)
    _check_text((signal.name, signal.template, signal.source, signal.release, signal.page_host, signal.page))


def _check_common(record: Event | TechnicalSignal) -> None:
    if not 0 <= record.received_ms < LAST_MS:
        raise Rejected(RejectReason.BAD_TIME)
    if _UUID.fullmatch(record.event_id) is None:
        raise Rejected(RejectReason.BAD_EVENT_ID)
    if record.country and _COUNTRY.fullmatch(record.country) is None:
        raise Rejected(RejectReason.BAD_COUNTRY)
    _check_text((record.site,))


def _check_text(texts: Iterable[str]) -> None:
    text = "".join(texts)
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Rejected(RejectReason.BAD_TEXT) from None


@lru_cache(maxsize=256)
def _is_day(text: str) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return day.isoformat() == text and "1970-01-01" <= text <= LAST_EPOCH


def _is_token(token: str) -> bool:
    if token == NO_TOKEN:
        return True
    try:
        inet_pton(AF_INET6, token)
    except (OSError, ValueError):
        return False
    return True
