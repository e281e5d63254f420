"""`python -m bench.fraud.logs --out F.json`: what the fraud review says of the clients of three real logs, and whether it is true.

Each log is stored without HTTP, shifted by whole days to the recent past, and scored day by day. The clients of the truth are found by
their lines (`truth_logs.py`); the largest cases are listed with what a reviewer needs to judge them by eye. No address and no agent is written.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from bench.fraud import truth_logs as truth
from bench.fraud.replayed import BANDS, Scored, Suspect, as_json, scored
from bench.servers import clickhouse
from pipeline.operations.migrate import migrate
from pipeline.settings.model import Settings
from pipeline.settings.site import PageRole, Site
from pipeline.traffic.access_log import LoggedHit, read_lines
from pipeline.traffic.replay import plan, read_log, split

LOGS: Final = (truth.ELASTIC, truth.ALMHUETTE, truth.ZANBIL)
TRUTH_FILE: Final = "truth-logs.md"
_STATIC: Final = re.compile(
    r'^(\S+) .*?\[[^\]]*\] "GET [^"?]*\.(?:css|js|png|jpe?g|gif|ico|svg|woff2?)[? ].*" "([^"]*)"', re.DOTALL
)
_TOP: Final = 20


class Log(NamedTuple):
    """A scored log: its page views in order of time, the time that was added to them, and the files that each client loaded."""

    name: str
    hits: Sequence[LoggedHit]
    shift: timedelta
    files: Mapping[truth.Client, int]
    result: Scored

    def suspects(self, clients: Iterable[truth.Client]) -> set[Suspect]:
        """Return the suspects of these clients."""
        wanted = set(clients)
        return {
            self.result.suspects[number]
            for number, hit in enumerate(self.hits, 1)
            if (hit.address, hit.agent) in wanted and number in self.result.suspects
        }

    def known(self, clients: Iterable[truth.Client]) -> str:
        """Return the name of the robot that the clients say they are, '' for none."""
        wanted = set(clients)
        names = {
            self.result.robots.get(number, "")
            for number, hit in enumerate(self.hits, 1)
            if (hit.address, hit.agent) in wanted
        }
        return ", ".join(sorted(names - {""}))


def of_log(settings: Settings, name: str) -> Settings:
    """Return the settings with the site of a log alone, under the name of their first site; its administration is a page of login."""
    site = Site(
        id=settings.sites[0].id, hosts=tuple(truth.HOSTS[name]), roles=(PageRole(role="login", path="/administrator"),)
    )
    return settings.model_copy(update={"sites": (site,)})


def scored_log(settings: Settings, data: Path, name: str, *, as_of: datetime | None = None) -> Log:
    """Store a log of the directory with the last hit at `as_of` (default: its clock time yesterday), score it, and return it."""
    settings = of_log(settings, name)
    lines = read_log(data / name / "access.log")
    hits, _ = split(read_lines(lines), settings.sites[0])
    without = re.compile(truth.NO_PAGES.get(name, r"(?!)"))
    hits = sorted((hit for hit in hits if not without.match(hit.target)), key=lambda hit: hit.at_ms)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    last = as_of or datetime.combine(yesterday, time.fromisoformat(truth.LAST_HITS[name]), UTC)
    planned = plan(hits, settings.sites[0], last_ms=int(last.timestamp() * 1000))
    shift = timedelta(milliseconds=planned[-1].at_ms - hits[-1].at_ms)
    return Log(name, hits, shift, _files(lines), scored(settings, planned))


def judge(log: Log, rows: Mapping[str, truth.Truth]) -> dict[str, Any]:
    """Return the outcome of each row and group, the gates, and the largest cases."""
    clients = {name: truth.clients_of(row, log.hits) for name, row in rows.items()}
    of_rows = {name: {"what": rows[name].what, **_outcome(log, found)} for name, found in clients.items()}
    groups = {name: truth.group_of(log.name, name, log.hits) for name in truth.GROUPS.get(log.name, ())}
    of_groups = {
        name: {"what": truth.GROUPS[log.name][name][0], **_group(log, found)} for name, found in groups.items()
    }
    names = {client: name for name, found in {**groups, **clients}.items() for client in found}
    innocent = {name: row["band"] for name, row in of_rows.items() if name.startswith("I")}
    must = {name: (of_groups if name in of_groups else of_rows)[name]["band"] for name in truth.EXPECTED[log.name]}
    bands = Counter(each.band for each in log.result.judged.values())
    return {
        "log": log.name,
        "hits": len(log.hits),
        "stored": len(log.result.suspects),
        "refused": dict(log.result.refused),
        "suspects": len(set(log.result.suspects.values())),
        "bands": {band: bands[band] for band in BANDS[1:]},
        "gates": {
            "innocent_likely": sorted(name for name, band in innocent.items() if band == "likely"),
            "innocent_watch": sorted(name for name, band in innocent.items() if band == "watch"),
            "must_exist": len(must),
            "missing": [name for name, band in must.items() if band not in ("watch", "likely")],
        },
        "rows": of_rows,
        "groups": of_groups,
        "cases": _largest(log, names),
    }


def _outcome(log: Log, clients: set[truth.Client]) -> dict[str, Any]:
    suspects = log.suspects(clients)
    best = max(
        suspects, key=lambda each: log.result.judged[each].score if each in log.result.judged else -99, default=None
    )
    judged = log.result.judged.get(best) if best else None
    signs: dict[str, float] = {}
    for each in suspects:
        for name, value in log.result.signs.get(each, {}).items():
            signs[name] = max(value, signs.get(name, value))
    return {
        "clients": len(clients),
        "suspects": len(suspects),
        "robot": log.known(clients),
        "band": log.result.best(suspects),
        "points": round(judged.score + 40, 1) if judged else 0,
        "signals": dict(sorted(signs.items())),
        "reasons": list(judged.reasons) if judged else [],
        "case": judged.case if judged else "",
    }


def _group(log: Log, clients: set[truth.Client]) -> dict[str, Any]:
    suspects = log.suspects(clients)
    bands = Counter(log.result.band(each) for each in suspects)
    cases = Counter(log.result.judged[each].case for each in suspects if each in log.result.judged)
    return {
        **_outcome(log, clients),
        "of_suspects": {band: bands[band] for band in BANDS},
        "cases": len(cases),
        "largest_case": max(cases.values(), default=0),
    }


def _largest(log: Log, names: Mapping[truth.Client, str]) -> list[dict[str, Any]]:
    members: dict[str, list[Suspect]] = defaultdict(list)
    for suspect, judged in log.result.judged.items():
        members[judged.case].append(suspect)
    ranked = sorted(members, key=lambda case: (-max(log.result.judged[each].score for each in members[case]), case))
    hits: dict[Suspect, list[LoggedHit]] = defaultdict(list)
    for number, hit in enumerate(log.hits, 1):
        if number in log.result.suspects:
            hits[log.result.suspects[number]].append(hit)
    return [_case(log, case, members[case], hits, names) for case in ranked[:_TOP]]


def _case(
    log: Log,
    case: str,
    members: Sequence[Suspect],
    hits: Mapping[Suspect, Sequence[LoggedHit]],
    names: Mapping[truth.Client, str],
) -> dict[str, Any]:
    worst = max(members, key=lambda each: log.result.judged[each].score)
    judged = log.result.judged[worst]
    all_hits = [hit for each in members for hit in hits[each]]
    clients = {(hit.address, hit.agent) for hit in all_hits}
    return {
        "case": case,
        "band": judged.band,
        "points": round(judged.score + 40, 1),
        "members": len(members),
        "bands": dict(Counter(log.result.band(each) for each in members)),
        "truth": sorted({names[client] for client in clients if client in names}),
        "client": judged.client,
        "families": judged.families,
        "signals": dict(log.result.signs.get(worst, {})),
        "reasons": list(judged.reasons),
        "first": str(min(log.result.judged[each].first_seen for each in members) - log.shift),
        "last": str(max(log.result.judged[each].last_seen for each in members) - log.shift),
        "hits": len(all_hits),
        "files": sum(log.files.get(client, 0) for client in clients),
        "statuses": dict(Counter(hit.status for hit in all_hits).most_common(4)),
        "pages": [page for page, _ in Counter(hit.target.partition("?")[0][:60] for hit in all_hits).most_common(6)],
        "referrers": dict(Counter(urlsplit(hit.referrer).hostname or "" for hit in all_hits).most_common(4)),
    }


def _files(lines: Iterable[str]) -> dict[truth.Client, int]:
    """Return the number of images, styles and scripts of each client: people load them, most tools do not."""
    found: Counter[truth.Client] = Counter()
    for line in lines:
        if match := _STATIC.match(line):
            found[match[1], match[2]] += 1
    return found


def main() -> None:
    """Measure the three logs and write the outcome."""
    parser = argparse.ArgumentParser(prog="python -m bench.fraud.logs", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the directory of the public data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--as-of", type=datetime.fromisoformat, help="UTC time of the last hit; its clock time must be the log's"
    )
    parser.add_argument("--log", choices=LOGS, action="append")
    given = parser.parse_args()
    rows = truth.read_truth(given.data / TRUTH_FILE)
    names = given.log or LOGS
    as_of = given.as_of.replace(tzinfo=UTC) if given.as_of else None
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="fraud-") as scratch,
        clickhouse(Path(scratch) / "var", [name.split("-")[1] for name in names]) as (_, settings),
    ):
        migrate(settings)
        for site, name in zip(settings.sites, names, strict=True):
            of_one = settings.model_copy(update={"sites": (site,)})
            found.append(judge(scored_log(of_one, given.data, name, as_of=as_of), rows.get(name, {})))
            print(_told(found[-1]), flush=True)
    given.out.write_text(as_json(found), encoding="utf-8")


def _told(found: Mapping[str, Any]) -> str:
    lines = [
        f"{found['log']}: {found['stored']} of {found['hits']} hits, {found['suspects']} suspects, {found['bands']}"
    ]
    for name, row in {**found["rows"], **found["groups"]}.items():
        signals = " ".join(f"{signal}={value:g}" for signal, value in row["signals"].items())
        robot = f" robot {row['robot']}" if row["robot"] else ""
        lines.append(f"  {name:4}{row['band']:8}{row['points']:5g} {row['what']}{robot}: {signals}")
    lines.append(f"  gates: {found['gates']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
