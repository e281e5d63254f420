"""Writes the results of the fraud review on public data as a part of `docs/fraud.md` between two markers.

`python -m bench.fraud.public_page CORPORA LOGS` takes the files of `bench.fraud.corpora` and `bench.fraud.logs`, keeps what the tables need in
`public.json` and writes them; without files it writes the tables again. `by_eye.json` is written by the person who read the cases.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.fraud.corpora import HUMAN, LIKE_PEOPLE, PEOPLE, ROBOT, SIMPLE
from bench.fraud.page import PAGE
from bench.fraud.replayed import BANDS
from bench.fraud.truth_logs import WHY_NOT
from pipeline.scoring.rules import all_signals

RESULTS: Final = Path(__file__).parent / "public.json"
BY_EYE: Final = Path(__file__).parent / "by_eye.json"
BEGIN: Final = "<!-- public data: begin (python -m bench.fraud.public_page) -->"
END: Final = "<!-- public data: end -->"
HEAD: Final = """\
## Public data
`python -m bench.fraud.corpora` and `bench.fraud.logs` send public data through the product's own steps and score its days with all signals, with the shipped values of
what is usual. Each line of a log is a page view: the logs show more than a pixel sees, which needs a client that loads images."""
AGENTS: Final = """\
### Robots by their names
{of} user agents of robots from lists of others, of which {known} are in the list in use. Called a robot: {found} of {of} ({recall:.1%}; of those of other lists {others:.1%}); of browsers
{browsers} of {all_browsers} ({browser_share:.2%}), of apps {apps} of {all_apps}. Half of the browsers that are called robots are robots in truth.
* Robots that are missed, by the name that the lists give them: {missed}.
* Browsers that are called robots, by the words of the lists: {wrong}."""
SESSIONS: Final = """\
### People and robots in sessions with cookies
{human} people, {simple} simple robots with a browser's agent, and {like} robots that imitate people, on copies of encyclopedia pages. There is no address in the data, so no signal of a network can tell
anything."""
TIMING: Final = """\
Signals of timing, cut where one person in ten crosses the line. Robots that imitate people are not told from people."""
SCANNERS: Final = "### Two vulnerability scanners"
CROWDSEC: Final = """\
### Small logs of CrowdSec, each of one scenario
*Found*: the signals that see the scenario fired. *Quiet*: a log without a scenario, in which nobody is *watch* or *likely*; a client without agent or a program still has its sign, and stays
*unclear*."""
LOGS: Final = """\
### Three real logs
A person read the raw lines of two of them and named the twenty most suspicious clients (S) and twenty busy innocent ones (I) of each, and groups (G)."""
MISSED: Final = "Suspicious clients below *watch*, and why:"
EYE: Final = """\
### The twenty largest cases of each log, read by eye
Would a reviewer act on it (tell a firewall, leave it out of the numbers, ask the sender)? {acted} of {read} cases: yes; {bands}. Cases of the same points stand in no
order, and the last ones of each log are some of many without agent."""
_LETTERS: Final = {"S": "suspicious", "I": "innocent", "G": "groups"}


def kept(corpora: Mapping[str, Any], logs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the tables need of raw results: no reasons, cases or pages of single clients."""
    facts = ("what", "robot", "band", "points", "signals")
    return {
        **{name: corpora[name] for name in ("agents", "sessions")},
        "scanners": {name: {key: each[key] for key in ("views", "band", "points", "signals")} for name, each in corpora["scanners"].items()},
        "crowdsec": corpora["crowdsec"],
        "logs": {
            each["log"]: {
                **{key: each[key] for key in ("hits", "suspects", "bands", "gates")},
                "rows": {name: {key: row[key] for key in facts} for name, row in {**each["rows"], **each["groups"]}.items()},
            }
            for each in logs
        },
    }  # fmt: skip


