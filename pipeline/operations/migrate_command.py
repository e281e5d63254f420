"""Command `migrate`: apply migrations, life spans and report views."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import settings as configuration
from pipeline.system.console import ConfigOption, console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(
    config: ConfigOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="First wait until ClickHouse answers.")] = False,
) -> None:
    """Bring the database to the state of this version; safe to run again."""
    from pipeline.database.client import wait_until_answering
    from pipeline.operations.migrate import migrate as bring_up_to_date

    settings = configuration.load(config)
    if wait:
        wait_until_answering(settings)
    applied = bring_up_to_date(settings)
    console.print(f"applied: {', '.join(applied)}" if applied else "nothing to do", highlight=False, markup=False)
