"""`lists build` and `lists fetch`: compile the address lists for the collector, download the keys of signing programs."""

from __future__ import annotations

from pathlib import Path

import typer

from pipeline.system.console import ConfigOption, FormatOption, Panel, console, print_rows

_COLUMNS = ("list", "net_class", "networks", "joined_ipv4", "joined_ipv6", "ipv4_addresses")


def register(app: typer.Typer) -> None:
    """Add the `lists` commands."""
    lists = typer.Typer(help="Address lists, looked up before an address is replaced.", no_args_is_help=True)
    lists.command("build")(build)
    lists.command("fetch")(fetch)
    app.add_typer(lists, name="lists", rich_help_panel=Panel.INSIDE)


def build(config: ConfigOption = None, form: FormatOption = None) -> None:
    """Compile the configured address lists into one file, which collectors read at their start."""
    from pipeline.networks import lists
    from pipeline.settings import model as settings

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


def fetch(config: ConfigOption = None, form: FormatOption = None) -> None:
    """Download the keys of the programs that sign their requests; collectors take them within a minute."""
    from pipeline.errors import Fatal, Retryable
    from pipeline.networks.fetch import fetch_keys
    from pipeline.settings import model as settings

    loaded = settings.load(config)
    if not loaded.networks.signed_agents:
        raise Fatal("networks.signed_agents: expected at least one program; see docs/settings.md")
    with console.status("Downloading the keys"):
        found = fetch_keys(loaded)
    print_rows(("agent", "url", "keys", "trouble"), found, form)
    troubles = [each.agent for each in found if each.trouble]
    if troubles:
        raise Retryable(f"no new keys of {', '.join(troubles)}")


def _short(file: Path) -> str:
    return "/".join(file.parts[-2:])
