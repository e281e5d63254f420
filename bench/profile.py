"""`python -m bench.profile collector|ship`: the functions that take most of the time of one process under load.

By their own time, as cProfile counts it: it slows Python down and C hardly, so a share is a hint and no measure. Of the
collector it is the thread of the event loop, without the one that writes the spool; of the shipper the thread that reads and
enriches, without the one that delivers. Waiting is left out, and with it the work of uvloop and the kernel.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

from bench import mixes
from bench.effort import Effort
from bench.events import fill
from bench.figures import Table
from bench.load import Load
from bench.servers import clickhouse, collector
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.ship.worker import Worker

TOP = 10
REPOSITORY = Path(__file__).parents[1]
_Function = tuple[str, int, str]


def collector_top(effort: Effort) -> Table:
    """Return the top of the event loop's thread under the design's mix."""
    output = effort.scratch / "collector.profile"
    command = [sys.executable, "-m", "bench.profile", "serve", "--output", str(output)]
    with collector(effort.scratch / "var", command=command) as server:
        effort.say("collector")
        hits = Load(mixes.design, effort.scratch).slice(server.url, effort.seconds, {}).answered
    return _top("collector, thread of the event loop", output, hits, "hit")


def ship_top(effort: Effort) -> Table:
    """Return the top of the thread that reads and enriches."""
    output = effort.scratch / "ship.profile"
    with clickhouse(effort.scratch / "ship") as (_, settings):
        migrate(settings)
        fill(settings.spool_dir, effort.events)
        effort.say("ship")
        worker = Worker(settings, stop=threading.Event(), jobs=())
        profile = cProfile.Profile()
        profile.runcall(worker.run, until_empty=True)
        profile.dump_stats(output)
    return _top("shipper, thread that reads and enriches", output, effort.events, "event")


def _top(title: str, output: Path, count: int, one: str) -> Table:
    stats: dict[_Function, tuple[int, int, float, float, object]] = pstats.Stats(str(output)).stats  # type: ignore[attr-defined]
    working = {key: value for key, value in stats.items() if not _waits(key)}
    total = sum(value[2] for value in working.values())
    top = sorted(working.items(), key=lambda item: item[1][2], reverse=True)[:TOP]
    rows = tuple(
        (_name(key), f"{own / total:.1%}", f"{own * 1e6 / count:.2f}", f"{calls / count:.2f}")
        for key, (_, calls, own, *_) in top
    )
    return Table(title, ("function", "share", f"us a {one}", f"calls a {one}"), rows)


def _waits(function: _Function) -> bool:
    """Tell whether the time of a function is mostly waiting; that of uvloop is counted in the runner of the loop."""
    file, _, name = function
    return file.endswith("asyncio/runners.py") or "acquire" in name or "poll" in name


def _name(function: _Function) -> str:
    file, _, name = function
    if file == "~":
        return name.strip("<>")
    path = Path(file)
    if path.is_relative_to(REPOSITORY) and ".venv" not in path.parts:
        return f"{path.relative_to(REPOSITORY)}: {name}"
    inside = file.rpartition("site-packages/")[2].rpartition("lib/python")[2]
    return f"{inside}: {name}"


def _serve(output: Path) -> None:
    """Run the collector under the profiler until SIGTERM, which uvicorn passes on after its shutdown."""
    from collector.server import serve

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    profile = cProfile.Profile()
    try:
        profile.runcall(serve, Settings(), lambda _text: None)
    finally:
        profile.dump_stats(output)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("process", choices=["collector", "ship", "serve"])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.process == "serve":
        _serve(options.output)
        return
    with tempfile.TemporaryDirectory() as scratch:
        effort = Effort(Path(scratch))
        table = collector_top(effort) if options.process == "collector" else ship_top(effort)
    print(table.title)
    for row in (table.columns, *table.rows):
        print(f"{row[1]:>8}{row[2]:>14}{row[3]:>16}  {row[0]}")


if __name__ == "__main__":
    main()
