"""`python -m bench.fraud.corpora --out F.json`: the fraud review against labelled public data.

Four corpora: user agents with labels, sessions of people and of two kinds of robots, two vulnerability scanners, and CrowdSec's small logs that
each set off one named scenario. A pixel sees a part of them only: GETs of pages, no POST, no HTTP version.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from bench.fraud.public_lines import SEEN, UNSEEN, days_of, session_views, views
from bench.fraud.replayed import BANDS, Scored, Suspect, as_json, scored
from bench.servers import clickhouse
from pipeline.durations import DAY_MS, HOUR_MS, SECOND_MS
from pipeline.enrich.agents import Agents
from pipeline.enrich.robots import Robots
from pipeline.operations.migrate import migrate
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.traffic.access_log import LoggedHit
from pipeline.traffic.replay import read_log
from pipeline.traffic.send import PlannedHit

AGENTS: Final = "ua-corpus/ua.jsonl"
SESSIONS: Final = "sessions-iti-2019"
SCANNERS: Final = ("scanners-ocatak-2016/acunetix.log", "scanners-ocatak-2016/w3af.log")
CROWDSEC: Final = "crowdsec-http-tests"
ROBOT, PEOPLE = "bot", ("browser", "app")
HUMAN, SIMPLE, LIKE_PEOPLE = "human", "moderate_bot", "advanced_bot"
HUMANS_THAT_ALARM: Final = 0.1


def agents(data: Path) -> dict[str, Any]:
    """Return how many agents of each label are found as robots, by the list that they come from, and the wrong ones: as the worker reads them."""
    reader = Agents(Robots())
    total: Counter[str] = Counter()
    found: Counter[str] = Counter()
    wrong: dict[str, list[str]] = defaultdict(list)
    for line in (data / AGENTS).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        label, agent = row["label"], row["ua"]
        is_robot = bool(reader.read(agent).robot)
        source = "the list in use" if "monperrus" in row["src"] else "other lists"
        for name in (label, f"{label}, {source}"):
            total[name] += 1
            found[name] += is_robot
        if label in (ROBOT, *PEOPLE) and is_robot != (label == ROBOT):
            wrong[label].append(row.get("family", agent).removeprefix("ZZZ ").partition(" - ")[0].strip())
    return {
        "found": {label: {"found": found[label], "of": total[label]} for label in sorted(total)},
        "wrong": {label: [f"{name} ({count})" if count > 1 else name for name, count in sorted(Counter(names).items())] for label, names in wrong.items()},
    }  # fmt: skip


def sessions(settings: Settings, data: Path) -> dict[str, Any]:
    """Return the bands of the labelled sessions, the signals of each kind, and what each signal of timing can tell."""
    labels = dict(line.split("\t")[:2] for line in read_log(data / SESSIONS / "labels.tsv")[1:])
    labels = {session: label for session, label in labels.items() if label != "unlabelled"}
    hits = _session_hits(data / SESSIONS, labels)
    timed = [name for name, each in all_signals().items() if each.family == "T"]
    result, numbers = _run(settings, "sessions", [(hit.person, hit) for hit in hits], values=timed)
    suspects = {session: result.of(mine) for session, mine in numbers.items()}
    signs: dict[str, Counter[str]] = defaultdict(Counter)
    bands: dict[str, Counter[str]] = defaultdict(Counter)
    for session, label in labels.items():
        mine = suspects.get(session, set())
        bands[label][result.best(mine)] += 1
        signs[label].update({name for each in mine for name in result.signs.get(each, {})})
    timing = {name: _told(all_signals()[name].worse, found, suspects, labels) for name, found in result.values.items()}
    return {
        "sessions": dict(Counter(labels.values())),
        "views": dict(Counter(labels[hit.person] for hit in hits)),
        "bands": {label: {band: bands[label][band] for band in BANDS} for label in (HUMAN, SIMPLE, LIKE_PEOPLE)},
        "signals": {label: dict(sorted(signs[label].items())) for label in (HUMAN, SIMPLE, LIKE_PEOPLE)},
        "timing": timing,
    }


def _session_hits(folder: Path, labels: Mapping[str, str]) -> list[PlannedHit]:
    numbers = {session: number for number, session in enumerate(sorted(labels))}
    found: list[tuple[str, LoggedHit]] = []
    for file in sorted(folder.rglob("*.log")):
        for session, hit in session_views(read_log(file)):
            if session in numbers:
                high, low = divmod(numbers[session], 200)
                found.append((session, hit._replace(address=f"2.{high}.{low}.7")))
    # Each date of the log is a day of its own, so that what was never at once is not at once here.
    dates = sorted({hit.at_ms // DAY_MS for _, hit in found})
    back = {day: len(dates) - place for place, day in enumerate(dates)}
    return [
        _planned(hit, _midnight() - back[hit.at_ms // DAY_MS] * DAY_MS + hit.at_ms % DAY_MS, "sessions", session)
        for session, hit in found
    ]


def _told(
    worse: str, values: Mapping[Suspect, float], suspects: Mapping[str, set[Suspect]], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return the share of each kind that a threshold names which one in ten people crosses; a session without a value is not named."""
    sign = 1 if worse == "above" else -1
    of: dict[str, list[float]] = defaultdict(list)
    for session, label in labels.items():
        known = [sign * values[each] for each in suspects.get(session, ()) if each in values]
        of[label].append(max(known, default=float("-inf")))
    people = sorted(of[HUMAN], reverse=True)
    most = people[int(HUMANS_THAT_ALARM * len(people))]
    return {
        "threshold": sign * most,
        **{label: sum(value > most for value in of[label]) for label in (HUMAN, SIMPLE, LIKE_PEOPLE)},
        "measured": {
            label: sum(value > float("-inf") for value in of[label]) for label in (HUMAN, SIMPLE, LIKE_PEOPLE)
        },
    }


