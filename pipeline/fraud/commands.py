"""`fraud`: the commands of the review."""

from __future__ import annotations

import typer

from pipeline.claims import commands as claims
from pipeline.system.console import Panel

app = typer.Typer(help="Review of fraud: claims for refunds, advice for a firewall.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    claims.register(app)
    root.add_typer(app, name="fraud", rich_help_panel=Panel.ASK)
