"""The one step that `ship` makes at every evaluation: choose the alerts, note them, log them, send them.

Owns the list of sinks and the time that one step may take. A sink in trouble delays one step by `WHOLE_SECONDS` of its try at most, and
then has a pause.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pipeline.alerts.between_hosts import told_of_hosts
from pipeline.alerts.connections import NotTaken
from pipeline.alerts.gauges import counted, write_gauges
from pipeline.alerts.mail import send_mail
from pipeline.alerts.outbox import Outbox, read_outbox, write_outbox
from pipeline.alerts.policy import Message, Told, choose, remembered
from pipeline.alerts.texts import log_line
from pipeline.alerts.webhook import post
from pipeline.errors import PixelError, Retryable, type_and_place
from pipeline.problems.problem import Problem
from pipeline.problems.sentences import sentence, title
from pipeline.settings.alerts import Alerts, SinkName
from pipeline.settings.model import Settings

STEP_SECONDS: Final = 20.0
"""No further alert is begun after so long; the others wait for the next step."""
TOLD_FOR: Final = timedelta(days=14)
"""An ended problem is told, or named in a digest, for so long."""

Send = Callable[[Alerts, Path, Message, int], None]
SINKS: Final[Mapping[SinkName, Send]] = {"webhook": post, "mail": send_mail}

log = logging.getLogger(__name__)


def tell(settings: Settings, problems: Mapping[str, Sequence[Problem]] | None, now: datetime) -> None:
    """Tell what is due of the problems by site, as an evaluation of `problems` found them, and of those between hosts; None: there was no evaluation.

    Raises what `deliver` raises.
    """
    if problems is None:
        deliver(settings, None, now)
        return
    language = settings.alerts.language
    told = [
        Told(problem, title(problem, language), sentence(problem, site.zone, language))
        for site in settings.sites
        for problem in problems.get(site.id, ())
        if problem.is_active or now - problem.changed_at <= TOLD_FOR
    ]
    deliver(settings, [*told_of_hosts(settings, now), *told], now)


def deliver(settings: Settings, told: Sequence[Told] | None, now: datetime) -> None:
    """Tell what is due of the problems at an evaluation: `told` has every problem that is active or ended in the last 14 days.

    `told` is None when no evaluation was possible (the database is away): then only waiting alerts are sent. `now` is an aware time. Call
    it from one thread of one process. A sink in trouble raises nothing: its alerts wait. Raises `OSError` when a file of `run` cannot be
    read or written; then nothing is sent.
    """
    alerts, run_dir = settings.alerts, settings.run_dir
    outbox = read_outbox(run_dir)
    messages: list[Message] = []
    if told is not None:
        messages = choose(told, outbox.memory, alerts, {site.id: site.zone for site in settings.sites}, now)
        outbox.memory = remembered(outbox.memory, told, messages, now)
        outbox.withdraw({one.life for one in told if one.problem.is_muted(now)})
    outbox.take(messages, alerts.sinks, now)
    write_outbox(run_dir, outbox, sync=bool(messages))
    for message in messages:
        log.log(
            logging.WARNING if message.kind == "opened" else logging.INFO,
            "alert: %s",
            log_line(message, alerts.language),
        )
    try:
        _send_waiting(settings, outbox, now)
    finally:
        if told is not None:
            write_gauges(run_dir, counted((one.problem for one in told), outbox.numbers(), now))


def _send_waiting(settings: Settings, outbox: Outbox, now: datetime) -> None:
    end = time.monotonic() + STEP_SECONDS
    for sink in settings.alerts.sinks:
        while time.monotonic() < end and (alert := outbox.due(sink, now)) is not None:
            outbox.note_try(alert, now)
            write_outbox(settings.run_dir, outbox)
            error = error_of(SINKS[sink], settings, alert.message, now)
            if error is None:
                outbox.note_success(alert)
            else:
                outbox.note_error(alert, str(error), refused=isinstance(error, NotTaken))
            write_outbox(settings.run_dir, outbox)


def error_of(send: Send, settings: Settings, message: Message, now: datetime) -> PixelError | None:
    """Send an alert, and return the error whose text is one line without a secret, or None after a success."""
    try:
        send(settings.alerts, settings.secrets_dir, message, int(now.timestamp()))
    except PixelError as error:
        return error
    except OSError as error:
        return Retryable(error.strerror or type(error).__name__)
    except Exception as error:  # noqa: BLE001 - one sink's fault must not keep the others from telling
        return Retryable(f"unforeseen {type_and_place(error)}")
    return None
