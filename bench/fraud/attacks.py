"""Attacks on made-up clinics and innocent look-alikes: the band that each reaches, and who else is suspected beside them.

`python -m bench.fraud.attacks --seeds 2 --kinds scraper-slow vpn-user --out FILE`. Eight days of a clinic and one kind in the last take the product's
own steps of edge and enrichment (`bench.problems.rows`), and `score_days` scores the last day. Of one seed all kinds share the clinic.
The rows of a kind are known by their nonces, so `--together 8` may put several kinds into one day: a scoring costs the same for all of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Final, NamedTuple

from clickhouse_connect.driver import Client

from bench.problems.networks import write_networks
from bench.problems.rows import Product, store
from bench.servers import clickhouse
from pipeline.attackers.catalogue import KINDS, planned_kind
from pipeline.attackers.scene import RESET, TRAP
from pipeline.database.client import connect
from pipeline.durations import HOUR_MS
from pipeline.enrich.rows import Row
from pipeline.fraud.job import score_days
from pipeline.operations.migrate import migrate
from pipeline.scoring.rules import all_signals, rules_version
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE, PageRole, Site
from pipeline.traffic.clinic_day import CLINIC
from pipeline.traffic.history import planned_history
from pipeline.traffic.places import Places, places

DAYS_BEFORE: Final = 7
"""Signals that compare with the days before read at most so many."""
CLEAN: Final = "clean"
"""The clinic's own days without any kind."""
BANDS: Final = ("none", "unclear", "watch", "likely")
SUSPECTED: Final = ("watch", "likely")
ROLES: Final = (PageRole(role="reset", path=RESET.rstrip("/")), PageRole(role="trap", path=TRAP.rstrip("/")))
"""Roles that the attacks aim at and the demo site has not."""
_BEGIN_HOUR: Final = 10
_NONCES: Final = 1 << 40
"""Nonces of each kind; those of the clinic are below."""
_TABLES: Final = ("events", "fraud_signals", "fraud_cases", "fraud_runs", "fraud_normals")
_SUSPECTS: Final = (
    "SELECT if(visitor != 0, visitor, sipHash64(epoch, ip_token, ua_token)) AS suspect, min(nonce), max(nonce)"
    " FROM pixel.events WHERE toDate(received_at) = {day:Date} AND ip_token != toIPv6('::') GROUP BY suspect"
)
_CASES: Final = "SELECT suspect, case_id, toString(band), score, signals, families FROM pixel.fraud_cases FINAL WHERE day = {day:Date}"
_FIRED: Final = "SELECT suspect, groupUniqArray(toString(signal)) FROM pixel.fraud_signals FINAL GROUP BY suspect"


class Ground(NamedTuple):
    """A made-up clinic of one seed; `day` is the scored one, the days before it bring cookies that come back and usual numbers."""

    settings: Settings
    known: Places
    day: date
    visitors: int
    seed: int

    @property
    def site(self) -> Site:
        """Its site."""
        return self.settings.sites[0]

    @property
    def midnight_ms(self) -> int:
        """The begin of the scored day."""
        return _ms(datetime.combine(self.day, datetime.min.time(), UTC))

    @property
    def scored_at(self) -> datetime:
        """The last second of the scored day: the site has no values of its own yet for what is usual, and none are written."""
        return datetime.combine(self.day + timedelta(days=1), datetime.min.time(), UTC) - timedelta(seconds=1)


