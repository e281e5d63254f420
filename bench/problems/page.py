"""`docs/problems.md`: the words of `words.md`, and the results of made-up faults and of clean weeks beside them.

`python -m bench.problems.page RAW...` takes files of `bench.problems.faults`, scores them into `results.json` and writes the page; without a file it writes the page again.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.problems.public import RESULTS as PUBLIC_RESULTS
from bench.problems.truth import false_problems, score
from pipeline.traffic.faults import KINDS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs/problems.md"
FAULTS: Final = """\
## Made-up faults, found or missed
`python -m bench.problems.faults` makes four weeks of a believable clinic (`simulate --history`), then a fault; the hits take the steps of the product and are evaluated each
hour as `ship` would, for a week. "Size" is the share of the affected people that the fault hits. "Rightly" means that the first new problem has the right watch and
slice. "Limit" is the expected number until it was named, in parts of the number after which it is certain when everything is known (ln 100,000 / (1 - f + f ln f) for
a loss to the part f). "Others" are other problems named in the week, of all runs."""
CLEAN: Final = """\
## Weeks without a fault
Thirty days of the same clinics without a fault (but for the one dead link that each of them has), evaluated each hour: the number of false problems of each seed."""
PUBLIC: Final = """\
## Public series of other people's traffic
`python -m bench.problems.public DIRECTORY` feeds public counts as the people and views of a whole site and evaluates each hour; only the watches `all_traffic` and
`traffic_spike` have numbers to look at. Of the Numenta Anomaly Benchmark the windows are labelled by people. Nobody labelled the days of OpenCitations: a window is
a day (or days in a row) with at most a half or at least three times the median of the same kind of day in the four weeks before. "Hit" are windows with an
hour in which a problem was active, of those that the engine could judge; a series gives no sentence before its fifteenth day. A false hour has an active problem and is in no window.
"""
PUBLIC_END: Final = """\
**It does not work here:** the one series of the benchmark that counts requests is fourteen days long, and a loss of a whole site is judged from the fifteenth day on. The
bytes of a server are an amount, as long and no count. The others are prices, times, percents and speeds, of which no sum is a number of people: {others}.
The daily requests of robots (`generic_bot`, `llm_bot`) change their level for good, from the end of January to a half and from 17 January to three times of it: a
problem until the engine forgets the hours before, after four weeks and more, while the yardstick is content earlier. A series with a few requests a day
(`llm_bot sparql`) has empty days that are no fault. Losses in a series of sudden jumps (`human sparql`, `human web`) hide in its own spread. Requests of
people are the case for which the engine is made: of `human api` it names two of three windows without a false hour, and misses the third one, a week at a half in
February, because after a spike its days differ by more than a third from each other, and a half is not told apart from that.
Daily numbers are spread evenly over their hours, so these series say nothing about the hours of a day."""
_FEW_LOOKS: Final = 24
PUBLIC_COLUMNS: Final = ("series", "counts", "days", "windows hit", "false hours in 30 days", "problems named")
COLUMNS: Final = ("fault", "visitors a day", "size", "named", "rightly", "median hours", "limit", "others")


def scored(raw: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the scores of raw results, without the problems themselves."""
    found = []
    for each in raw:
        facts = {name: each[name] for name in ("fault", "visitors", "size", "seed", "opt_out")}
        if each["fault"]:
            facts |= score(each)._asdict()
        else:
            facts["false"] = len(false_problems(each))
        found.append(facts)
    return sorted(
        found, key=lambda each: (each["fault"], each["visitors"], each["opt_out"], -each["size"], each["seed"])
    )


def page(words: str, results: Sequence[Mapping[str, Any]], public: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return the page as Markdown; `public` are the outcomes of public series."""
    return "\n\n".join([*_parts(words, results), *_public(public)]) + "\n"


def _parts(words: str, results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield words.strip()
    usual = [each for each in results if each["opt_out"] == 0.05]
    if faults := [each for each in usual if each["fault"]]:
        yield FAULTS
        yield _table(COLUMNS, _rows(faults))
        yield "The faults:\n\n" + "\n".join(f"* `{name}`: {kind.sentence}" for name, kind in KINDS.items())
    if other := [each for each in results if each["opt_out"] != 0.05 and each["fault"]]:
        yield "## With other shares of people without visitor"
        rows = [
            (f"{opt_out:.0%}", *row[1:])
            for opt_out in sorted({each["opt_out"] for each in other})
            for row in _rows([{**each, "fault": ""} for each in other if each["opt_out"] == opt_out])
        ]
        yield _table(("opt-out", *COLUMNS[1:]), rows)
    if clean := [each for each in results if not each["fault"]]:
        yield CLEAN
        keys = sorted({(each["visitors"], each["opt_out"]) for each in clean})
        rows = []
        for visitors, opt_out in keys:
            counts = sorted(
                each["false"] for each in clean if (each["visitors"], each["opt_out"]) == (visitors, opt_out)
            )
            rows.append(
                (
                    f"{visitors:,}",
                    f"{opt_out:.0%}",
                    str(len(counts)),
                    f"{median(counts):.0f}",
                    str(counts[-1]),
                    str(sum(counts)),
                )
            )
        yield _table(("visitors a day", "opt-out", "seeds", "median", "worst", "all"), rows)


def _public(outcomes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not outcomes:
        return
    yield PUBLIC.strip()
    counts = [each for each in outcomes if each["looks"] is not None]
    rows = [
        (
            f"{each['source']}: {each['series'].replace('_', ' ')}",
            each["kind"],
            f"{each['hours'] / 24:.0f}",
            f"{each['hit']} of {each['judged']}" if each["judged"] else f"none of {each['windows']} judged",
            f"{each['false_in_30_days']:.0f}" if each["looks"] > _FEW_LOOKS else "too short",
            str(len(each["named"])),
        )
        for each in counts
    ]
    yield _table(PUBLIC_COLUMNS, rows)
    others = Counter(each["kind"] for each in outcomes if each["looks"] is None)
    yield PUBLIC_END.format(others=", ".join(f"{kind} ({number})" for kind, number in others.items()))


def _rows(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    keys = dict.fromkeys((each["fault"], each["visitors"], each["size"]) for each in results)
    for fault, visitors, size in keys:
        runs = [each for each in results if (each["fault"], each["visitors"], each["size"]) == (fault, visitors, size)]
        hours = [each["hours"] for each in runs if each["hours"] is not None]
        over = [each["over_limit"] for each in runs if each["over_limit"] is not None]
        yield (
            fault,
            f"{visitors:,}",
            f"{size:.0%}",
            f"{len(hours)} of {len(runs)}",
            f"{sum(each['is_right'] for each in runs)} of {len(hours)}" if hours else "",
            f"{median(hours):.0f}" if hours else "",
            f"{median(over):.1f}" if over else "",
            str(sum(each["others"] for each in runs)),
        )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    raw = [json.loads(line) for name in sys.argv[1:] for line in Path(name).read_text(encoding="utf-8").splitlines()]
    if raw:
        lines = ",\n".join(json.dumps(each) for each in scored(raw))
        RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    words = (HERE / "words.md").read_text(encoding="utf-8")
    PAGE.write_text(page(words, _read(RESULTS), _read(PUBLIC_RESULTS)), encoding="utf-8")


def _read(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return found


if __name__ == "__main__":
    main()
