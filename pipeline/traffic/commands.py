"""`replay`: sends a log through the real endpoint; the sending of any hits, and the comparison of sent with stored events."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from pipeline.settings.model import Settings, load
from pipeline.system.console import ConfigOption, FormatOption, Panel, errors, print_facts
from pipeline.traffic.send import Account, PlannedHit

SiteOption = Annotated[str, typer.Option("--site", help="The site; else the first one configured.", show_default=False)]
AsOfOption = Annotated[
    datetime | None,
    typer.Option("--as-of", help="UTC time of the last hit; else now.", show_default=False),
]


START_SECONDS = 60.0
"""A fresh system is prepared in a few seconds; a loaded machine needs longer."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.TRY)(replay)


def replay(
    log: Annotated[Path, typer.Argument(help="The access log.", exists=True, dir_okay=False)],
    site: SiteOption = "",
    as_of: AsOfOption = None,
    log_format: Annotated[str, typer.Option("--log-format", help="Only `combined` for now.")] = "combined",
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            help="Skip paths of this glob, such as '/image/*'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    form: FormatOption = None,
) -> None:
    """Send an access log through the running collector, its times shifted so that the last hit is now.

    Redirects, images, styles, scripts, fonts and excluded paths are no page views; a line that cannot be read is skipped.
    """
    from pipeline.traffic.access_log import Excluded, read_lines
    from pipeline.traffic.replay import plan, read_log, split

    if log_format != "combined":
        raise typer.BadParameter("only `combined` is known", param_hint="--log-format")
    if wrong := [pattern for pattern in exclude or () if not pattern.startswith(("/", "*", "?", "["))]:
        raise typer.BadParameter(f"{wrong[0]!r} matches no path; it must begin with / or *", param_hint="--exclude")
    settings = load(config)
    chosen = settings.chosen_site(site)
    logged, skipped = split(read_lines(read_log(log), Excluded(exclude or ())), chosen)
    hits = plan(logged, chosen, last_ms=_last_ms(as_of))
    lines = {"lines": len(logged) + sum(skipped.values()), **{f"skipped: {why}": n for why, n in skipped.items()}}
    send_and_close(settings, hits, lines, form)


def send_and_close(
    settings: Settings, hits: Sequence[PlannedHit], lines: Mapping[str, object], form: FormatOption
) -> None:
    """Send hits, wait until they are stored, and print `lines` and the account; ends with 1 when the numbers do not match."""
    from pipeline.database.starting import wait_until_prepared
    from pipeline.system.secrets import TICKET, read_or_make_secret
    from pipeline.traffic.replay import check_span, new_nonces, wait_until_stored
    from pipeline.traffic.send import send

    check_span(hits, settings, now_ms=int(time.time() * 1000))
    wait_until_prepared(settings, seconds=START_SECONDS)
    first_nonce = new_nonces()
    ticket = read_or_make_secret(settings.secrets_dir / TICKET)
    with Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    ) as progress:
        task = progress.add_task("sending", total=len(hits))
        account = send(
            hits, settings.collector.url, ticket, first_nonce=first_nonce, progress=lambda: progress.advance(task)
        )
        progress.update(task, description="waiting until stored")
        stored = wait_until_stored(settings, first_nonce, len(hits), expected=account.events)
    _close(account, stored.rows, stored.events, lines, form)


def _close(account: Account, rows: int, events: int, lines: Mapping[str, object], form: FormatOption) -> None:
    facts: dict[str, object] = {
        **lines,
        "sent": account.sent,
        "accepted": account.accepted,
        **{f"refused: {why}": count for why, count in sorted(account.refused.items())},
        "unanswered": account.unanswered,
        "events of the accepted": account.events,
        "stored": rows,
        "stored twice": rows - events,
        "hits a second": round(account.sent / account.seconds) if account.seconds else 0,
    }
    exact = rows == events == account.events and not account.unanswered
    print_facts(
        facts, form, title="every accepted event is stored once" if exact else "sent and stored events do not match"
    )
    if not exact:
        if rows < account.events:
            errors.print("some events are not stored yet; is `ship` running? See `clinic-pixel spool status`")
        raise typer.Exit(1)


def _last_ms(as_of: datetime | None) -> int:
    moment = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
