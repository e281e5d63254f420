"""The alerts that were decided on, and those that wait for a sink: `run/alerts.json`.

Owns the file, the order of waiting alerts and the pauses after an error. Rules: an alert is on disk before it is sent, each try is on
disk before it is made, and its success right after it. So a sink that answered gets no alert twice, unless the process is killed between
the answer and the write; the repeated alert then has the same id. A sink in trouble is tried again after a minute, then after longer
pauses of at most an hour; an alert is given up after a week, and when more than `MOST_WAITING` wait.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from pipeline.alerts.gauges import SinkNumbers
from pipeline.alerts.policy import Life, Memory, Message
from pipeline.errors import BAD_JSON
from pipeline.system.durable_files import replace

MOST_WAITING: Final = 100
LONGEST_WAIT: Final = timedelta(days=7)
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)

log = logging.getLogger(__name__)


class Waiting(msgspec.Struct):
    """An alert on its way to one sink, and how often the sink answered and refused it."""

    sink: str
    message: Message
    refusals: int = 0


class SinkState(msgspec.Struct):
    """The state of one sink; `tries` counts failed tries in a row, `again` is the time of the next one, `error` the last error."""

    delivered: int = 0
    failed: int = 0
    lost: int = 0
    tries: int = 0
    again: datetime | None = None
    error: str = ""


class Outbox(msgspec.Struct):
    """The content of the file."""

    memory: Memory = Memory()
    waiting: list[Waiting] = []
    sinks: dict[str, SinkState] = {}

    def take(self, messages: Iterable[Message], sinks: Sequence[str], now: datetime) -> None:
        """Let new alerts wait for each sink, and give up old ones and those of a sink that is switched off."""
        self.waiting += [Waiting(sink, message) for message in messages for sink in sinks]
        kept = [one for one in self.waiting if one.sink in sinks]
        self.waiting = []
        for sink in sinks:
            state = self.sinks.setdefault(sink, SinkState())
            own = [one for one in kept if one.sink == sink]
            fresh = [one for one in own if now - one.message.at <= LONGEST_WAIT][-MOST_WAITING:]
            state.lost += len(own) - len(fresh)
            self.waiting += fresh

    def withdraw(self, silenced: set[Life]) -> None:
        """Take back the waiting alerts of problems that were muted meanwhile."""
        self.waiting = [
            one
            for one in self.waiting
            if one.message.kind == "digest" or not silenced.issuperset(told.life for told in one.message.told)
        ]

    def due(self, sink: str, now: datetime) -> Waiting | None:
        """Return the next alert of a sink, the oldest of those that it refused least, or None: nothing waits, or the sink has a pause."""
        again = self.sinks[sink].again
        # A pause longer than the longest one comes from a clock that was set back.
        if again is not None and now < again <= now + LONGEST_PAUSE:
            return None
        return min((one for one in self.waiting if one.sink == sink), key=lambda one: one.refusals, default=None)

    def note_try(self, alert: Waiting, now: datetime) -> None:
        """Note that an alert is being sent; until it succeeds, it counts as failed."""
        state = self.sinks[alert.sink]
        state.tries += 1
        state.failed += 1
        state.again = now + min(FIRST_PAUSE * 2 ** min(state.tries - 1, 10), LONGEST_PAUSE)

    def note_success(self, alert: Waiting) -> None:
        """Note that the sink took an alert."""
        state = self.sinks[alert.sink]
        if state.error:
            log.info("alerts by %s are sent again", alert.sink)
        self.waiting.remove(alert)
        state.delivered += 1
        state.failed -= 1
        state.tries, state.again, state.error = 0, None, ""

    def note_error(self, alert: Waiting, error: str, *, refused: bool) -> None:
        """Note why a try failed, and whether the sink refused just this alert; the log has each new error once."""
        state = self.sinks[alert.sink]
        alert.refusals += refused
        if state.error != error:
            log.error("an alert by %s is not sent: %s; tried again after a pause", alert.sink, error)
        state.error = error

    def numbers(self) -> list[SinkNumbers]:
        """Return the numbers of each sink."""
        return [
            SinkNumbers(name, state.delivered, state.failed, state.lost, sum(one.sink == name for one in self.waiting))
            for name, state in sorted(self.sinks.items())
        ]


def outbox_file(run_dir: Path) -> Path:
    """Return the file in the directory of state files."""
    return run_dir / "alerts.json"


def read_outbox(run_dir: Path) -> Outbox:
    """Return the outbox, an empty one for a missing or damaged file; raises `OSError`: sending without memory would repeat alerts."""
    file = outbox_file(run_dir)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Outbox)
    except FileNotFoundError:
        return Outbox()
    except BAD_JSON as error:
        log.warning("%s: cannot be read (%s); active problems are told anew", file, type(error).__name__)
        return Outbox()


def write_outbox(run_dir: Path, outbox: Outbox, *, sync: bool = True) -> None:
    """Replace the file; raises `OSError`."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(outbox_file(run_dir), msgspec.json.encode(outbox), sync=sync)
