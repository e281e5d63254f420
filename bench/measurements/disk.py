"""Bytes of a stored event on disk: days of the made-up clinic, and access logs that are replayed."""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench.effort import Effort
from bench.figures import Figure, Findings, at_most
from bench.product import Product, product

PARTS = "FROM system.parts WHERE active AND database = 'pixel' AND table = 'events'"
QUIET_SECONDS, LONGEST_SECONDS = 6.0, 60.0


def measure(effort: Effort) -> Findings:
    figures = [*_of_the_clinic(effort), *(figure for log in effort.logs for figure in _of_a_log(effort, log))]
    skipped = () if effort.logs else ("access logs: none given with --log",)
    return Findings(tuple(figures), skipped=skipped)


def _of_the_clinic(effort: Effort) -> list[Figure]:
    effort.say("days of the made-up clinic")
    with product(effort.scratch / "clinic") as up:
        up.command("simulate", "--people", str(effort.people))
        return _sizes(up, "clinic", "made-up clinic")


def _of_a_log(effort: Effort, log: Path) -> list[Figure]:
    name = log.parent.name if log.stem == "access" else log.stem
    effort.say(f"replay of {name}")
    site = [{"id": "clinic", "hosts": ["clinic.example"]}]
    with product(effort.scratch / name, json.dumps(site)) as up:
        up.command("replay", str(log))
        return _sizes(up, name, f"log {name}")


def _sizes(up: Product, key: str, what: str) -> list[Figure]:
    up.wait_until_shipped()
    _wait_for_merges(up)
    events = up.stored()
    return [
        Figure(f"disk.{key}.events", f"stored events, {what}", "", (events,)),
        Figure(
            f"disk.{key}.parts",
            f"parts of the table that they are in, {what}",
            "",
            (up.ask(f"SELECT count() {PARTS}"),),
        ),
        Figure(
            f"disk.{key}.bytes",
            f"bytes of a stored event, {what}",
            "B",
            (up.ask(f"SELECT sum(bytes_on_disk) {PARTS}") / events,),
            at_most(50),
        ),
    ]


def _wait_for_merges(up: Product) -> None:
    """Return when ClickHouse has merged for a while, which it does by itself: its parts no longer change."""
    deadline = time.monotonic() + LONGEST_SECONDS
    parts, since = 0, time.monotonic()
    while time.monotonic() < min(deadline, since + QUIET_SECONDS):
        if (now := up.ask(f"SELECT count() {PARTS}")) != parts:
            parts, since = now, time.monotonic()
        time.sleep(0.5)
