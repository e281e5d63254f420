"""The output of commands: tables on a terminal, JSON in a pipe, errors on stderr.

Owns the two consoles, the shared options, the choice of the language and the one function that prints rows.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

TOKEN_LENGTH = 16
"""Characters of a 64-bit token in hexadecimal: a table never breaks a text of at most this length."""

console = Console()
errors = Console(stderr=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file; default: PIXEL_CONFIG, then ./pixel.toml.", show_default=False),
]


class Panel(StrEnum):
    """The groups of commands in `--help`."""

    RUN = "Run"
    TRY = "Try"
    ASK = "Ask"
    EMBED = "Embed the pixel"
    PRIVACY = "Privacy"
    INSIDE = "Look inside"


class Format(StrEnum):
    """Forms of printed rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format", help="Form of the rows; default: a table on a terminal, JSON in a pipe.", show_default=False
    ),
]


def chosen(form: Format | None) -> Format:
    """Return the given form, else a table for a terminal and JSON for a pipe."""
    if form is not None:
        return form
    return Format.TABLE if sys.stdout.isatty() else Format.JSON


def language_of(asked: str) -> Literal["en", "ru"]:
    """Return the language of the output: the given one, else the language of LC_ALL, LC_MESSAGES or LANG."""
    if asked not in {"", "en", "ru"}:
        raise typer.BadParameter(f"--lang: expected en or ru, got {asked!r}")
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "ru" if (asked or named).startswith("ru") else "en"


def print_rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    form: Format | None = None,
    *,
    title: str = "",
    note: str = "",
) -> None:
    """Print rows as a table, CSV or JSON (a list of objects); only the table has title and note."""
    match chosen(form):
        case Format.JSON:
            sys.stdout.buffer.write(
                orjson.dumps(
                    [dict(zip(columns, row, strict=True)) for row in rows],
                    default=str,
                    option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
                )
            )
            sys.stdout.buffer.flush()
        case Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            # The form of JSON, which every program reads.
            writer.writerows(
                [value.isoformat() if isinstance(value, datetime) else value for value in row] for row in rows
            )
        case Format.TABLE:
            if title:
                console.print(title, style="bold", highlight=False, markup=False)
            console.print(_table(columns, rows))
            if note:
                console.print(note, style="dim", highlight=False, markup=False)


def print_facts(facts: Mapping[str, object], form: Format | None = None, *, title: str = "") -> None:
    """Print the facts of one thing: two columns on a terminal, one JSON object in a pipe."""
    if chosen(form) is Format.JSON:
        sys.stdout.buffer.write(
            orjson.dumps(dict(facts), default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
        sys.stdout.buffer.flush()
        return
    print_rows(("what", "value"), list(facts.items()), form, title=title)


WITHOUT_NUMBER = ("", "<5")
"""Cells in a column of numbers: none, or of too few visitors."""


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, column in enumerate(columns):
        numeric = any(isinstance(row[place], int | float) for row in rows) and all(
            isinstance(row[place], int | float) or row[place] in WITHOUT_NUMBER for row in rows
        )
        # A token broken over two lines cannot be copied; sentences may break.
        short = all(len(str(row[place])) <= TOKEN_LENGTH for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=short)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return str(value)