class AttackedClinic:
    """The rows of one clinic in ClickHouse, with one kind at a time."""

    def __init__(self, ground: Ground, admin: Client) -> None:
        self.ground = ground
        self._admin = admin
        self._product = Product(ground.settings, now_ms=_ms(ground.scored_at))
        hits = list(
            planned_history(
                ground.site, ground.day - timedelta(days=DAYS_BEFORE), DAYS_BEFORE + 1, visitors=ground.visitors, seed=ground.seed, places=ground.known
            )
        )  # fmt: skip
        self._who = {nonce: _who(hit.person, hit.query.get("e", "")) for nonce, hit in enumerate(hits, 1)}
        self._rows = list(self._product.rows(hits))

    def judged(self, kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Store the clinic's days with these kinds, score them, and return what was found of each."""
        began = time.monotonic()
        ground = self.ground
        for table in _TABLES:
            self._admin.command(f"TRUNCATE TABLE pixel.{table}")
        theirs = {kind: self._rows_of(kind, place) for place, kind in enumerate(kinds, 1)}
        store(ground.settings, [*self._rows, *(row for rows in theirs.values() for row in rows)])
        score_days(ground.settings, ground.scored_at, days=1)
        found = self._found(kinds)
        took = round((time.monotonic() - began) / len(kinds), 1)
        facts = {"seed": ground.seed, "visitors": ground.visitors}
        return [
            {
                "kind": kind,
                **facts,
                "rows": len(theirs[kind]),
                **found[kind],
                "seconds": took,
                "beside": len(kinds) - 1,
                "rules": rules_version(),
            }
            for kind in kinds
        ]

    def _rows_of(self, kind: str, place: int) -> list[Row]:
        if kind == CLEAN:
            return []
        ground = self.ground
        start_ms = ground.midnight_ms + round(min(_BEGIN_HOUR, 24 - KINDS[kind].hours) * HOUR_MS)
        hits = planned_kind(kind, ground.site, ground.known, start_ms=start_ms, seed=ground.seed)
        return list(self._product.rows(hits, first_nonce=place * _NONCES))

    def _found(self, kinds: Sequence[str]) -> dict[str, dict[str, Any]]:
        day = {"day": self.ground.day}
        seen = self._admin.query(_SUSPECTS, parameters=day).result_rows
        fired = {suspect: names for suspect, names in self._admin.query(_FIRED).result_rows}  # noqa: C416 - rows are no pairs
        cases = self._admin.query(_CASES, parameters=day).result_rows
        # A suspect whom a kind shares with the clinic's own visitors is the kind's.
        of = {suspect: kinds[last // _NONCES - 1] for suspect, _, last in seen if last >= _NONCES}
        who = {suspect: self._who[first] for suspect, first, _ in seen if first < _NONCES}
        others = [
            {"who": who[case[0]], "band": case[2], "score": round(case[3], 1), "signals": list(case[4])}
            for case in cases
            if case[0] not in of and case[2] in SUSPECTED
        ]
        return {
            kind: {
                **_bands_of([case for case in cases if of.get(case[0]) == kind], list(of.values()).count(kind)),
                # All signals that fired, those in shadow too, with the number of its clients.
                "fired": dict(sorted(Counter(n for one, its in of.items() if its == kind for n in fired.get(one, ())).items())),
                "others": others,
            }
            for kind in kinds
        }  # fmt: skip


def _bands_of(cases: Sequence[Sequence[Any]], clients: int) -> dict[str, Any]:
    bands = Counter(case[2] for case in cases)
    bands["none"] = clients - len(cases)
    best: Sequence[Any] = max(
        cases, key=lambda case: (BANDS.index(case[2]), case[3]), default=(0, "", "none", 0.0, [], {})
    )
    return {
        "clients": clients,
        "bands": {band: bands[band] for band in BANDS if bands[band]},
        "best": best[2],
        "score": round(best[3], 1),
        "signals": list(best[4]),
        "families": dict(best[5]),
        "cases": len({case[1] for case in cases}),
    }


@contextmanager
def served() -> Iterator[tuple[Settings, Client]]:
    """Run a migrated ClickHouse for the made-up clinic and lend its settings and a client that may empty tables."""
    with tempfile.TemporaryDirectory(prefix="attacks-") as scratch, clickhouse(Path(scratch) / "var") as (_, begun):
        site = DEMO_SITE.model_copy(
            update={"roles": (*DEMO_SITE.roles, *ROLES), "own_networks": (IPv4Network(f"{CLINIC}/32"),)}
        )
        # Without the limit of hits a minute: the clock goes back to the same day for every kind.
        collector = begun.collector.model_copy(update={"flood_per_minute": 0})
        settings = begun.model_copy(update={"sites": (site,), "collector": collector})
        migrate(settings)
        write_networks(settings)
        client = connect(settings, "pixel_migrator")
        try:
            yield settings, client
        finally:
            client.close()


def results(
    names: Sequence[str], seeds: Sequence[int], visitors: int, day: date, together: int = 1
) -> Iterator[dict[str, Any]]:
    """Yield the result of each kind and seed, `together` kinds in one day; `day` must be over and its keys must still exist."""
    with served() as (settings, client):
        known, why_not = places(settings)
        assert not why_not, why_not
        for seed in seeds:
            clinic = AttackedClinic(Ground(settings, known, day, visitors, seed), client)
            # Kinds that are alike stand beside each other in the catalogue, and go into different days.
            days = -(-len(names) // together)
            for number in range(days):
                yield from clinic.judged(names[number::days])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fraud.attacks", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument(
        "--kinds", nargs="*", default=[*KINDS, CLEAN], help="attacks and look-alikes; else all, and `clean`"
    )
    parser.add_argument("--visitors", type=int, default=200, help="people on a day")
    parser.add_argument("--together", type=int, default=1, help="kinds in one day")
    parser.add_argument("--out", type=Path, required=True, help="file to which the results are added, one JSON a line")
    given = parser.parse_args()
    if unknown := set(given.kinds) - {*KINDS, CLEAN}:
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    shadows = [name for name, signal in all_signals().items() if signal.is_shadow]
    print(f"{len(all_signals())} signals, in shadow {len(shadows)}: {' '.join(shadows)}; rules {rules_version()}")
    day = datetime.now(UTC).date() - timedelta(days=1)
    for found in results(
        given.kinds, range(given.first_seed, given.first_seed + given.seeds), given.visitors, day, given.together
    ):
        with given.out.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found, ensure_ascii=False) + "\n")
        others = Counter(f"{each['who']} {each['band']}" for each in found["others"])
        print(
            f"{found['kind']} {found['seed']}: {found['best']} {found['score']} {found['bands']}; others {dict(others)}"
        )


def _who(person: str, status: str) -> str:
    """Return who sent a hit of the clean days: a person, the staff, or one without cookies (a robot, the scanner)."""
    if not person:
        return "scanner" if status == "404" else "robot"
    return "staff" if person.startswith("staff") else "person"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


if __name__ == "__main__":
    main()
