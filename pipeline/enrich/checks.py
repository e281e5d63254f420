"""Rejects values that ClickHouse would refuse and the spool's reader accepts: one bad record must not fail its batch.

Owns the check and its error, which carries a reason (`pipeline.reasons`) and nothing of the record. The bounds of all other
values are part of the types in `pipeline.event`, which the reader checks. Pure.
"""

from __future__ import annotations

from pipeline.errors import PixelError
from pipeline.event import Event
from pipeline.reasons import RejectReason


class Rejected(PixelError):
    """A record that cannot be stored; carries only its reason."""

    def __init__(self, reason: RejectReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def check_event(event: Event) -> None:
    """Raise `Rejected` for a number over 64 bits, the one bound that the decoder cannot check."""
    # Values joined by OR keep any bit above the column's width.
    if (event.visitor | event.ua_token | event.click_token | event.nonce) >> 64:
        raise Rejected(RejectReason.BAD_NUMBER)
