"""`python -m support.soaking --minutes 30`: one run; writes docs/soak.md and its picture, exit 1 where something grew or is not accounted for."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from support.soaking.account import Account, taken
from support.soaking.load import Load, Sent
from support.soaking.page import Run, picture, written
from support.soaking.watch import PARTS, Watch, growth
from support.system import System
from support.waiting import wait_until

ROOT: Final = Path(__file__).parents[3]
NARROW: Final = {
    "spool": {"segment_seconds": 1.0, "segment_mb": 1, "max_mb": 2},
    "ship": {"poll_seconds": 4.0, "retry_seconds": 1.0},
}
"""A way to the table that stores less than one machine can send: the spool is often full, and the collector refuses."""
MEMORY_GROWTH: Final = 1.15
MEMORY_MB: Final = 24.0
"""Between the second and the last quarter a part may grow by this share and so many MB: caches fill, and a table has more parts."""
MORE: Final = {"descriptors": 8.0, "threads": 4.0}
MORE_OF_CLICKHOUSE: Final = {"descriptors": 100.0, "threads": 64.0}
"""It opens files and threads as merges come and go; a leak has thousands after half an hour."""


def soak(home: Path, minutes: float) -> Run:
    """Run the product under load and return what was seen."""
    system = System(home, collector={"flood_per_minute": 0}, **NARROW)
    system.start()
    try:
        return _watched(system, minutes)
    finally:
        system.stop()


def _watched(system: System, minutes: float) -> Run:
    load = Load(system.url)
    seconds = max(10, min(60, round(minutes * 60 / 6)))
    sent, capacity = _capacity(system, load, seconds)
    watch = Watch(system, every_seconds=max(1.0, minutes * 60 / 180))
    watch.start()
    slices: list[Sent] = []
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        slices.append(load.slice(seconds, per_second=2 * capacity))
        sent = sent.plus(slices[-1])
        print(f"{len(slices)}: {slices[-1]}", flush=True)  # noqa: T201 - half an hour is long without a word
    watch.end()
    drained_s = _drain(system, sent)
    return Run(minutes, capacity, slices, watch.samples, taken(system, sent), drained_s, sorted(watch.restarts))


def _capacity(system: System, load: Load, seconds: int) -> tuple[Sent, float]:
    """Return what was sent to find it, and the hits in a second that the whole way to the table sustains."""
    first = load.slice(seconds)  # fills the spool
    before, begun = _stored(system), time.monotonic()
    second = load.slice(seconds)
    return first.plus(second), max(50.0, (_stored(system) - before) / (time.monotonic() - begun))


def _stored(system: System) -> int:
    number: int = system.rows("SELECT count() FROM pixel.events")[0][0]
    return number


def _drain(system: System, sent: Sent) -> float:
    begun = time.monotonic()
    wait_until(
        lambda: not any(file.stat().st_size for file in system.settings.spool_dir.glob("*-*.*[ng]")),
        "an empty spool",
        seconds=1200,
        pause=1.0,
    )
    wait_until(lambda: _stored(system) >= sent.acknowledged, "all acknowledged hits", seconds=60, pause=1.0)
    return time.monotonic() - begun


def wrong(run: Run) -> list[str]:
    """Return what is not as it should be, in sentences."""
    found = [*run.account.wrong(), *(f"{name} was started again" for name in run.restarts)]
    for name in PARTS:
        more = MORE_OF_CLICKHOUSE if name == "clickhouse" else MORE
        for field, (early, late) in growth(run.samples, name).items():
            most = early * MEMORY_GROWTH + MEMORY_MB if field == "memory_mb" else early + more[field]
            if late > most:
                found.append(f"{name}: {field} grew from {early:.0f} to {late:.0f}")
    return found


def main() -> int:
    """Run the command line; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--home", type=Path, help="where the product has its files; a new directory without it")
    options.add_argument("--note", default="", help="a sentence for the page, on what else ran on the machine")
    options.add_argument("--write", action="store_true", help="write docs/soak.md and docs/pictures/soak.svg")
    given = options.parse_args()
    run = soak(given.home or Path(tempfile.mkdtemp(prefix="soak-")), given.minutes)
    found = wrong(run)
    print(json.dumps({"account": account_of(run.account), "wrong": found}, indent=2))  # noqa: T201 - the result
    if given.write:
        (ROOT / "docs/soak.md").write_text(written(run, found, given.note), encoding="utf-8")
        (ROOT / "docs/pictures/soak.svg").write_text(picture(run), encoding="utf-8")
    return int(bool(found))


def account_of(account: Account) -> dict[str, object]:
    """Return the account for a reader."""
    return {**account._asdict(), "sent": account.sent._asdict(), "refused": dict(account.refused)}


if __name__ == "__main__":
    sys.exit(main())
