"""Commands of the collector."""

from __future__ import annotations

import os

import typer

from pipeline.embedding import commands
from pipeline.settings import config_file, load
from pipeline.system.console import ConfigOption, errors


def register(app: typer.Typer) -> None:
    """Add the commands of this package."""
    app.command()(collect)
    commands.register(app)


def collect(config: ConfigOption = None) -> None:
    """Run the collector: receive hits and put events on disk."""
    settings = load(config)
    if (file := config_file(config)) is not None:
        os.environ["PIXEL_CONFIG"] = str(file.resolve())  # the worker processes read the same file

    from collector.server import serve
    from pipeline.system.hardening import die_with_parent, harden_process

    harden_process()
    die_with_parent()

    serve(settings, errors.print)
