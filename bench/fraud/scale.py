"""`python -m bench.fraud.scale --events 1000000 --shape clinic`: time and memory of the scoring of one large day, step by step.

The day is made in an embedded ClickHouse of its own with the shipped limits, by INSERT SELECT from numbers (`made_day.sql`), and scored by the real
`score_day`. Of each step it prints the seconds, the seconds of the server's CPU, which other work on the machine changes little, and the query's peak
of memory.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from clickhouse_connect.driver import Client

from bench.machine import busy_share
from bench.processes import Program
from bench.servers import clickhouse
from pipeline.database.client import code, connect
from pipeline.fraud.job import score_day
from pipeline.fraud.store import connected
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.site import PageRole
from sql import without_comments

SHAPES: Final = ("clinic", "one-client", "one-hit")
BESIDE: Final = 100_000
"""So many events of an ordinary day are beside those of an attack: its people must be scored all the same."""
ROWS_EACH: Final = 2_000_000
ROLES: Final = (
    ("form", "/booking"),
    ("done", "/booking/done"),
    ("login", "/login"),
    ("reset", "/reset"),
    ("trap", "/trap"),
)
_MADE_DAY: Final = Path(__file__).with_name("made_day.sql")
_VIEW: Final = re.compile(r"FROM rollup\.fraud_(F\w+)\(")
_COMMENT: Final = re.compile(r"/\* (.*?) \*/")


class Step(NamedTuple):
    """A query of the scoring: its name, seconds, the server's CPU seconds, peak of memory in MB, rows read, and ClickHouse's number of its error."""

    name: str
    seconds: float
    cpu: float
    memory_mb: float
    rows: int
    error: int = 0


class Recorded:
    """A client that notes each query; it hands everything else on."""

    def __init__(self, client: Client, server: Program) -> None:
        self.steps: list[Step] = []
        self._client = client
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, query: str, **others: Any) -> Any:
        """Ask and note."""
        return self._noted(query, lambda: self._client.query(query, **others))

    def command(self, query: str, **others: Any) -> Any:
        """Do and note."""
        return self._noted(query, lambda: self._client.command(query, **others))

    def _noted(self, query: str, ask: Callable[[], Any]) -> Any:
        told: Mapping[str, Any] = {}
        begun, used, error = time.monotonic(), self._server.cpu_seconds(), 0
        try:
            answer = ask()
            told = getattr(answer, "summary", None) or {}
        except Exception as failed:
            error = code(failed) or 1
            raise
        finally:
            seconds, used = time.monotonic() - begun, self._server.cpu_seconds() - used
            memory, read = int(told.get("memory_usage", 0)) / 1e6, int(told.get("read_rows", 0))
            self.steps.append(Step(_name(query), seconds, used, memory, read, error))
        return answer


def make_day(settings: Settings, site: str, day: date, shape: str, events: int) -> None:
    """Store a made-up day of so many events, and beside those of an attack some of an ordinary one."""
    client = connect(settings, "pixel_writer", timeout=3600)
    statement = without_comments(_MADE_DAY.read_text(encoding="utf-8"))
    shapes = {shape: events} if shape == "clinic" else {shape: events, "clinic": BESIDE}
    try:
        for each, count in shapes.items():
            for first in range(0, count, ROWS_EACH):
                values = {"site": site, "day": day, "shape": each, "events": count, "first": first}
                client.command(statement, parameters={**values, "rows": min(ROWS_EACH, count - first)})
    finally:
        client.close()


def measure(events: int, shape: str, days: int) -> dict[str, Any]:
    """Make the last `days` days, score the newest one, and return what was seen."""
    newest = datetime.now(UTC).date() - timedelta(days=1)
    with (
        tempfile.TemporaryDirectory(prefix="scale-") as scratch,
        clickhouse(Path(scratch) / "var") as (server, settings),
    ):
        migrate(settings)
        site = settings.sites[0].model_copy(
            update={"roles": tuple(PageRole(role=role, path=path) for role, path in ROLES)}
        )
        begun = time.monotonic()
        for back in range(days):
            make_day(settings, site.id, newest - timedelta(days=back), shape, events)
        made = time.monotonic() - begun
        busy, begun = busy_share(), time.monotonic()
        with connected(settings) as client:
            recorded = Recorded(client, server)
            score_day(cast("Client", recorded), site, newest, datetime.now(UTC), events)
        seconds = time.monotonic() - begun
        return {
            "events": events,
            "shape": shape,
            "days": days,
            "made_s": round(made, 1),
            "busy_before": round(busy, 2),
            "busy_after": round(busy_share(), 2),
            "seconds": round(seconds, 1),
            "memory_mb": settings.clickhouse.memory_mb,
            "process_peak_mb": _peak_mb(server.pid),
            "run": _run(settings),
            "steps": [step._asdict() for step in recorded.steps],
        }


def told(found: Mapping[str, Any]) -> str:
    """Return the steps, the slowest first, and the total."""
    steps = sorted((Step(**step) for step in found["steps"]), key=lambda step: -step.cpu)
    lines = [f"{'step':28}{'seconds':>9}{'CPU s':>8}{'MB':>8}{'rows read':>13}"]
    lines += [
        f"{step.name:28}{step.seconds:9.2f}{step.cpu:8.2f}{step.memory_mb:8.0f}{step.rows:13,}{f'  error {step.error}' if step.error else ''}"
        for step in steps
    ]
    lines.append(
        f"{found['shape']}, {found['events']:,} events a day, {found['days']} days: {found['seconds']} s, CPU"
        f" {sum(step.cpu for step in steps):.1f} s; largest query"
        f" {max(step.memory_mb for step in steps):.0f} MB, process {found['process_peak_mb']:.0f} MB (limit {found['memory_mb']});"
        f" load for each core {found['busy_before']} before, {found['busy_after']} after; {found['run']}"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure one shape and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.fraud.scale", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--shape", choices=SHAPES, default="clinic")
    parser.add_argument(
        "--days", type=int, default=1, help="so many days with as many events are stored; the newest is scored"
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = measure(given.events, given.shape, given.days)
    print(told(found))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _name(query: str) -> str:
    if view := _VIEW.search(query):
        return view[1]
    comment = _COMMENT.search(query)
    return comment[1] if comment else "?"


def _run(settings: Settings) -> str:
    client = connect(settings, "pixel_admin")
    try:
        rows = client.query("SELECT suspects, cut FROM pixel.fraud_runs FINAL").result_rows
        hits = client.query("SELECT count() FROM pixel.fraud_hits").result_rows[0][0]
    finally:
        client.close()
    return f"runs {[(suspects, list(cut)) for suspects, cut in rows]}, rows left in the copy {hits}"


def _peak_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    main()
