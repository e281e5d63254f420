"""Commands `clickhouse` (the embedded server, or the access statements for another) and `connect` (for tools of one's own)."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from pipeline.database.access import Reader, read_passwords
from pipeline.settings import model as configuration
from pipeline.system.console import (
    ConfigOption,
    Format,
    FormatOption,
    Panel,
    chosen,
    console,
    language_of,
    print_facts,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=Panel.RUN)(clickhouse)
    app.command(rich_help_panel=Panel.ASK)(connect)


def clickhouse(
    config: ConfigOption = None,
    access_sql: Annotated[
        bool, typer.Option("--access-sql", hidden=True, help="The earlier name of `migrate --grants sql`.")
    ] = False,
) -> None:
    """Run the embedded ClickHouse until it is stopped."""
    settings = configuration.load(config)
    if access_sql:
        from pipeline.database import access

        sys.stdout.write(access.access_sql(access.make_passwords(settings), cluster=bool(settings.clickhouse.cluster)))
        return
    if find_spec("chdb") is None:
        raise ModuleNotFoundError(name="chdb")
    from pipeline.database import embedded
    from pipeline.system.hardening import die_with_parent

    die_with_parent()
    embedded.serve(settings)


def connect(
    role: Annotated[Reader, typer.Argument(help="Role of the person who asks.", show_default=False)],
    password: Annotated[bool, typer.Option("--password", help="Print the password and nothing else.")] = False,
    grafana: Annotated[
        bool, typer.Option("--grafana", help="Print a data source of Grafana and nothing else.")
    ] = False,
    form: FormatOption = None,
    lang: Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")] = "",
    config: ConfigOption = None,
) -> None:
    """Print how to read the reports with your own tools: address, user, curl, Grafana, a tunnel."""
    from pipeline.database import own_tools

    language = language_of(lang)
    if password and grafana:
        raise typer.BadParameter("--password and --grafana: one of them")
    settings = configuration.load(config)
    program = _program(config)
    if password:
        typer.echo(read_passwords(settings)[role])
    elif grafana:
        typer.echo(own_tools.grafana(settings, role, program), nl=False)
    elif chosen(form) is Format.TABLE:
        for part in own_tools.page(settings, role, program, language):
            _print_part(part)
    else:
        print_facts(own_tools.facts(settings, role, program), form)


def _print_part(part: str) -> None:
    title, *lines = part.splitlines()
    console.print(title, style="bold", markup=False, highlight=False)
    for line in lines:
        to_paste = line.startswith("  ")
        console.print(line, markup=False, highlight=False, soft_wrap=to_paste, style=None if to_paste else "dim")
    console.print()


def _program(config: Path | None) -> str:
    """Return the words that start this program again from this shell with these settings."""
    started = Path(sys.argv[0])
    words = str(started) if started.name == "clinic-pixel" else f"{sys.executable} -m pipeline"
    if shutil.which("clinic-pixel") == words:
        words = "clinic-pixel"
    return f"PIXEL_CONFIG={shlex.quote(str(config))} {words}" if config else words
