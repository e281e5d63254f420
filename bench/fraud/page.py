"""The table of attacks and bands in `docs/fraud.md`, between two markers.

`python -m bench.fraud.page RAW...` takes files of `bench.fraud.attacks`, keeps what the table needs in `attacks.json` and writes the table; without a file it
writes the table again.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.fraud.attacks import BANDS, CLEAN, SUSPECTED
from pipeline.attackers.catalogue import ATTACKS, KINDS, LOOK_ALIKES

RESULTS: Final = Path(__file__).parent / "attacks.json"
PAGE: Final = Path(__file__).parents[2] / "docs/fraud.md"
BEGIN: Final = "<!-- attacks: begin (python -m bench.fraud.page) -->"
END: Final = "<!-- attacks: end -->"
KEPT: Final = ("kind", "seed", "visitors", "clients", "bands", "best", "score", "signals", "beside")
UNKNOWN: Final = "not recorded"
"""The version of the rules of results that were measured before it was kept."""
INNOCENT: Final = ("person", "staff")
HEAD: Final = """\
## Made-up attacks, and innocent visitors who look like them
`python -m bench.fraud.attacks` puts kinds, {together} to a day, into the last of eight days of a made-up clinic with {visitors} visitors; the hits take the product's own steps, and the day is scored with
the shipped values of what is usual, as on the first day of a site. A kind counts in the band of its worst suspect: the numbers are days of {seeds} made-up
clinics. "Clients" is the share of its own clients that reach *watch* or *likely*; a browser that keeps cookies is two clients, because its first hit has
none. "Signals" are those that gave the worst suspect points on most days. `clinic-pixel simulate --attack NAME` sends each of them to a real system.
Version of the rules that was measured: {rules}; `fraud.runs` names the one in use. Other rules may give other bands."""
ATTACKS_HEAD: Final = "### Attacks\nAn attack that stays at *unclear* or *none* is missed."
LOOK_ALIKES_HEAD: Final = (
    "### Innocent look-alikes\nEach of them in *watch* costs a reviewer's time; none may be in *likely*."
)
OTHERS: Final = """\
The patients and staff of these {days} days, who did nothing but visit, were scored beside each of the kinds: of them {suspected}
in *watch* or *likely*. The robots and the scanner of these days are no innocents and are not counted here."""
COLUMNS: Final = ("kind", *reversed(BANDS), "clients", "signals")
_MOST_SIGNALS: Final = 5


def kept(raw: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the table needs of raw results, in the order of the catalogue; of one kind and seed the last result counts."""
    places = {name: place for place, name in enumerate([*KINDS, CLEAN])}
    found = {}
    for each in raw:
        others = Counter(f"{other['who']} {other['band']}" for other in each["others"])
        facts = {name: each[name] for name in KEPT}
        facts |= {"rules": each.get("rules", UNKNOWN), "others": dict(sorted(others.items()))}
        found[each["kind"], each["seed"], each["visitors"]] = facts
    return sorted(found.values(), key=lambda each: (places[each["kind"]], each["visitors"], each["seed"]))


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the part of the page between the markers; `results` are those of `kept`."""
    visitors = sorted({each["visitors"] for each in results})
    seeds = sorted({each["seed"] for each in results})
    together = f"up to {max(each['beside'] for each in results) + 1}"
    rules = ", ".join(sorted({each.get("rules", UNKNOWN) for each in results}))
    parts = [HEAD.format(together=together, visitors=" or ".join(map(str, visitors)), seeds=len(seeds), rules=rules)]
    for head, kinds in ((ATTACKS_HEAD, ATTACKS), (LOOK_ALIKES_HEAD, LOOK_ALIKES)):
        if rows := list(_rows(results, kinds)):
            parts += [head, _markdown(COLUMNS, rows)]
            known = {each["kind"] for each in results}
            parts.append("\n".join(f"* `{name}`: {kind.sentence}" for name, kind in kinds.items() if name in known))
    beside, days = _beside(results)
    suspected = ", ".join(f"{count} as {who}" for who, count in sorted(beside.items())) or "none"
    parts.append(OTHERS.format(days=days, suspected=suspected))
    return "\n\n".join(parts)


def with_table(page: str, made: str) -> str:
    """Return the page with the table between its markers; they are added at the end where the page has none."""
    if BEGIN not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def _rows(results: Sequence[Mapping[str, Any]], kinds: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for kind in kinds:
        runs = [each for each in results if each["kind"] == kind]
        if not runs:
            continue
        best = Counter(each["best"] for each in runs)
        clients = sum(each["clients"] for each in runs)
        suspected = sum(each["bands"].get(band, 0) for each in runs for band in SUSPECTED)
        signals = Counter(signal for each in runs for signal in each["signals"])
        usual = [name for name, count in signals.most_common(_MOST_SIGNALS) if count * 2 >= len(runs)]
        share = f"{suspected / clients:.0%}" if clients else ""
        yield kind, *(str(best[band] or "") for band in reversed(BANDS)), share, " ".join(sorted(usual))


def _beside(results: Sequence[Mapping[str, Any]]) -> tuple[Counter[str], int]:
    """Return how many of the clinics' own visitors are suspected by band, and the number of the clinics' days.

    The same day is scored beside many kinds, so of each day the worst scoring counts.
    """
    days: dict[tuple[int, int], Counter[str]] = {}
    for each in results:
        innocent = Counter({who: count for who, count in each["others"].items() if who.startswith(INNOCENT)})
        day = each["seed"], each["visitors"]
        days[day] = Counter(days.get(day, Counter()) | innocent)
    return sum(days.values(), Counter()), len(days)


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    raw = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text(encoding="utf-8").splitlines()]
    if raw:
        lines = ",\n".join(json.dumps(each) for each in kept(raw))
        RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Fraud\n"
    PAGE.write_text(with_table(page, table(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
