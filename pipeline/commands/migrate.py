"""Command `migrate`: apply migrations, life spans and report views."""

from __future__ import annotations

import typer

from pipeline import settings as configuration
from pipeline.commands.console import ConfigOption, console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(config: ConfigOption = None) -> None:
    """Bring the database to the state of this version; safe to run again."""
    from pipeline.migrate import migrate as bring_up_to_date

    applied = bring_up_to_date(configuration.load(config))
    console.print(f"applied: {', '.join(applied)}" if applied else "nothing to do", highlight=False, markup=False)
