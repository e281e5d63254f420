"""Commands of the collector: `collect` and `demo-site`."""

from __future__ import annotations

import typer

from pipeline.settings.model import load
from pipeline.system.console import ConfigOption, Panel, errors


def register(app: typer.Typer) -> None:
    """Add the commands of this package."""
    app.command(rich_help_panel=Panel.RUN)(collect)
    app.command(rich_help_panel=Panel.TRY)(demo_site)


def collect(config: ConfigOption = None) -> None:
    """Run the collector: receive hits and write events to disk."""
    from collector.server import serve
    from pipeline.system.hardening import die_with_parent, harden_process

    harden_process()
    die_with_parent()
    serve(load(config), errors.print)


def demo_site(config: ConfigOption = None) -> None:
    """Serve the demo clinic: a small site with the tag in every form."""
    from collector.demo.site import serve
    from pipeline.system.hardening import die_with_parent

    die_with_parent()
    settings = load(config)
    serve(settings, settings.sites[0], settings.collector.browser_url)
