"""`fraud verdict` and `fraud register-monitor`: what a reviewer decides on a case.

Owns the finding of the case that a person names, for every command about one case.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.system.console import ConfigOption, console, errors

if TYPE_CHECKING:
    from pipeline.review.cases import Case
    from pipeline.settings.model import Settings

IdArgument = Annotated[
    str,
    typer.Argument(metavar="ID", help="The case; the first characters of its number are enough.", show_default=False),
]


class DecisionName(StrEnum):
    """The decisions that a reviewer may make."""

    CONFIRMED = "confirmed"
    INNOCENT = "innocent"
    UNSURE = "unsure"
    OWN_MONITOR = "own_monitor"
    KNOWN_CRAWLER = "known_crawler"


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(verdict)
    group.command("register-monitor")(register_monitor)


def verdict(
    case_id: IdArgument,
    decision: Annotated[DecisionName, typer.Argument(help="What it is.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the history.", show_default=False)],
    config: ConfigOption = None,
) -> None:
    """Decide on a case: the verdict is added to its history, and holds while its band does not rise."""
    from pipeline.audit.log import operator
    from pipeline.review import cases as review

    why = text_of(reason, "--reason")
    settings, case = case_of(config, case_id)
    review.decide(settings, case, decision.value, why, now=datetime.now(UTC), who=operator())
    console.print(f"case {case.case}: {decision.value} (its band is {case.band})", highlight=False, markup=False)


def register_monitor(
    case_id: IdArgument,
    name: Annotated[
        str, typer.Option("--name", help="Name of the check, such as uptime: its events get the robot `monitor:NAME`.")
    ] = "own-check",
    config: ConfigOption = None,
) -> None:
    """Say that a case is a check of your own: prints the lines for the settings and records the verdict own_monitor."""
    from pipeline.audit.log import operator
    from pipeline.review import cases as review

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
        raise typer.BadParameter("expected lower-case letters, digits, - and _, at most 32", param_hint="--name")
    settings, case = case_of(config, case_id)
    known = review.asked(settings, lambda client: review.details(client, case))
    reason = f"registered as the site's own check {name}"
    review.decide(settings, case, "own_monitor", reason, now=datetime.now(UTC), who=operator())
    typer.echo(review.monitor_lines(case, name, known.suspects), nl=False)
    errors.print(f"case {case.case}: own_monitor; add the lines above to the settings", highlight=False, markup=False)


def case_of(config: ConfigOption, case_id: str) -> tuple[Settings, Case]:
    """Return the settings and the case that a person names; raises `Fatal` where nothing was scored, `BadParameter` for another number."""
    from pipeline.errors import Fatal
    from pipeline.review import cases as review
    from pipeline.settings import model as all_settings

    settings = all_settings.load(config)
    cases, scored = review.asked(settings, lambda client: (review.all_cases(client), review.is_scored(client)))
    if not scored:
        raise Fatal("`ship` has not scored a day yet, so there is no case; `clinic-pixel fraud score` scores now")
    try:
        return settings, review.find(cases, case_id)
    except LookupError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None


def text_of(given: str, option: str) -> str:
    """Return what a person wrote as one line; raises `BadParameter` for an empty, long or unprintable one."""
    text = " ".join(given.split())
    if not text or len(text) > 200 or not text.isprintable():
        raise typer.BadParameter("expected 1 to 200 printable characters", param_hint=option)
    return text
