"""`docs/performance.md`: the results beside the words of `words.toml`, which a new run keeps; `python -m bench.page` writes it. Pure but for `write`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import results as results_file
from bench.figures import Figure, Table
from bench.results import Result

PAGE = Path(__file__).parents[1] / "docs/performance.md"
WORDS = Path(__file__).with_name("words.toml")
COLUMNS = ("what", "median", "lowest to highest", "target", "")


def write(results: Mapping[str, Result]) -> None:
    PAGE.write_text(page(results, tomllib.loads(WORDS.read_text())))


def page(results: Mapping[str, Result], words: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    return "\n\n".join(_parts(results, words)) + "\n"


def cells(figure: Figure) -> tuple[str, ...]:
    """Return the cells of a figure, in the order of `COLUMNS`."""
    return figure.what, figure.value, figure.spread, str(figure.target or ""), figure.verdict


def _parts(results: Mapping[str, Result], words: Mapping[str, Any]) -> Iterator[str]:
    figures = results_file.by_key(results).values()
    yield words["begin"].strip()
    yield "## Targets"
    yield _table(COLUMNS, (cells(figure) for figure in figures if figure.target))
    if skipped := [line for result in results.values() for line in result.findings.skipped]:
        yield "Not measured: " + "; ".join(skipped) + "."
    yield "\n".join(_explained(figures, words["missed"]))
    for name, result in results.items():
        yield from _section(result, words["measurements"][name])
    yield "## Guard\n\n" + words["guard"].strip()
    yield from _machines(results)


def _explained(figures: Iterable[Figure], missed: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each missed target that has words."""
    for figure in figures:
        if figure.verdict == "missed" and figure.key in missed:
            yield f"* **{figure.what}** ({figure.value}, target {figure.target}): {missed[figure.key]}"


def _section(result: Result, words: Mapping[str, str]) -> Iterator[str]:
    yield f"## {words['title']}"
    yield words["how"].strip()
    if result.findings.figures:
        yield _table(COLUMNS, map(cells, result.findings.figures))
    for table in result.findings.tables:
        yield _titled(table)


def _titled(table: Table) -> str:
    return f"{table.title[0].upper()}{table.title[1:]}:\n\n{_table(table.columns, table.rows)}"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(columns)
    return "\n".join(map(_row, (head, ("---",) * len(head), *rows)))


def _row(row: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _machines(results: Mapping[str, Result]) -> Iterator[str]:
    """Yield each machine and effort once, with the measurements that were made so."""
    made: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, result in results.items():
        made.setdefault((*result.machine.items(), *result.effort.items()), []).append(name)
    for facts, names in made.items():
        which = "all measurements" if len(made) == 1 else ", ".join(names)
        yield f"## Machine and effort: {which}"
        yield _table(("what", "value"), facts)


if __name__ == "__main__":
    write(results_file.read())