def scanners(settings: Settings, data: Path) -> dict[str, Any]:
    """Return the band of each scanner a minute after its first page view, and of the whole log."""
    found = {}
    for name in SCANNERS:
        tool = Path(name).stem
        hits = views(line[1:-1] for line in read_log(data / name))
        for part, seconds in ((f"{tool}-minute", 60), (f"{tool}-all", 0)):
            some = [hit for hit in hits if not seconds or hit.at_ms < hits[0].at_ms + seconds * SECOND_MS]
            planned = [_planned(hit, _midnight() - DAY_MS + hit.at_ms % DAY_MS, part, "") for hit in some]
            until = (
                datetime.fromtimestamp(planned[0].at_ms / 1000, UTC) + timedelta(seconds=seconds) if seconds else None
            )
            result, _ = _run(settings, part, [(tool, hit) for hit in planned], until=until)
            found[part] = {"views": len(some), **_summary(result)}
    return found


def crowdsec(settings: Settings, data: Path) -> dict[str, Any]:
    """Return for each test what a pixel sees of it, the signals that fired, and the bands."""
    rows = [line.split("\t") for line in read_log(data / CROWDSEC / "labels.tsv")[1:]]
    tests = {name: views(read_log(data / CROWDSEC / f"{name}.log")) for name, *_ in rows}
    hits: list[tuple[str, PlannedHit]] = []
    for number, names in enumerate(days_of(tests), 1):
        begin = _midnight() - number * DAY_MS + 12 * HOUR_MS
        for name in names:
            first = tests[name][0].at_ms
            hits += [
                (name, _planned(hit, begin + min(hit.at_ms - first, HOUR_MS), "crowdsec", "")) for hit in tests[name]
            ]
    result, numbers = _run(settings, "crowdsec", hits)
    found = {}
    for name, scenarios, _ in rows:
        mine = numbers[name]
        suspects = result.of(mine)
        fired = {sign for each in suspects for sign in result.signs.get(each, {})}
        fired |= {"robot" for number in mine if number in result.robots}
        seen = SEEN.get(name, ())
        found[name] = {
            "scenario": scenarios,
            "views": len(mine),
            "fired": sorted(fired),
            "band": result.best(suspects),
            "outcome": _outcome(scenarios, seen, fired, result.best(suspects)),
            "why": UNSEEN.get(name, ""),
        }
    return found


def _outcome(scenarios: str, seen: Sequence[str], fired: set[str], band: str) -> str:
    if not scenarios:
        return "quiet" if band in ("none", "unclear") else "false alarm"
    if not seen:
        return "out of sight"
    return "found" if fired >= set(seen) else "missed"


def _summary(result: Scored) -> dict[str, Any]:
    worst = max(result.judged.values(), key=lambda each: each.score, default=None)
    return {
        "band": worst.band if worst else "none",
        "points": round(worst.score + 40, 1) if worst else 0,
        "signals": {name: value for each in result.signs.values() for name, value in sorted(each.items())},
        "reasons": list(worst.reasons) if worst else [],
    }


def _run(
    settings: Settings,
    site: str,
    hits: Iterable[tuple[str, PlannedHit]],
    *,
    until: datetime | None = None,
    values: Collection[str] = (),
) -> tuple[Scored, dict[str, list[int]]]:
    """Store and score hits with the name of what they belong to; return the outcome, and the numbers of the hits by name."""
    ordered = sorted(hits, key=lambda each: each[1].at_ms)
    settings = settings.model_copy(update={"sites": (Site(id=site, hosts=(f"{site}.example",)),)})
    planned = [hit for _, hit in ordered]
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, (name, _) in enumerate(ordered, 1):
        numbers[name].append(number)
    return scored(settings, planned, until=until, values=values), numbers


def _planned(hit: LoggedHit, at_ms: int, site: str, person: str) -> PlannedHit:
    query = {"s": site, "u": f"https://{site}.example{hit.target}", "m": "img"}
    if hit.referrer:
        # The copies of the pages stood at an address without a name: their own referrers are internal here, too.
        query["r"] = hit.referrer.replace("160.40.52.164", f"{site}.example")
    if hit.status >= 400:
        query["e"] = str(hit.status)
    return PlannedHit(at_ms=at_ms, address=hit.address, agent=hit.agent, query=query, person=person)


def _midnight() -> int:
    return int(datetime.combine(datetime.now(UTC).date(), time.min, UTC).timestamp() * 1000)


def main() -> None:
    """Measure the four corpora and write the outcome."""
    parser = argparse.ArgumentParser(prog="python -m bench.fraud.corpora", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the directory of the public data")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found: dict[str, Any] = {"agents": agents(given.data)}
    with tempfile.TemporaryDirectory(prefix="fraud-") as scratch, clickhouse(Path(scratch) / "var") as (_, settings):
        migrate(settings)
        for measure in (sessions, scanners, crowdsec):
            found[measure.__name__] = measure(settings, given.data)
    given.out.write_text(as_json(found), encoding="utf-8")
    print(as_json(found))


if __name__ == "__main__":
    main()
