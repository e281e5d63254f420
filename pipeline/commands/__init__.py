"""The command line `clinic-pixel`: one Typer application put together from what each package brings.

Owns the entry point and the exit codes: 0 ok, 1 found a problem, 2 wrong use. Packages register their commands under
the entry point group `clinic_pixel.commands`, so that `pipeline` need not import `collector` or `dashboards`. Command
modules import heavy things inside their functions, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points

import typer
from typer.models import CommandInfo, TyperInfo

from pipeline.errors import Fatal, Retryable
from pipeline.system.console import errors

EXIT_PROBLEM = 1

PANELS = {
    "Run": ("up", "collect", "ship", "clickhouse", "dashboards", "migrate", "doctor"),
    "Try": ("simulate", "replay", "demo-site"),
    "Ask": ("report", "sql"),
    "Embed the pixel": ("snippet", "check-tag"),
    "Privacy": ("keys", "reveal", "relink", "subject", "exposure", "verify-privacy"),
    "Look inside": ("spool", "lists"),
}
"""How `--help` groups the commands; one that is not named here stands under "Commands"."""


def build_app() -> typer.Typer:
    """Return the application with the commands of every installed package."""
    app = typer.Typer(
        name="clinic-pixel",
        help="Privacy-preserving web-analytics pixel collector for clinics.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(lambda: None)
    for entry in sorted(entry_points(group="clinic_pixel.commands"), key=lambda entry: entry.name):
        entry.load()(app)
    _arrange(app)
    return app


def _arrange(app: typer.Typer) -> None:
    panel_of = {name: panel for panel, names in PANELS.items() for name in names}
    order = [*panel_of]

    def named(each: CommandInfo | TyperInfo) -> str:
        return each.name or getattr(each.callback, "__name__", "").replace("_", "-")

    def place(each: CommandInfo | TyperInfo) -> int:
        return order.index(named(each)) if named(each) in panel_of else len(order)

    app.registered_commands.sort(key=place)
    app.registered_groups.sort(key=place)
    everything: list[CommandInfo | TyperInfo] = [*app.registered_commands, *app.registered_groups]
    for each in everything:
        each.rich_help_panel = panel_of.get(named(each), "Commands")


def main() -> None:
    """Run the command line; trouble that a person can mend is one line on stderr and exit code 1."""
    try:
        try:
            build_app()()
        finally:
            sys.stdout.flush()
    except (Fatal, Retryable) as error:
        errors.print(f"clinic-pixel: {error}", style="bold", highlight=False, markup=False, soft_wrap=True)
        sys.exit(EXIT_PROBLEM)
    except OSError as error:
        place = error.filename or "output"
        errors.print(
            f"clinic-pixel: {place}: {error.strerror}", style="bold", highlight=False, markup=False, soft_wrap=True
        )
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python tries once more as it ends
        sys.exit(EXIT_PROBLEM)
    except KeyboardInterrupt:
        sys.exit(130)
