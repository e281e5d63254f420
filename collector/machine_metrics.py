"""Figures for an operator's alarms beside the counters: spool, keys and shipper, read from this machine's files.

Owns the names of these figures. Rules: a figure is a number or the name of a job, never a text of an error; what cannot be read is left
out, so that an alarm on a missing figure is possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as PrometheusCollector

from pipeline.errors import PixelError
from pipeline.keys.destruction import due
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.settings.model import Settings
from pipeline.ship.status import ShipStatus, read_status
from pipeline.spool.segments import used_bytes
from pipeline.system.durable_files import LOCAL_FILES, MB

_LONGEST_AHEAD: Final = 400
"""Days that are looked at; keys are made some weeks ahead."""


class MachineFigures(PrometheusCollector):
    """The figures of one machine on one UTC day."""

    def __init__(self, settings: Settings, today: date) -> None:
        self._settings = settings
        self._today = today

    def collect(self) -> Iterator[Metric]:
        """Yield the figures that can be read."""
        with suppress(OSError):
            yield from _of_spool(self._settings)
        with suppress(PixelError, OSError):
            yield from _of_keys(self._settings, self._today)
        status = read_status(self._settings.data)
        if status is not None:
            yield from _of_ship(status)


def _of_spool(settings: Settings) -> Iterator[Metric]:
    used = used_bytes(settings.spool_dir)
    room = min(
        settings.spool.max_mb * MB - used,
        LOCAL_FILES.free_bytes(settings.spool_dir) - settings.spool.min_free_mb * MB,
    )
    yield _gauge("spool_bytes", "Bytes of all files of the spool, quarantine included", used)
    yield _gauge("spool_room_bytes", "Bytes that the spool still takes before hits are refused", max(0, room))


def _of_keys(settings: Settings, today: date) -> Iterator[Metric]:
    files = KeyDirectory.of(settings)
    ahead = 0
    while ahead < _LONGEST_AHEAD and files.lives(KeyName.of_day(today + timedelta(days=ahead))):
        ahead += 1
    overdue = len(due(files, today, settings.retention.keys_days))
    yield _gauge("key_days_left", "Days from today on that have a key, today included", ahead)
    yield _gauge("mints_keys", "Whether the collector may make today's key itself", settings.collector.mint_keys)
    yield _gauge("keys_overdue", "Keys whose term is over and that are not destroyed", overdue)


def _of_ship(status: ShipStatus) -> Iterator[Metric]:
    yield _gauge("ship_seen_seconds", "Time of the last word of ship, Unix seconds", status.at_ms / 1000)
    yield _gauge("ship_halted", "Whether ship is halted: a retry would not help", status.state == "halted")
    yield _gauge("ship_failed_tries", "Failed tries of delivery in a row", status.tries)
    yield _gauge("ship_pending_segments", "Full segments that wait for ship", status.pending_segments)
    yield _gauge("ship_pending_bytes", "Bytes of these segments", status.pending_bytes)
    oldest = "Time of the last write of the oldest waiting segment, Unix seconds; 0 if none waits"
    yield _gauge("ship_oldest_seconds", oldest, status.oldest_ms / 1000)
    yield _gauge("ship_lost_segments", "Segments that vanished before they were shipped", len(status.lost_segments))
    failed = GaugeMetricFamily("clinic_pixel_ship_failed_job", "Jobs of ship whose last run failed", labels=["task"])
    for job in status.failed_jobs:
        failed.add_metric([job], 1)
    yield failed
    rows = CounterMetricFamily(
        "clinic_pixel_ship_rows", "Rows since the start of ship, by what became of them", labels=["result"]
    )
    for result, number in (
        ("stored", status.stored),
        ("rejected", status.rejected),
        ("quarantined", status.quarantined),
    ):
        rows.add_metric([result], number)
    yield rows


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"clinic_pixel_{name}", text, value=float(value))
