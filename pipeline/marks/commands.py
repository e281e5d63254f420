"""`mark`: record a change of the site, such as a release, so that a problem can name it.

Owns the command; a deploy script calls it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.system.console import ConfigOption, Panel, console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.RUN)(mark)


def mark(
    text: Annotated[str, typer.Argument(help="Its name, such as 'release 1.4'.")],
    site: Annotated[str, typer.Option(help="The site that changed.", show_default="every site of the settings")] = "",
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"], help="When, in the site's time.", show_default="now"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Record a change of the site now, so that problems which begin then can name it.

    In a deploy script:  clinic-pixel mark "release $VERSION" --site clinic
    """
    from pipeline.marks.record import write_mark
    from pipeline.settings import model as all_settings

    settings = all_settings.load(config)
    if site and settings.site(site) is None:
        raise typer.BadParameter(f"no site {site!r} in the settings", param_hint="--site")
    name = " ".join(text.split())
    if not name or len(name) > MOST_CHARACTERS or not name.isprintable():
        raise typer.BadParameter(f"expected 1 to {MOST_CHARACTERS} printable characters", param_hint="TEXT")
    if at and at.year not in YEARS:
        raise typer.BadParameter(f"expected a time from {YEARS[0]} to {YEARS[-1]}", param_hint="--at")
    zone = settings.chosen_site(site).zone
    moment = at.replace(tzinfo=zone).astimezone(UTC) if at else datetime.now(UTC)
    write_mark(settings, site, name, moment)
    console.print(
        f"marked at {moment.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key}): {name}", highlight=False, markup=False
    )


MOST_CHARACTERS = 100
YEARS = range(1971, 2101)
"""Other years are in no stored time."""
