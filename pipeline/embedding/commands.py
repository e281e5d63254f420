"""Commands for the page owner: `snippet` and `check-tag`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from rich.markup import escape

from pipeline.errors import Fatal
from pipeline.settings import config_file, load
from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, console, print_facts, print_rows

if TYPE_CHECKING:
    import urllib3

LONGEST_PAGE = 4 * 1024 * 1024
CHUNK = 64 * 1024
SECONDS = 10.0  # for the whole page, even if it arrives slowly
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
    release: Annotated[str, typer.Option(help="Release of the site, sent with measurements.")] = "",
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
    from pipeline.embedding.platforms import PLATFORMS
    from pipeline.embedding.snippet import PARTS, STALE, Part, Wish, as_html, snippet

    settings = load(config)
    chosen_site = settings.chosen_site(site)
    parts = tuple(part for part in technical.replace(",", " ").split())
    if unknown := set(parts) - set(PARTS):
        raise typer.BadParameter(f"--technical knows {', '.join(PARTS)}; got {', '.join(sorted(unknown))}")
    if consent not in ("", "implied", "explicit", "wait"):
        raise typer.BadParameter(f"--consent is implied, explicit or wait; got {consent}")
    if platform not in ("", *PLATFORMS):
        raise typer.BadParameter(f"--platform is one of {', '.join(PLATFORMS)}; got {platform}")
    wish = Wish(
        site=chosen_site.id,
        collector=url or settings.collector.browser_url,
        consent=cast("Literal['implied', 'explicit', 'wait']", consent or chosen_site.consent),
        keep=chosen_site.kept_parameters,
        ads=ads,
        technical=cast("tuple[Part, ...]", parts),
        sample=sample,
        release=release,
        upstream=f"http://127.0.0.1:{settings.collector.port}",
        decided=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    lines = (PLATFORMS[platform](wish),) if platform else snippet(wish)
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
    url: Annotated[str, typer.Argument(help="Address of a page; the only address that is connected to.")],
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Load a page, list the fields that its tag delivers, and the problems."""
    from pipeline.embedding.arrival import Loaded, arrivals
    from pipeline.embedding.check_tag import check, check_settings

    loaded = Loaded.of(*_load(url))
    remarks, ways = check(loaded), arrivals(loaded)
    if (file := config_file(config)) is not None:
        remarks = check_settings(loaded, load(file).sites) + remarks
    if chosen(form) is Format.TABLE:
        for level, text in remarks:
            console.print(f"{_MARKS[level]}", end=" ")
            console.print(text, markup=False, highlight=False)
        if ways:
            note = "IP address, cookie, browser and time come with every request."
            print_rows(
                ("way", "page address", "previous page", "ad block"), ways, form, title="\nWhat arrives", note=note
            )
    else:
        facts = {
            "url": url,
            "status": loaded.status,
            "findings": [remark._asdict() for remark in remarks],
            "arrives": [way._asdict() for way in ways],
        }
        print_facts(facts, Format.JSON)
    raise typer.Exit(any(remark.level == "problem" for remark in remarks))


def _load(url: str) -> tuple[str, int, dict[str, str], str]:
    import urllib3

    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"expected an address that begins with http:// or https://, got {url!r}")
    said = {"User-Agent": "clinic-pixel check-tag"}
    try:
        with (
            urllib3.PoolManager(timeout=SECONDS, retries=False, headers=said) as pool,
            pool.request("GET", url, preload_content=False, redirect=False) as answer,
        ):
            if answer.get_redirect_location():
                raise Fatal(f"{url} redirects to {answer.get_redirect_location()}: check that address")
            text = _body(url, answer).decode("utf-8", "replace")
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:
        raise Fatal(f"{url} cannot be loaded: {type(error).__name__}; is the address right and the site up?") from None
    return url, answer.status, dict(answer.headers), text


def _body(url: str, answer: urllib3.BaseHTTPResponse) -> bytes:
    body = bytearray()
    end = time.monotonic() + SECONDS
    while part := answer.read1(CHUNK):  # `read` would wait for the whole part
        body += part
        if len(body) > LONGEST_PAGE:
            raise Fatal(f"{url} is longer than {LONGEST_PAGE // 2**20} MiB: too long to check")
        if time.monotonic() > end:
            raise Fatal(f"{url} takes longer than {SECONDS:.0f} s to load: too slow to check")
    return bytes(body)
