"""What the tag costs a page: its size, main-thread time in Chromium's own trace, long tasks, layout shift.

Run: python bench/tag_cost.py [LOADS]. Each load is a new browser context (cold cache) on the demo clinic's home page, one
ad block of which comes into view; loads with and without the tag take turns. Counted is every main-thread slice of the
trace that names /p.js or /seen.js: compiling, first run (with the page view's request), callbacks. CPU time is the thread's own; wall time includes whatever else the
machine was doing.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from playwright.sync_api import Browser, sync_playwright

REPOSITORY = Path(__file__).parents[1]
# The packages first: tests have rooms of the same names.
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from collector.demo.site import demo_app  # noqa: E402
from pipeline.embedding.snippet import Wish  # noqa: E402
from support.chromium import CHROMIUM, FLAGS  # noqa: E402 - tests are not a package
from support.edge import Edge, Served  # noqa: E402

CATEGORIES = ["devtools.timeline", "v8", "disabled-by-default-v8.compile", "toplevel", "loading"]
PARTS = ("/p.js", "/seen.js")
FIRST = "EvaluateScript"
SLICES = (FIRST, "FunctionCall", "v8.compile", "TimerFire")
OBSERVERS = """
window.shift = window.long = 0;
const observe = (type, work) =>
  new PerformanceObserver((list) => list.getEntries().forEach(work)).observe({ type, buffered: true });
observe("layout-shift", (entry) => (window.shift += entry.value));
observe("longtask", () => window.long++);
"""
LOADS = 21


class Load(NamedTuple):
    """One load: the tag's milliseconds on the main thread, its first run and longest slice, the page's shift and long tasks."""

    cpu: float
    first: float
    wall: float
    longest: float
    shift: float
    long_tasks: int


def measure(browser: Browser, url: str, *, tag: bool) -> Load:
    session = browser.new_browser_cdp_session()
    events: list[dict[str, Any]] = []
    complete: list[bool] = []
    session.on("Tracing.dataCollected", lambda part: events.extend(part["value"]))
    session.on("Tracing.tracingComplete", lambda _: complete.append(True))
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    page = context.new_page()
    page.add_init_script(OBSERVERS)
    if not tag:
        page.route("**/p.js", lambda route: route.abort())
    session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": {"includedCategories": CATEGORIES}})
    page.goto(url, wait_until="networkidle")
    page.wait_for_timeout(1600)  # the ad block's second
    shift, long_tasks = page.evaluate("[shift, long]")
    session.send("Tracing.end")
    while not complete:
        page.wait_for_timeout(20)
    context.close()
    session.detach()
    ours = outermost(events)
    return Load(
        cpu=sum(event.get("tdur", 0) for event in ours) / 1000,
        first=next(event.get("tdur", 0) for event in [*ours, {}] if event.get("name", FIRST) == FIRST) / 1000,
        wall=sum(event["dur"] for event in ours) / 1000,
        longest=max((event.get("tdur", 0) for event in ours), default=0) / 1000,
        shift=shift,
        long_tasks=long_tasks,
    )


def outermost(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the slices that name a part of the tag without those nested in another of them."""
    found: list[dict[str, Any]] = []
    for event in sorted(events, key=lambda event: (event.get("ts", 0), -event.get("dur", 0))):
        named = event.get("name") in SLICES and any(name in json.dumps(event.get("args", {})) for name in PARTS)
        inside = found and event.get("ts", 0) < found[-1]["ts"] + found[-1]["dur"]
        if event.get("ph") == "X" and named and not inside:
            found.append(event)
    return found


def main() -> None:
    loads = int(sys.argv[1]) if len(sys.argv) > 1 else LOADS
    for part in PARTS:
        script = (REPOSITORY / f"collector/static{part}").read_bytes()
        print(f"{part}: {len(script)} bytes raw, {len(gzip.compress(script, 9, mtime=0))} bytes gzip")
    with (
        Edge(Path(tempfile.mkdtemp())) as edge,
        Served(demo_app(Wish(site="clinic", collector=edge.url, ads=True))) as demo,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        runs: dict[bool, list[Load]] = {True: [], False: []}
        for _ in range(loads):
            for tag, found in runs.items():
                found.append(measure(browser, f"{demo.url}/", tag=tag))
        print(f"Chromium {browser.version}, {loads} cold loads each, tag on and off in turns")
        on, off = runs[True], runs[False]
        print(f"main thread, CPU ms of the tag: median {median(load.cpu for load in on):.2f},", end=" ")
        print(f"lowest {min(load.cpu for load in on):.2f}, highest {max(load.cpu for load in on):.2f}")
        print(f"first run with the page view, CPU ms: median {median(load.first for load in on):.2f}")
        print(f"main thread, wall ms of the tag: median {median(load.wall for load in on):.2f}")
        print(f"longest slice of the tag, CPU ms: {max(load.longest for load in on):.2f}")
        print(
            f"layout shift of the page: {max(load.shift for load in on)} with, {max(load.shift for load in off)} without"
        )
        print(f"long tasks of the page: {sum(x.long_tasks for x in on)} with, {sum(x.long_tasks for x in off)} without")
        browser.close()


if __name__ == "__main__":
    main()
