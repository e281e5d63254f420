"""`pages learn` and `pages show`: the public pages of a site, which are stored as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.system.console import ConfigOption, FormatOption, Panel, console, print_facts, print_rows

if TYPE_CHECKING:
    from pipeline.settings.model import Settings
    from pipeline.settings.site import Site


def register(app: typer.Typer) -> None:
    """Add the `pages` commands."""
    pages = typer.Typer(help="Public pages of a site, whose addresses are stored as they are.", no_args_is_help=True)
    pages.command("learn")(learn)
    pages.command("show")(show)
    app.add_typer(pages, name="pages", rich_help_panel=Panel.EMBED)


def learn(
    source: Annotated[
        str,
        typer.Argument(
            help="Address of the site or of its sitemap, or a file of addresses.",
            show_default="the setting `sitemap` of every site",
        ),
    ] = "",
    site: Annotated[str, typer.Option(help="The site's id.", show_default="the one with the source's host")] = "",
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Read the sitemap of a site; `ship` reads it again daily."""
    from pathlib import Path

    from pipeline.pages.learn import learn as learn_pages
    from pipeline.settings import model as settings

    loaded = settings.load(config)
    if source and not source.startswith(("http://", "https://")):
        source = str(Path(source).resolve())
    asked = [(_site(loaded, site, source), source)] if source else _configured(loaded, site)
    for one, place in asked:
        with console.status("Reading the sitemap") as status:
            learned = learn_pages(
                loaded,
                one,
                place,
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
    from pipeline.pages.known import read
    from pipeline.settings import model as settings

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


def _configured(loaded: Settings, name: str) -> list[tuple[Site, str]]:
    """Return the sites with a `sitemap` in the settings and its place; raises `Fatal` where there is none."""
    from pipeline.errors import Fatal
    from pipeline.pages.learn import source_of

    sites = [loaded.chosen_site(name)] if name else loaded.sites
    found = [(site, source_of(site)) for site in sites if site.sitemap]
    if not found:
        raise Fatal(
            "no site has a `sitemap` in the settings; name its address or file: `clinic-pixel pages learn ADDRESS`"
        )
    return found


def _site(loaded: Settings, name: str, source: str) -> Site:
    """Return the site of this id, or, without an id, the one whose host the source is on, or the first."""
    from pipeline.pages.page import SitePages
    from pipeline.scrub.urls import split_url

    if name:
        return loaded.chosen_site(name)
    host = split_url(source).host
    return next((site for site in loaded.sites if host in SitePages.of(site).own), loaded.sites[0])
