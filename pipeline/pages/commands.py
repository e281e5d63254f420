"""`pages learn` and `pages show`: the public pages of a site, which are stored as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.system.console import ConfigOption, FormatOption, Panel, console, print_facts, print_rows

if TYPE_CHECKING:
    from pipeline.settings import Settings, Site


def register(app: typer.Typer) -> None:
    """Add the `pages` commands."""
    pages = typer.Typer(help="Public pages of a site, whose addresses are stored as they are.", no_args_is_help=True)
    pages.command("learn")(learn)
    pages.command("show")(show)
    app.add_typer(pages, name="pages", rich_help_panel=Panel.EMBED)


def learn(
    source: Annotated[str, typer.Argument(help="Address of the site or of its sitemap, or a file of addresses.")],
    site: Annotated[str, typer.Option(help="The site's id.", show_default="the one with the source's host")] = "",
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Read the sitemap of a site; `ship` reads it again daily."""
    from pathlib import Path

    from pipeline import settings
    from pipeline.pages.learn import learn as learn_pages

    loaded = settings.load(config)
    if not source.startswith(("http://", "https://")):
        source = str(Path(source).resolve())
    with console.status("Reading the sitemap") as status:
        learned = learn_pages(
            loaded,
            _site(loaded, site, source),
            source,
            lambda done, known: status.update(f"Reading the sitemap: file {done} of {known}"),
        )
    print_facts(
        {
            "site": learned.site,
            "source": learned.source,
            "pages": learned.paths,
            "left out, on other hosts": learned.foreign,
            "left out, too long": learned.too_long,
        },
        form,
        title="Collectors use the list within five minutes; `ship` reads the source again daily.",
    )


def show(form: FormatOption = None, config: ConfigOption = None) -> None:
    """Show which sites have a list, from where and since when."""
    from pipeline import settings
    from pipeline.pages.known import read

    loaded = settings.load(config)
    rows = []
    for site in loaded.sites:
        listed = read(loaded, site.id)
        rows.append(
            (site.id, len(listed.paths), f"{listed.learned:%Y-%m-%d %H:%M}", listed.source)
            if listed
            else (site.id, 0, "", "no list; make one with `clinic-pixel pages learn`")
        )
    print_rows(("site", "pages", "learned", "source"), rows, form)


def _site(loaded: Settings, name: str, source: str) -> Site:
    """Return the site of this id, or, without an id, the one whose host the source is on, or the first."""
    from pipeline.scrub.urls import split_url

    if name:
        return loaded.chosen_site(name)
    host = split_url(source).host
    return next((site for site in loaded.sites if host in site.hosts), loaded.sites[0])
