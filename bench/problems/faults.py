"""Faults of made-up clinics, found or missed: each kind at several sizes and seeds, evaluated hour by hour as `ship` would.

`python -m bench.problems.faults --help`. The hits take the product's own steps of edge and enrichment (`bench.problems.rows`), are counted by ClickHouse
(`pixel.series`) and evaluated by the product. Of one seed, all faults share one clean history.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from bench.problems.networks import write_networks
from bench.problems.rows import Product, store
from bench.servers import clickhouse
from pipeline.database.client import connect
from pipeline.detection.series import Table
from pipeline.operations.migrate import migrate
from pipeline.problems.counting import SeriesStore
from pipeline.problems.evaluate import evaluate
from pipeline.problems.problem import Problem
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE, Site
from pipeline.traffic.faults import KINDS, planned_fault
from pipeline.traffic.history import planned_history
from pipeline.traffic.places import Places, places
from pipeline.traffic.send import PlannedHit

HISTORY = 28
AFTER = 7
"""Days after the begin of a fault in which it may be named."""
BEGIN_HOUR = 10
CLEAN_DAYS = 30
HOUR = timedelta(hours=1)
CLEAN = "clean"


class Ground(NamedTuple):
    """A made-up clinic of one seed: its first day, and the number of its days."""

    site: Site
    first: date
    days: int
    visitors: int
    seed: int
    opt_out: float
    known: Places

    @property
    def fault_day(self) -> datetime:
        """Midnight (UTC) of the day on which a fault begins."""
        return datetime.combine(self.first + timedelta(days=HISTORY), datetime.min.time(), UTC)

    @property
    def since(self) -> datetime:
        """The begin of a fault."""
        return self.fault_day + BEGIN_HOUR * HOUR

    @property
    def end(self) -> datetime:
        """The end of the last day."""
        return datetime.combine(self.first + timedelta(days=self.days), datetime.min.time(), UTC)

    def clean(self) -> Iterator[PlannedHit]:
        """Yield the hits without any fault."""
        return planned_history(
            self.site, self.first, self.days, visitors=self.visitors, seed=self.seed, opt_out=self.opt_out, places=self.known
        )  # fmt: skip

    def with_fault(self, name: str, size: float) -> Iterator[PlannedHit]:
        """Yield the hits from the begin of the fault on."""
        return planned_fault(
            self.site, self.first, self.days, name, since_ms=_ms(self.since), visitors=self.visitors,
            size=size, seed=self.seed, opt_out=self.opt_out, places=self.known,
        )  # fmt: skip


class Clinic:
    """The rows of one made-up clinic in ClickHouse."""

    def __init__(self, settings: Settings, ground: Ground) -> None:
        self.ground = ground
        self._settings = settings
        self._migrator = connect(settings, "pixel_migrator")
        self._writer = connect(settings, "pixel_writer", timeout=600)
        self._series = SeriesStore()
        self._product = Product(settings, now_ms=_ms(ground.end))
        for table in ("events", "series"):
            self._migrator.command(f"TRUNCATE TABLE pixel.{table}")

    def close(self) -> None:
        self._migrator.close()
        self._writer.close()

    def clean(self) -> Table:
        """Store the whole clean time and return its table."""
        store(self._settings, self._product.rows(self.ground.clean()))
        return self._table()

    def faults(self, names: Sequence[str], sizes: Sequence[float]) -> Iterator[tuple[str, float, Table]]:
        """Yield each fault and size with its table; the history before them is stored once."""
        ground = self.ground
        store(
            self._settings, self._product.rows(takewhile(lambda hit: hit.at_ms < _ms(ground.fault_day), ground.clean()))
        )
        jar = dict(self._product.jar)
        morning = [
            hit
            for hit in takewhile(lambda hit: hit.at_ms < _ms(ground.since), ground.clean())
            if hit.at_ms >= _ms(ground.fault_day)
        ]
        for name in names:
            for size in sizes:
                for number in range(ground.days - HISTORY + 1):
                    day = ground.fault_day + timedelta(days=number)
                    self._migrator.command(f"ALTER TABLE pixel.events DROP PARTITION {day:%Y%m%d}")
                self._product.jar = dict(jar)
                hits = [*morning, *ground.with_fault(name, size)]
                store(self._settings, self._product.rows(hits, first_nonce=1 << 40))
                yield name, size, self._table()

    def _table(self) -> Table:
        self._series.look(self._writer, self._settings)
        self._series.count(self._writer, self.ground.site, self.ground.end)
        return self._series.read(self._writer, self.ground.site, self.ground.end, self.ground.days + 1)


def followed(table: Table, site: Site, since: datetime, until: datetime, zero: datetime) -> dict[str, Any]:
    """Evaluate hour by hour and return each problem as it was named and as it was at last; hours count from `zero`."""
    problems: list[Problem] = []
    named: dict[str, dict[str, Any]] = {}
    moment, took, looks = since, time.process_time(), 0
    while moment <= until:
        problems = evaluate(table.before(moment), site.id, problems)
        looks += 1
        for problem in problems:
            if problem.id not in named:
                named[problem.id] = {
                    "hours": round((moment - zero) / HOUR),
                    "watch": problem.watch,
                    "place": [problem.place.dimension, problem.place.name],
                    "since": round((problem.since - zero) / HOUR),
                    "expected": round(problem.facts.expected, 1),
                    "seen": round(problem.facts.seen, 1),
                }
            named[problem.id] |= {
                "last": [problem.watch, problem.place.dimension, problem.place.name, problem.state, sorted({each.name for each in problem.facts.also})[:6], list(problem.facts.symptoms), problem.facts.cause],
                "until": round((problem.until - zero) / HOUR) if problem.until else None,
            }  # fmt: skip
        moment += HOUR
    return {"problems": list(named.values()), "cpu_ms": round((time.process_time() - took) / looks * 1000)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.problems.faults", description=__doc__)
    parser.add_argument("--visitors", type=int, nargs="+", default=[200], help="people on a day")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--sizes", type=float, nargs="+", default=[1.0], help="share of the people that a fault hits")
    parser.add_argument(
        "--faults", nargs="*", default=list(KINDS), help=f"kinds of fault, or `{CLEAN}` for {CLEAN_DAYS} days without"
    )
    parser.add_argument("--opt-out", type=float, default=0.05, help="share of people with a privacy signal")
    parser.add_argument("--out", type=Path, required=True, help="file to which the results are added, one JSON a line")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="problems-") as scratch, clickhouse(Path(scratch) / "var") as (_, settings):
        site = settings.sites[0].model_copy(update={"roles": DEMO_SITE.roles})
        settings = settings.model_copy(update={"sites": (site,)})
        migrate(settings)
        write_networks(settings)
        known, why_not = places(settings)
        assert not why_not, why_not
        for visitors in given.visitors:
            for seed in given.seeds:
                days = HISTORY + (CLEAN_DAYS if given.faults == [CLEAN] else AFTER)
                first = datetime.now(UTC).date() - timedelta(days=days)
                ground = Ground(site, first, days, visitors, seed, given.opt_out, known)
                facts = {"visitors": visitors, "seed": seed, "opt_out": given.opt_out}
                clinic = Clinic(settings, ground)
                if given.faults == [CLEAN]:
                    found = followed(clinic.clean(), site, ground.fault_day, ground.end, ground.fault_day)
                    _add(given.out, {"fault": "", "size": 0.0, **facts, **found})
                else:
                    for name, size, table in clinic.faults(given.faults, given.sizes):
                        found = followed(table, site, ground.since - 24 * HOUR, ground.end, ground.since)
                        _add(given.out, {"fault": name, "size": size, **facts, **found})
                clinic.close()


def _add(file: Path, result: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(result, ensure_ascii=False) + "\n")


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


if __name__ == "__main__":
    main()
