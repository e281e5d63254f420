"""Command `clickhouse`: run the embedded server, or print the access statements for an existing one."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.settings import model as configuration
from pipeline.system.console import ConfigOption, Panel


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.RUN)(clickhouse)


def clickhouse(
    config: ConfigOption = None,
    access_sql: Annotated[
        bool, typer.Option("--access-sql", help="Print users, grants and row policies for an existing server; end.")
    ] = False,
) -> None:
    """Run the embedded ClickHouse until it is stopped."""
    settings = configuration.load(config)
    if access_sql:
        from pipeline.database import access

        sys.stdout.write(access.access_sql(access.make_passwords(settings)))
        return
    from pipeline.database import embedded
    from pipeline.system.hardening import die_with_parent

    die_with_parent()
    embedded.serve(settings)
