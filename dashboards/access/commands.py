"""`user`: the people who may open the pages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.access.roles import ROLES, Role
from pipeline.errors import Fatal
from pipeline.settings.model import Settings, load
from pipeline.system.console import ConfigOption, FormatOption, Panel, console, print_rows

if TYPE_CHECKING:
    from dashboards.access.people import People

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name with which the person signs in.")]
RoleOption = Annotated[str, typer.Option("--role", help=f"One of {', '.join(ROLES)}.")]
SitesOption = Annotated[
    list[str] | None, typer.Option("--site", help="Only this site; may be repeated.", show_default="all sites")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The people who may open the dashboards.", no_args_is_help=True)
    group.command()(add)
    group.command()(invite)
    group.command("list")(list_people)
    group.command()(password)
    group.command()(remove)
    app.add_typer(group, name="user", rich_help_panel=Panel.ASK)


def add(name: NameArgument, role: RoleOption, site: SitesOption = None, config: ConfigOption = None) -> None:
    """Add a person; the password is asked for, or read from a pipe."""
    from dashboards.access.people import Person

    settings = load(config)
    person = Person(name, _role(role), _sites(settings, site))
    try:
        _people(settings).add(person, _asked(name))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
    console.print(f"{name} may sign in at {settings.dashboards.browser_url}/", highlight=False, soft_wrap=True)


def invite(name: NameArgument, role: RoleOption, site: SitesOption = None, config: ConfigOption = None) -> None:
    """Print a link, good once and for a day, with which the person chooses a password."""
    from dashboards.access.links import Invitation, Links
    from dashboards.access.people import NAME
    from dashboards.access.store import access_file

    settings = load(config)
    if not NAME.fullmatch(name):
        raise typer.BadParameter("expected at most 64 letters, digits and . _ @ -", param_hint="NAME")
    token = Links(access_file(settings)).make(Invitation(name, _role(role), _sites(settings, site)))
    typer.echo(f"{settings.dashboards.browser_url}/welcome?token={token}")


def list_people(form: FormatOption = None, config: ConfigOption = None) -> None:
    """List the people and their roles."""
    rows = [(each.name, each.role, ", ".join(each.sites) or "all") for each in _people(load(config)).all()]
    print_rows(("name", "role", "sites"), rows, form)


def password(name: NameArgument, config: ConfigOption = None) -> None:
    """Set a new password and end the person's sessions."""
    people = _people(load(config))
    if people.find(name) is None:
        raise _unknown(name)
    people.set_password(name, _asked(name))
    console.print(f"new password of {name}; all sessions ended", highlight=False)


def remove(name: NameArgument, config: ConfigOption = None) -> None:
    """Remove a person and end all sessions."""
    if not _people(load(config)).remove(name):
        raise _unknown(name)
    console.print(f"{name} may no longer sign in", highlight=False)


def _people(settings: Settings) -> People:
    from dashboards.access.people import People
    from dashboards.access.store import access_file

    return People(access_file(settings))


def _unknown(name: str) -> typer.BadParameter:
    return typer.BadParameter(f"nobody is called {name!r}; see `clinic-pixel user list`", param_hint="NAME")


def _role(given: str) -> Role:
    if given not in ROLES:
        raise typer.BadParameter(f"{given!r}: expected one of {', '.join(ROLES)}", param_hint="--role")
    return given


def _sites(settings: Settings, given: list[str] | None) -> tuple[str, ...]:
    for site in given or ():
        if settings.site(site) is None:
            known = ", ".join(each.id for each in settings.sites)
            raise typer.BadParameter(f"no site {site!r} in the settings; there are: {known}", param_hint="--site")
    return tuple(given or ())


def _asked(name: str) -> str:
    from dashboards.access.passwords import refusal
    from dashboards.words.catalogue import Words

    if sys.stdin.isatty():
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\n")
    if key := refusal(given, name):
        raise Fatal(Words("en").say(key, n=12) if key == "password_short" else Words("en").say(key))
    return str(given)
