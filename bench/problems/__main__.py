"""`python -m bench.problems`: rows a second of a made-up history, into an embedded ClickHouse."""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.problems.networks import write_networks
from bench.problems.rows import store_hits
from bench.servers import clickhouse
from pipeline.database.client import connect
from pipeline.operations.migrate import migrate
from pipeline.traffic.history import planned_history
from pipeline.traffic.places import places


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.problems", description=__doc__)
    parser.add_argument("--visitors", type=int, default=2_000, help="people on a day")
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    today = datetime.now(UTC).date()
    with tempfile.TemporaryDirectory(prefix="problems-") as scratch, clickhouse(Path(scratch) / "var") as (_, settings):
        migrate(settings)
        write_networks(settings)
        known, why_not = places(settings)
        if why_not:
            raise SystemExit(f"bench: {why_not}")
        make = partial(
            planned_history,
            settings.sites[0],
            today - timedelta(days=given.days),
            given.days,
            visitors=given.visitors,
            places=known,
        )
        begun = time.monotonic()
        hits = sum(1 for _ in make())
        planned = time.monotonic() - begun
        made = store_hits(settings, make, now_ms=int(time.time() * 1000), processes=given.processes)
        client = connect(settings, "pixel_admin")
        stored = client.query("SELECT count() FROM pixel.events").result_rows[0][0]
        client.close()
    print(f"{hits:,} hits planned in {planned:.1f} s; {made.rows:,} rows stored in {made.seconds:.1f} s:")
    print(
        f"{made.per_second:,} rows a second in {given.processes} processes; in the table {stored:,}; refused {dict(made.refused)}"
    )


if __name__ == "__main__":
    main()
