"""`python -m support.fuzzing`: search every parser for some minutes, some at a time; exit 1 where an input broke a promise.

`--replay` tries the kept corpus and a few thousand seeded changes of it instead, and prints what went wrong as JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from support.fuzzing.corpus import inputs, replayed
from support.fuzzing.every import EVERY
from support.fuzzing.mutate import mutations
from support.fuzzing.parser import quiet, tried

SPARE_SECONDS = 300
"""How much longer than its time a search may take, for its start and for the measuring of one slow input."""
CHANGES = 60
"""Changes of its inputs that `--replay` tries of each parser."""


class Searched(NamedTuple):
    """The result of one parser: inputs tried, files of the inputs that broke a promise, and the last words."""

    name: str
    runs: int
    found: list[Path]
    said: str


def searched(name: str, seconds: int, seed: int, place: Path) -> Searched:
    """Search one parser in a process of its own."""
    command = [sys.executable, "-m", "support.fuzzing.one", name, str(seconds), str(seed), str(place)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds + SPARE_SECONDS, check=False)
        said, ended = (done.stdout + done.stderr).decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired:
        said, ended = "did not end", 1
    found = sorted((place / "found").glob("*"))
    if ended and not found and (running := place / "running").exists():
        found = [running]
    told = re.findall(r"(?:^runs |number_of_executed_units: )(\d+)", said, re.MULTILINE)
    if ended and not found:
        found = [place]
    return Searched(name, int(told[-1]) if told else 0, found, said)


def search(names: list[str], minutes: float, jobs: int, seed: int, place: Path) -> Iterator[Searched]:
    """Search these parsers, `jobs` at a time, in `minutes` altogether."""
    seconds = max(1, int(minutes * 60 * jobs / len(names)))
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda name: searched(name, seconds, seed, place / name), names)


def _replay(names: list[str], seed: int) -> int:
    quiet()
    wrong = {name: replayed(name) for name in names}
    for name in names:
        for number, data in enumerate(islice(mutations(list(inputs(EVERY[name]).values()), seed), CHANGES)):
            try:
                tried(EVERY[name], data)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                wrong[name][f"change {number} of seed {seed}: {data[:200]!r}"] = f"{type(error).__name__}: {error}"
    print(json.dumps(wrong, ensure_ascii=False))  # noqa: T201 - the result
    return int(any(wrong.values()))


def main() -> int:
    """Run the command line; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parsers", nargs="*", help="some of: " + ", ".join(EVERY))
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--place", type=Path, help="where inputs are left; a new directory without it")
    options.add_argument("--replay", action="store_true")
    given = options.parse_args()
    names = given.parsers or list(EVERY)
    if given.replay:
        return _replay(names, given.seed)
    place = given.place or Path(tempfile.mkdtemp(prefix="fuzz-found-"))
    broken = 0
    for one in search(names, given.minutes, given.jobs, given.seed, place):
        print(f"{one.name:15} {one.runs:>9,} inputs, {len(one.found)} broke a promise", flush=True)  # noqa: T201
        for file in one.found:
            print(f"  {file}\n{one.said[-1500:]}", flush=True)  # noqa: T201
        broken += len(one.found)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
