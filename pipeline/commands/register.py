"""Which modules bring which commands of `pipeline`: one line each, in the order of `--help`."""

from __future__ import annotations

from importlib import import_module

import typer

MODULES: tuple[str, ...] = (
    "up",
    "doctor",
    "ship",
    "replay",
    "clickhouse",
    "migrate",
    "lists",
    "spool",
    "keys",
    "reveal",
    "subject",
    "exposure",
    "verify",
    "report",
    "sql",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this package; each module has a function `register(app)`."""
    for name in MODULES:
        import_module(f"pipeline.commands.{name}").register(app)
