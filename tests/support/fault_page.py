"""`docs/faults.md`: which tests prove which fault survived, and what the last long run measured; `python -m support.fault_page` writes it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from support.rounds import COLUMNS, Line, cells

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "faults.md"
FAULTS: Final = ROOT / "tests" / "faults" / "faults.toml"
RESULTS: Final = ROOT / "tests" / "faults" / "results.json"


def proofs() -> dict[str, list[str]]:
    """Return the tests that prove each fault survived."""
    return {each["fault"]: each["tests"] for each in tomllib.loads(FAULTS.read_text())["faults"]}


def results() -> dict[str, Line]:
    """Return what the last long run of each fault left."""
    return {name: Line(**given) for name, given in json.loads(RESULTS.read_text()).items()}


def keep(fresh: Mapping[str, Line]) -> None:
    """Put the lines of a long run in the place of those of an earlier one, and write the page again."""
    known: dict[str, Any] = {name: asdict(line) for name, line in ({**results(), **fresh}).items()}
    RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    PAGE.write_text(page(results(), proofs()))


def page(lines: Mapping[str, Line], tests: Mapping[str, Iterable[str]]) -> str:
    """Return the page as Markdown."""
    return "\n\n".join(_parts(lines, tests)) + "\n"


def _parts(lines: Mapping[str, Line], tests: Mapping[str, Iterable[str]]) -> Iterator[str]:
    yield "# Faults that are survived"
    yield (
        "A 2xx means that the hit is on disk. It is stored once. The tests below break processes, disks and power and then\n"
        "compare a ledger of what was sent and acknowledged with what is stored: every acknowledged hit is stored, none\n"
        "twice, none that was not sent, none that was refused with an error, and the counters agree."
    )
    yield (
        "`make test` runs each fault in a few rounds. `make faults` runs many, prints this table and writes this page;\n"
        "`make faults SEED=7` repeats the choices of an earlier run, `SHARE=0.2` runs a fifth of the rounds."
    )
    yield "## Measured"
    heads = (*COLUMNS, "day", "seed", "share")
    yield _table(heads, ((*cells(line), line.day, line.seed, line.share) for line in lines.values()))
    yield (
        "*sent*, *acknowledged* and *stored* are hits over all rounds together; more may be stored than was acknowledged, since a\n"
        "hit may be on disk when its answer is cut off. *recovery* is the longest time from the end of the fault until hits are\n"
        "taken and the processes work again; for a backlog, until it is stored. Times are those of the machine of the run and\n"
        "of whatever else it did. *share* is the part of all rounds that was run."
    )
    yield (
        "Power loss is simulated: the system calls of the real processes are recorded by strace, and at each of them the disk\n"
        "is made again of the bytes and names that were synced by then, and of the others none, all, zeros, halves or a\n"
        "random part. ClickHouse's own files are not cut: its tables sync every part before the answer\n"
        "(`fsync_after_insert`, `fsync_part_directory`), and this is trusted. A disk that lies about fsync loses data."
    )
    yield (
        "**A known hole below us.** When ext4 gives up its journal after an error of the device, Linux 6.18 was seen to answer an\n"
        "fdatasync that is under way at that moment with success, although it throws its bytes away: in 2 of 13 tries of a\n"
        "program of ten lines that only writes and syncs. The group of hits in flight is then acknowledged and lost. The test of\n"
        "the read-only disk holds the writer still at that moment. A hit whose fsync failed is refused with 503; where the disk\n"
        "is read-only by then, it cannot be taken away and may be stored after the repair."
    )
    yield (
        "**A full disk and the embedded engine.** The engine (chdb-core 26.9.0) takes a write that failed for a success. A merge on\n"
        "a full disk then put a part of empty files in the place of its sources, and deletes these after eight minutes. So the\n"
        "engine leaves the last 96 MB of its disk alone, ends when others take them (below 64 MB, looked at 20 times a second),\n"
        "and waits for room at its start. A part that was hurt all the same is set aside at the restart, and its sources are read:\n"
        "`tests/faults/test_full_disk_of_the_engine.py`. Free space is that of the file system: a quota of a user is not seen. In\n"
        "the source of ClickHouse such a write is an error; a server on a full disk was not tried."
    )
    yield "## Proofs"
    yield _table(
        ("fault", "tests"), ((fault, "<br>".join(f"`{name}`" for name in named)) for fault, named in tests.items())
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    given = list(heads)
    lines = [given, ["---"] * len(given), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    keep({})
