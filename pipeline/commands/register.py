"""Which modules bring which commands of `pipeline`: one line each, in the order of `--help`."""

from __future__ import annotations

from importlib import import_module

import typer

MODULES: tuple[str, ...] = (
    "pipeline.operations.commands",
    "pipeline.operations.doctor_command",
    "pipeline.ship.commands",
    "pipeline.traffic.commands",
    "pipeline.database.commands",
    "pipeline.operations.migrate_command",
    "pipeline.networks.commands",
    "pipeline.spool.commands",
    "pipeline.keys.commands",
    "pipeline.keys.reveal_commands",
    "pipeline.subjects.commands",
    "pipeline.inventory.commands",
    "pipeline.privacy_check.commands",
    "pipeline.reports.commands",
    "pipeline.reports.sql_commands",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this package; each module has a function `register(app)`."""
    for name in MODULES:
        import_module(name).register(app)
