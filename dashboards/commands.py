"""Commands of the dashboards: `dashboards` and `user`."""

from __future__ import annotations

import typer

from dashboards.access import commands as access
from pipeline.settings.model import load
from pipeline.system.console import ConfigOption, Panel, errors


def register(app: typer.Typer) -> None:
    """Add the commands of this package."""
    app.command(rich_help_panel=Panel.RUN)(dashboards)
    access.register(app)


def dashboards(config: ConfigOption = None) -> None:
    """Run the pages for ops, security, privacy and page owners."""
    from dashboards.server import serve
    from pipeline.system.hardening import die_with_parent, harden_process

    harden_process()
    die_with_parent()
    serve(load(config), lambda line: errors.print(line, soft_wrap=True, highlight=False, markup=False))
