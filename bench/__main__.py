"""`make bench`, `python -m bench`: measure, print one table, write `results.json`, `docs/performance.md` and `docs/capacity.md`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from bench import page, results
from bench.capacity import page as capacity
from bench.effort import Effort
from bench.machine import busy_share, describe
from bench.measurements import ALL
from bench.results import Result
from pipeline.errors import type_and_place
from pipeline.system.console import errors, print_rows

Step = Callable[[str], None]
DEFAULTS = Effort(Path())


def main() -> None:
    options = _options()
    names = options.only or list(ALL)
    busy = busy_share()
    if busy > 0.2:
        errors.print(f"bench: the machine is busy (load {busy:.1f} a core): compare ratios only", highlight=False)
    fresh: dict[str, Result] = {}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, _progress(len(names)) as (say, advance):
        effort = _effort(options, Path(scratch), say)
        facts = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "load before, a core": f"{busy:.1f}", **effort.facts()}
        for name in names:
            try:
                fresh[name] = Result(ALL[name](effort.below(name)), describe(), facts)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - the other measurements go on
                failed[name] = str(error) if isinstance(error, SystemExit) else f"{type_and_place(error)}: {error}"
            advance()
    if not options.quick:
        known = results.read() | fresh
        _write({name: known[name] for name in ALL if name in known})
    _show(fresh)
    for name, why in failed.items():
        errors.print(f"bench: {name} failed: {why}", highlight=False, markup=False)
    sys.exit(1 if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(ALL), help=", ".join(ALL))
    parser.add_argument("--runs", type=int, default=DEFAULTS.runs, help="interleaved runs")
    parser.add_argument("--seconds", type=float, default=DEFAULTS.seconds, help="length of a slice of load")
    parser.add_argument("--hits", type=int, default=DEFAULTS.hits, help="hits before memory is compared")
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=DEFAULTS.tables,
        help="rows of the tables over which the reports are asked",
    )
    parser.add_argument("--log", type=Path, action="append", default=[], help="an access log to replay; repeatable")
    parser.add_argument("--quick", action="store_true", help="a short look: two short runs, nothing is written")
    return parser.parse_args()


def _effort(options: argparse.Namespace, scratch: Path, say: Step) -> Effort:
    chosen = Effort(
        scratch,
        say,
        runs=options.runs,
        seconds=options.seconds,
        hits=options.hits,
        tables=tuple(options.rows),
        logs=tuple(options.log),
    )
    return chosen.quick() if options.quick else chosen


@contextmanager
def _progress(count: int) -> Iterator[tuple[Step, Callable[[], None]]]:
    """Show the measurement in hand on a terminal."""
    with Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    ) as progress:
        task = progress.add_task("starting", total=count)
        yield lambda text: progress.update(task, description=text), lambda: progress.advance(task)


def _write(known: dict[str, Result]) -> None:
    results.FILE.write_text(results.as_text(known))
    page.write(results.read())
    capacity.write(results.read())


def _show(fresh: dict[str, Result]) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write(results.as_text(fresh))
        return
    figures = [figure for result in fresh.values() for figure in result.findings.figures]
    skipped = "; ".join(line for result in fresh.values() for line in result.findings.skipped)
    print_rows((*page.COLUMNS[:-1], "verdict"), [page.cells(one) for one in figures], note=skipped)
    for table in (table for result in fresh.values() for table in result.findings.tables):
        print_rows(table.columns, table.rows, title=table.title)


if __name__ == "__main__":
    main()
