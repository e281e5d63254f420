"""The command line `clinic-pixel`: one Typer application with the commands of every room.

Owns the entry point and the exit codes: 0 ok, 1 found a problem, 2 wrong use, 75 a trouble that passes. Each room of
`pipeline` has its commands in `commands.py`, listed in `ROOMS`; other packages register theirs under the entry point
group `clinic_pixel.commands`, so that `pipeline` need not import `collector` or `dashboards`. Command modules import
large modules inside their functions, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.alerts import commands as alerts
from pipeline.attackers import commands as attackers
from pipeline.backup import commands as backup
from pipeline.database import commands as database
from pipeline.embedding import commands as embedding
from pipeline.errors import Fatal, Retryable
from pipeline.inventory import commands as inventory
from pipeline.keys import commands as keys
from pipeline.marks import commands as marks
from pipeline.networks import commands as networks
from pipeline.operations import commands as operations
from pipeline.pages import commands as pages
from pipeline.privacy_check import commands as privacy_check
from pipeline.problems import commands as problems
from pipeline.publish import commands as publish
from pipeline.reports import commands as reports
from pipeline.review import commands as fraud
from pipeline.ship import commands as ship
from pipeline.spool import commands as spool
from pipeline.subjects import commands as subjects
from pipeline.system.console import errors
from pipeline.traffic import commands as traffic

EXIT_PROBLEM = 1
EXIT_TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h: ClickHouse is away, a disk is full. `up` starts such a process again."""

EXTRA_OF = {
    "chdb": "embedded",
    "argon2": "dashboards",
    "babel": "ship",
    "clickhouse_connect": "ship",
    "crawleruseragents": "ship",
    "numpy": "ship",
    "ua_parser": "ship",
    "ua_parser_rs": "ship",
    "user_agents": "ship",
    "mmdb_writer": "lists",
    "netaddr": "lists",
    "backports": "verify",
    "lz4": "verify",
}
"""The extra of the package that installs a module; a collector host installs none of them."""

ROOMS = (
    operations,
    backup,
    ship,
    database,
    attackers,
    traffic,
    reports,
    problems,
    fraud,
    marks,
    publish,
    embedding,
    pages,
    keys,
    subjects,
    inventory,
    privacy_check,
    spool,
    networks,
    alerts,
)
"""The rooms that have commands, in the order of `--help`."""


def build_app() -> typer.Typer:
    """Return the application with the commands of every room and of every installed package."""
    app = typer.Typer(
        name="clinic-pixel",
        help="Privacy-preserving web-analytics pixel collector for clinics.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for room in ROOMS:
        room.register(app)
    for entry in entry_points(group="clinic_pixel.commands"):
        entry.load()(app)
    return app


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clinic-pixel {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; print an error that a person can fix as one line on stderr, with exit code 1 or 75."""
    try:
        try:
            build_app()()
        finally:
            sys.stdout.flush()
    except (Fatal, Retryable) as error:
        errors.print(f"clinic-pixel: {error}", style="bold", highlight=False, markup=False, soft_wrap=True)
        sys.exit(EXIT_TRY_AGAIN if isinstance(error, Retryable) else EXIT_PROBLEM)
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        otherwise = ", or set PIXEL_CLICKHOUSE__URL" if extra == "embedded" else ""
        errors.print(
            f"clinic-pixel: this command needs more packages: pip install 'clinic-pixel[{extra}]'{otherwise}",
            style="bold",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        sys.exit(EXIT_PROBLEM)
    except OSError as error:
        place = error.filename or "output"
        errors.print(
            f"clinic-pixel: {place}: {error.strerror}", style="bold", highlight=False, markup=False, soft_wrap=True
        )
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at exit
        sys.exit(EXIT_PROBLEM)
    except KeyboardInterrupt:
        sys.exit(130)
