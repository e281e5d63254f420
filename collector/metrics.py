"""The counters of all collector processes together, as Prometheus reads them.

Owns the metric names and the small file in which each process stores its totals, so that any process can answer for
all. A process that starts again continues from its file: counters never fall.
"""

from __future__ import annotations

import contextlib
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector as PrometheusCollector

from pipeline import __version__
from pipeline.alerts.gauges import Gauges, read_gauges
from pipeline.system.durable_files import replace

PAGE_FAULTS = "page_faults"
"""The name of a total; `doctor` reads it from the files."""
CONNECTIONS_CLOSED = "connections_closed"
FILES_REFUSED = "lookup_files_refused"

Totals = Counter[tuple[str, str, str]]
"""(name, reason, net_class) -> count; only `pixel.counters` has countries and networks, which are too many for here."""


class TotalsFile:
    """The totals of one collector process, in a file named after its slot."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / "none"
        self._before: Totals = Counter()

    def start(self, slot: str) -> None:
        """Continue from the totals of the slot's last process; raises `OSError`."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self._directory / f"collector-{slot}.json"
        self._before = _read(self._file)

    def write(self, since_start: Totals) -> None:
        """Replace the file by the sum of the earlier totals and these; with a full disk the old file stays.

        Waits for the disk, so do not call it in the event loop.
        """
        totals = self._before + since_start
        rows = [[*key, value] for key, value in sorted(totals.items())]
        with contextlib.suppress(OSError):
            replace(self._file, msgspec.json.encode(rows), sync=False)


class Figures(PrometheusCollector):
    """The content of /metrics: the sum over all processes' files, the numbers of `ship` about problems, and the gauges of this process."""

    def __init__(self, directory: Path, gauges: Mapping[str, float]) -> None:
        self._directory = directory
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Yield the metric families."""
        built = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("clinic_pixel_build", "Version of the collector that answers", value=built)
        totals: Totals = Counter()
        for file in sorted(self._directory.glob("collector-*.json")):
            totals += _read(file)
        yield from _families(totals)
        problems = read_gauges(self._directory)
        if problems is not None:
            yield from _of_problems(problems)
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(f"clinic_pixel_{name}", name.replace("_", " "), value=value)


def exposition(directory: Path, gauges: Mapping[str, float], *others: PrometheusCollector) -> bytes:
    """Return the text for Prometheus: the counters, the gauges of this process, and what others measure."""
    registry = CollectorRegistry()
    for figures in (Figures(directory, gauges), *others):
        registry.register(figures)
    return generate_latest(registry)


def _families(totals: Totals) -> Iterator[Metric]:
    texts = {
        "offered": "Events offered to the collector, refused hits included",
        "spooled": "Events on disk and acknowledged",
        "refused": "Refused hits and events, by reason",
        "flood": "Hits refused because their client is over its rate, by network class",
        PAGE_FAULTS: "Events whose page or referrer is /* because of an error of the software",
        FILES_REFUSED: "Changed look-up files that were not taken because they are missing or cannot be used",
        CONNECTIONS_CLOSED: "Connections closed because the limit of open files was near: idle ones, or new ones (no room)",
    }
    for name, text in texts.items():
        labels = {"refused": ["reason"], "flood": ["net_class"], CONNECTIONS_CLOSED: ["reason"]}.get(name, [])
        family = CounterMetricFamily(f"clinic_pixel_{name}", text, labels=labels)
        for (counted, reason, net_class), value in sorted(totals.items()):
            if counted == name:
                family.add_metric([{"reason": reason, "net_class": net_class}[label] for label in labels], value)
        yield family


def _of_problems(gauges: Gauges) -> Iterator[Metric]:
    at = "clinic_pixel_problems_evaluated_seconds"
    yield GaugeMetricFamily(at, "Time of the last evaluation of problems by ship, Unix seconds", value=gauges.at)
    problems = GaugeMetricFamily(
        "clinic_pixel_problems", "Problems of the sites that are not closed", labels=["site", "watch", "state"]
    )
    for site, watch, state, number in gauges.problems:
        problems.add_metric([site, watch, state], number)
    yield problems
    alerts = CounterMetricFamily(
        "clinic_pixel_alerts", "Alerts that a sink took, failed tries, alerts given up", labels=["sink", "result"]
    )
    waiting = GaugeMetricFamily("clinic_pixel_alerts_waiting", "Alerts that wait for a sink", labels=["sink"])
    for sink in gauges.sinks:
        for result, number in (("delivered", sink.delivered), ("failed", sink.failed), ("lost", sink.lost)):
            alerts.add_metric([sink.sink, result], number)
        waiting.add_metric([sink.sink], sink.waiting)
    yield from (alerts, waiting)


def summed(totals: Mapping[tuple[str, ...], int]) -> Totals:
    """Return the counts without country and network."""
    summed: Totals = Counter()
    for (name, reason, net_class, *_), value in totals.items():
        summed[name, reason, net_class] += value
    return summed


def _read(file: Path) -> Totals:
    try:
        rows = msgspec.json.decode(file.read_bytes())
        return Counter({(name, reason, net_class): int(value) for name, reason, net_class, value in rows})
    except (OSError, ValueError, TypeError, RecursionError):
        return Counter()  # no file yet, or a damaged one
