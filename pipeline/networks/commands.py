"""`lists build`: compile the address lists for the collector."""

from __future__ import annotations

from pathlib import Path

import typer

from pipeline.system.console import ConfigOption, FormatOption, Panel, console, print_rows

_COLUMNS = ("list", "net_class", "networks", "joined_ipv4", "joined_ipv6", "ipv4_addresses")


def register(app: typer.Typer) -> None:
    """Add the `lists` commands."""
    lists = typer.Typer(help="Address lists, looked up before an address is replaced.", no_args_is_help=True)
    lists.command("build")(build)
    app.add_typer(lists, name="lists", rich_help_panel=Panel.INSIDE)


def build(config: ConfigOption = None, form: FormatOption = None) -> None:
    """Compile the configured address lists into one file, which collectors read at their start."""
    from pipeline import settings
    from pipeline.networks import lists

    loaded = settings.load(config)
    with console.status("Compiling the address lists"):
        compiled = lists.build(loaded)
    size = loaded.lists_file.stat().st_size
    print_rows(
        _COLUMNS,
        [(_short(entry.file), *entry[1:]) for entry in compiled],
        form,
        note=f"{loaded.lists_file}: {size:,} bytes. Where lists overlap, the first one counts. Restart the collector to use the file.",
    )


def _short(file: Path) -> str:
    return "/".join(file.parts[-2:])
