"""`alerts test`: send a made-up alert by every sink of the settings, and say what happened.

Owns the texts of that alert.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.settings.model import load
from pipeline.system.console import ConfigOption, Panel, console

if TYPE_CHECKING:
    from pipeline.alerts.policy import Message
    from pipeline.settings.alerts import Language
    from pipeline.settings.site import Site

_TEXTS = {
    "en": ("This is a test", "Nothing is wrong. Somebody ran `clinic-pixel alerts test` to see whether alerts arrive."),
    "ru": ("Это проверка", "Ничего не случилось. Команда `clinic-pixel alerts test` проверяет, доходят ли сообщения."),
}


def register(root: typer.Typer) -> None:
    """Add the commands."""
    app = typer.Typer(help="Alerts about problems.", no_args_is_help=True)
    app.callback()(lambda: None)
    app.command("test")(send_test)
    root.add_typer(app, name="alerts", rich_help_panel=Panel.INSIDE)


def send_test(
    site: Annotated[str, typer.Option(help="The site that the alert names; default: the first one.")] = "",
    config: ConfigOption = None,
) -> None:
    """Send a made-up alert by every sink of `alerts.sinks`; exit code 1 when one of them fails."""
    from pipeline.alerts.send import SINKS, error_of

    settings = load(config)
    now = datetime.now(UTC)
    if not settings.alerts.sinks:
        console.print("alerts.sinks names no sink: alerts are in the log of `ship` and in /metrics")
    alert = _alert(settings.chosen_site(site), settings.alerts.language, now)
    errors = {sink: error_of(SINKS[sink], settings, alert, now) for sink in settings.alerts.sinks}
    for sink, error in errors.items():
        console.print(
            f"{sink}: {error if error is not None else 'sent'}", markup=False, highlight=False, soft_wrap=True
        )
    if any(errors.values()):
        raise typer.Exit(1)


def _alert(site: Site, language: Language, now: datetime) -> Message:
    from pipeline.alerts.policy import Message, Told, without_numbers
    from pipeline.problems.problem import Place

    problem = without_numbers("00000000", site.id, "test", Place("site", ""), now)
    return Message(
        id=f"test-{now:%Y%m%d%H%M%S}", kind="opened", site=site.id, at=now, told=(Told(problem, *_TEXTS[language]),)
    )
