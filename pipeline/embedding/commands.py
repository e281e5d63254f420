"""Commands for the page owner: `snippet` and `check-tag`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.settings.model import config_file, load
from pipeline.system.console import (
    ConfigOption,
    Format,
    FormatOption,
    Panel,
    chosen,
    console,
    language_of,
    print_facts,
    print_rows,
)

if TYPE_CHECKING:
    from pipeline.embedding.check_parts import Remark

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[bold red]problem[/]"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("snippet", rich_help_panel=Panel.EMBED)(print_snippet)
    app.command("check-tag", rich_help_panel=Panel.EMBED)(check_tag)


def print_snippet(
    site: Annotated[str, typer.Option(help="The site's id; may be left out where there is one site.")] = "",
    url: Annotated[str, typer.Option(help="Where browsers reach the collector; else `collector.public_url`.")] = "",
    consent: Annotated[
        str,
        typer.Option(help="`implied`, `explicit`, or `wait` until the person has answered; else the site's setting."),
    ] = "",
    ads: Annotated[bool, typer.Option("--ads", help="Also the lines for ad blocks.")] = False,
    technical: Annotated[str, typer.Option(help="Technical signals: errors,resources,vitals or some of them.")] = "",
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share of page loads that send measurements.")] = 1,
    release: Annotated[str, typer.Option(help="Release of the site, sent by the script with every event.")] = "",
    platform: Annotated[
        str, typer.Option(help="Only the file for a site of: wordpress, bitrix, php, php-image, turbo.")
    ] = "",
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="`csv` or `json`; default: the lines themselves, also in a pipe.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print the exact lines to paste into a site's pages."""
    from pipeline.embedding.platforms import Choice, chosen_lines
    from pipeline.embedding.snippet import STALE, as_html

    settings = load(config)
    choice = Choice(
        url=url, consent=consent, ads=ads, technical=technical, sample=sample, release=release, platform=platform
    )
    try:
        lines = chosen_lines(settings, settings.chosen_site(site), choice, datetime.now(UTC).date())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if form in (Format.CSV, Format.JSON):
        print_rows(("name", "where", "text"), lines, form)
    elif not sys.stdout.isatty():
        typer.echo(lines[0].text if platform else as_html(lines))
    else:
        for name, where, text in lines:
            console.print(f"[bold]{name}[/] [dim]- {escape(where)}[/]", highlight=False)
            console.print(text, markup=False, highlight=False, soft_wrap=True)
            console.print()
        console.print(STALE, style="dim", markup=False, highlight=False)


def check_tag(
    url: Annotated[str, typer.Argument(help="Address of a page; it and the files of its tag are loaded.")],
    lang: Annotated[str, typer.Option(help="Language of the findings: en or ru.")] = "en",
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Load a page and the files of its tag, list the fields that arrive, and the problems."""
    from pipeline.embedding.arrival import Arrival
    from pipeline.embedding.check_page import check_page
    from pipeline.told import in_language

    language = language_of(lang)
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"expected an address that begins with http:// or https://, got {url!r}")
    file = config_file(config)
    checked = check_page(url, load(file) if file is not None else None)
    remarks = [remark._replace(text=in_language(remark.text, language)) for remark in checked.remarks]
    ways = [Arrival(*(in_language(text, language) for text in way)) for way in checked.ways]
    if chosen(form) is Format.TABLE:
        _print_remarks(remarks)
        if ways:
            note = "IP address, cookie, browser and time come with every request."
            ways = [Arrival(*map(escape, way)) for way in ways]
            print_rows(
                ("way", "page address", "previous page", "ad block"), ways, form, title="\nWhat arrives", note=note
            )
    else:
        facts = {
            "url": url,
            "status": checked.status,
            "findings": [remark._asdict() for remark in remarks],
            "arrives": [way._asdict() for way in ways],
        }
        print_facts(facts, Format.JSON)
    raise typer.Exit(checked.problems > 0)


def _print_remarks(remarks: Iterable[Remark]) -> None:
    table = Table.grid(padding=(0, 1, 0, 0))
    for level, text in remarks:
        table.add_row(_MARKS[level], escape(text))
    console.print(table, highlight=False)
