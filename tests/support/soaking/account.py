"""The account of a run: hits sent, answered, stored and refused, each by who counted it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from support.soaking.load import Sent
from support.system import System


class Account(NamedTuple):
    """`stored` rows with `numbers` different numbers; what the collector counted as `offered`, `spooled`, and `refused` by reason."""

    sent: Sent
    stored: int
    numbers: int
    offered: int
    spooled: int
    refused: Mapping[str, int]

    def wrong(self) -> list[str]:
        """Return what does not agree, in sentences; nothing when every hit is accounted for."""
        refused = sum(self.refused.values())
        cut = self.sent.sent - self.sent.answered
        told = {
            f"{self.stored - self.numbers} events are stored twice": self.stored == self.numbers,
            f"{self.sent.acknowledged - self.stored} acknowledged hits are not stored": self.sent.acknowledged
            <= self.stored,
            f"{self.stored - self.sent.sent} stored events were never sent": self.stored <= self.sent.sent,
            f"{self.stored} are stored and {self.spooled} counted as written": self.stored == self.spooled,
            f"{self.offered} offered are not {self.spooled} written and {refused} refused": self.offered
            == self.spooled + refused,
            f"{self.sent.refused} were answered as refused, {refused} counted, and {cut} cut off": (
                self.sent.refused <= refused <= self.sent.refused + cut
            ),
        }
        return [sentence for sentence, agrees in told.items() if not agrees]


def taken(system: System, sent: Sent) -> Account:
    """Ask ClickHouse for its part of the account."""
    stored, numbers = system.rows("SELECT count(), uniqExact(nonce) FROM pixel.events WHERE nonce >= 10000000")[0]
    counted = {
        (name, reason): int(value)
        for name, reason, value in system.rows(
            "SELECT name, reason, sum(value) FROM pixel.counters GROUP BY name, reason"
        )
    }

    def total(wanted: str) -> int:
        return sum(value for (name, _), value in counted.items() if name == wanted)

    refused = {reason: value for (name, reason), value in counted.items() if name == "refused" and value}
    return Account(sent, stored, numbers, total("offered"), total("spooled"), refused)