def tables(results: Mapping[str, Any], by_eye: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the part of the page between the markers; `results` are those of `kept`."""
    parts = [HEAD, _agents(results["agents"]), *_sessions(results["sessions"]), *_scanners(results["scanners"])]
    return "\n\n".join([*parts, *_crowdsec(results["crowdsec"]), *_logs(results["logs"]), *_by_eye(by_eye)])


def with_tables(page: str, made: str) -> str:
    """Return the page with the tables between their markers; they are added at the end where the page has none."""
    if BEGIN not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def _agents(agents: Mapping[str, Any]) -> str:
    def share(label: str) -> float:
        return float(agents["found"][label]["found"] / agents["found"][label]["of"])

    (browser, app), found = PEOPLE, agents["found"]
    return AGENTS.format(
        of=found[ROBOT]["of"],
        known=found[f"{ROBOT}, the list in use"]["of"],
        found=found[ROBOT]["found"],
        recall=share(ROBOT),
        others=share(f"{ROBOT}, other lists"),
        browsers=found[browser]["found"],
        all_browsers=found[browser]["of"],
        browser_share=share(browser),
        apps=found[app]["found"],
        all_apps=found[app]["of"],
        missed=", ".join(agents["wrong"].get(ROBOT, ())) or "none",
        wrong=", ".join(agents["wrong"].get(browser, ())) or "none",
    )


def _sessions(sessions: Mapping[str, Any]) -> list[str]:
    kinds = {HUMAN: "people", SIMPLE: "simple robots", LIKE_PEOPLE: "robots that imitate people"}
    count = sessions["sessions"]
    bands = [
        (kinds[kind], *(_number(sessions["bands"][kind][band]) for band in reversed(BANDS)), _fired(sessions["signals"][kind]))
        for kind in kinds
    ]  # fmt: skip
    timing = [
        (name, f"{each['threshold']:.2f}", *(f"{each[kind]} of {count[kind]} ({each[kind] / count[kind]:.0%})" for kind in kinds))
        for name, each in sessions["timing"].items()
    ]  # fmt: skip
    return [
        SESSIONS.format(human=count[HUMAN], simple=count[SIMPLE], like=count[LIKE_PEOPLE]),
        _markdown(("sessions of", *reversed(BANDS), "signals (sessions)"), bands),
        TIMING,
        _markdown(("signal", "cut at", *kinds.values()), timing),
    ]


def _scanners(scanners: Mapping[str, Any]) -> list[str]:
    rows = [
        (tool, "the first minute" if part == "minute" else "the whole log", str(each["views"]), each["band"], f"{each['points']:g}", " ".join(each["signals"]))
        for name, each in scanners.items()
        for tool, _, part in [name.partition("-")]
    ]  # fmt: skip
    return [SCANNERS, _markdown(("tool", "of", "views", "band", "points", "signals"), rows)]


def _crowdsec(tests: Mapping[str, Any]) -> list[str]:
    rows = [
        (name, each["scenario"].replace(",", ", "), str(each["views"]), " ".join(each["fired"]), each["band"], f"{each['outcome']}{': ' if each['why'] else ''}{each['why']}")
        for name, each in tests.items()
    ]  # fmt: skip
    said = Counter(each["outcome"] for each in tests.values())
    numbers = ", ".join(f"{outcome} {count}" for outcome, count in sorted(said.items()))
    return [f"{CROWDSEC} Of {len(tests)}: {numbers}.", _markdown(("test", "scenario", "views", "fired", "band", "outcome"), rows)]  # fmt: skip


def _logs(logs: Mapping[str, Any]) -> list[str]:
    bands, clients, missed = [], [], []
    for log, each in logs.items():
        bands.append((log, str(each["hits"]), str(each["suspects"]), *(_number(each["bands"][band]) for band in reversed(BANDS[1:]))))  # fmt: skip
        for letter, what in _LETTERS.items():
            of = Counter(row["band"] for name, row in each["rows"].items() if name.startswith(letter))
            if of:
                clients.append((log, what, *(_number(of[band]) for band in reversed(BANDS))))
        missed += [
            f"* {log} {name}, {row['what']} ({row['band']}): {WHY_NOT[log].get(name, 'not explained')}"
            for name, row in each["rows"].items()
            if name.startswith("S") and row["band"] in BANDS[:2]
        ]
    found = [
        (log, name, row["what"], row["band"], f"{row['points']:g}", " ".join(row["signals"]))
        for log, each in logs.items()
        for name, row in each["rows"].items()
        if row["band"] in BANDS[2:]
    ]
    return [
        LOGS,
        _markdown(("log", "page views", "clients of a day", *reversed(BANDS[1:])), bands),
        _markdown(("log", "named by a person", *reversed(BANDS)), clients),
        _markdown(("log", "client", "what", "band", "points", "signals"), found),
        _titles(name for *_, names in found for name in names.split()),
        f"{MISSED}\n\n" + "\n".join(missed),
    ]


def _by_eye(by_eye: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    rows = [
        (log, str(place), each["band"], str(each["members"]), " ".join(each["signals"]), each["what"], each["act"])
        for log, cases in by_eye.items()
        for place, each in enumerate(cases, 1)
    ]
    acted = Counter(row[2] for row in rows if row[-1].startswith("yes"))
    read = Counter(row[2] for row in rows)
    bands = ", ".join(f"{acted[band]} of {read[band]} *{band}*" for band in reversed(BANDS) if read[band])
    head = ("log", "place", "band", "clients", "signals of the worst", "what the lines say", "act?")
    return [EYE.format(acted=acted.total(), read=len(rows), bands=bands), _markdown(head, rows)]


def _titles(names: Iterable[str]) -> str:
    known = all_signals()
    return "; ".join(f"{name} {known[name].en.title}" for name in sorted({*names} & {*known}, key=list(known).index))


def _fired(signals: Mapping[str, int]) -> str:
    order = list(all_signals())
    return ", ".join(f"{name} {signals[name]}" for name in sorted(signals, key=order.index))


def _number(count: int) -> str:
    return str(count or "")


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Write the tables, of new results where files are given."""
    if sys.argv[1:]:
        corpora, logs = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
        RESULTS.write_text(json.dumps(kept(corpora, logs), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    results, by_eye = (json.loads(file.read_text(encoding="utf-8")) for file in (RESULTS, BY_EYE))
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables(results, by_eye)), encoding="utf-8")


if __name__ == "__main__":
    main()
