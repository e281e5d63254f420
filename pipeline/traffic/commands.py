"""`replay` and `simulate`: send hits through the real endpoint and compare sent with stored events."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from pipeline.settings.model import Settings, load
from pipeline.system.console import ConfigOption, FormatOption, Panel, errors, print_facts
from pipeline.traffic.send import Account, PlannedHit

if TYPE_CHECKING:
    from pipeline.settings.site import Site
    from pipeline.traffic.places import Places

SiteOption = Annotated[str, typer.Option("--site", help="The site; else the first one configured.", show_default=False)]
AsOfOption = Annotated[
    datetime | None,
    typer.Option("--as-of", help="UTC time of the last hit; else now.", show_default=False),
]


START_SECONDS = 60.0
"""A fresh system is prepared in a few seconds; a loaded machine needs longer."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=Panel.TRY)(simulate)
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
    _send_and_close(settings, hits, lines, form)


def simulate(
    seed: Annotated[int, typer.Option(help="The same seed gives the same people on the same date.")] = 1,
    people: Annotated[int, typer.Option(help="How many people visit on a day.", min=1, max=20_000)] = 250,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Only this day of the site's time zone; else yesterday and today so far.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS",
            min=1,
            max=80,
            help="Instead: so many days before today, and today so far, with season, growth and visits that are stories.",
            show_default=False,
        ),
    ] = None,
    fault: Annotated[
        str,
        typer.Option(metavar="NAME", help="The fault at the end of the history; `list` shows all.", show_default=False),
    ] = "",
    size: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the affected people or views that it hits.")
    ] = 1.0,
    fault_hours: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Hours before now at which it begins; else as usual for its kind.", show_default=False
        ),
    ] = None,
    opt_out: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the people of the history whose browser sends Global Privacy Control; else 0.05.",
            show_default=False,
        ),
    ] = None,
    site: SiteOption = "",
    config: ConfigOption = None,
    form: FormatOption = None,
) -> None:
    """Send realistic small days of a clinic: people, robots, its own staff, a broken link, a scanner, a slow evening.

    Yesterday whole and today so far, each hit with its own time; or weeks of it with `--history`, and a fault at their end.
    """
    if fault == "list":
        return _show_faults(form)
    if history is None and (fault or opt_out is not None or fault_hours is not None):
        raise typer.BadParameter("--fault, --fault-hours and --opt-out need --history DAYS")
    if history is not None and day is not None:
        raise typer.BadParameter("--day and --history exclude each other")
    settings = load(config)
    chosen = settings.chosen_site(site)
    if history is not None:
        begun = Asked(history, fault, size, fault_hours, opt_out)
        return _simulate_history(settings, chosen, begun, seed=seed, people=people, form=form)
    return _simulate_days(settings, chosen, day, seed=seed, people=people, form=form)


class Asked(NamedTuple):
    """The wanted history: days before today, and the fault at its end."""

    days: int
    fault: str
    size: float
    fault_hours: float | None
    opt_out: float | None


def _show_faults(form: FormatOption) -> None:
    from pipeline.traffic.faults import KINDS

    print_facts({name: kind.sentence for name, kind in KINDS.items()}, form, title="faults of a made-up history")


def _simulate_history(
    settings: Settings, site: Site, asked: Asked, *, seed: int, people: int, form: FormatOption
) -> None:
    from pipeline.errors import Fatal
    from pipeline.traffic.clinic_day import span_of
    from pipeline.traffic.faults import default_since, fault_of, planned_with_fault, truth
    from pipeline.traffic.history import OPT_OUT, Clinic, hits_in_order
    from pipeline.traffic.places import places
    from pipeline.traffic.replay import MOST_NONCES

    now = datetime.now(site.zone)
    now_ms = int(now.timestamp() * 1000)
    first = now.date() - timedelta(days=asked.days)
    known, why_not = places(settings)
    clinic = Clinic(site, now.date(), people, seed, OPT_OUT if asked.opt_out is None else asked.opt_out, known)
    true: dict[str, object] = {}
    planned = hits_in_order(clinic, first, asked.days + 1)
    if asked.fault:
        since_ms = default_since(asked.fault, now_ms, asked.fault_hours)
        if since_ms < span_of(first, site).start:
            raise Fatal(f"the fault would begin before the history; expected a larger --history than {asked.days}")
        fault = fault_of(asked.fault, clinic, since_ms, now_ms, asked.size)
        planned, true = planned_with_fault(clinic, first, asked.days + 1, fault), truth(fault, clinic)
    hits = list(takewhile(lambda hit: hit.at_ms <= now_ms, planned))
    if len(hits) > MOST_NONCES:
        raise Fatal(f"{len(hits):,} hits; at most {MOST_NONCES:,} can be counted: expected fewer --people or days")
    lines: dict[str, object] = {"days": asked.days, "first day": f"{first}", "hits": len(hits), **true}
    _send_and_close(settings, hits, lines, form)
    told = [f"simulated: {first} until {now:%Y-%m-%d %H:%M}, time zone {site.timezone}"]
    told += [f"{name}: {value}" for name, value in true.items()]
    if why_not:
        told.append(f"the invented visitors have no network and no country: {why_not}")
    told.append("in about a minute:  clinic-pixel problems list   clinic-pixel report technical/traffic_by_hour")
    errors.print("\n".join(told), soft_wrap=True, highlight=False, markup=False)


def _simulate_days(
    settings: Settings, chosen: Site, day: datetime | None, *, seed: int, people: int, form: FormatOption
) -> None:
    from pipeline.traffic.clinic_day import BROKEN_LINK, SLOW_PAGE
    from pipeline.traffic.places import places

    now = datetime.now(chosen.zone)
    days = (day.date(),) if day else (now.date() - timedelta(days=1), now.date())
    known, why_not = places(settings)
    planned = _plan(chosen, days, now, seed=seed, people=people, known=known)
    hits = [hit for hits in planned.values() for hit in hits]
    _send_and_close(settings, hits, {f"hits of {name}": len(hits) for name, hits in planned.items()}, form)
    told = [
        f"simulated: {' and '.join(planned)}, time zone {chosen.timezone}",
        f"in it: a broken link to {BROKEN_LINK}, a scanner at night, people who reload a slow {SLOW_PAGE} in the first evening",
    ]
    if why_not:
        told.append(f"the invented visitors have no network and no country: {why_not}")
    told.append("in about a minute:  clinic-pixel report technical/error_pages   clinic-pixel report fraud/robots")
    errors.print("\n".join(told), soft_wrap=True, highlight=False, markup=False)


def _plan(
    site: Site, days: Sequence[date], now: datetime, *, seed: int, people: int, known: Places
) -> dict[str, list[PlannedHit]]:
    """Return the hits up to now by the name of their day; raises `Fatal` for a day that has none yet."""
    from pipeline.errors import Fatal
    from pipeline.traffic.clinic_day import clinic_day

    now_ms = int(now.timestamp() * 1000)
    planned: dict[str, list[PlannedHit]] = {}
    for day in days:
        name = f"{day} until {now:%H:%M}" if day == now.date() else f"{day}"
        hits = clinic_day(site, day, seed=seed, people=people, places=known, is_slow=day == days[0])
        planned[name] = [hit for hit in hits if hit.at_ms <= now_ms]
    if not any(planned.values()):
        raise Fatal(f"--day {days[0]}: nothing of it has passed; expected a day up to today ({now:%Y-%m-%d})")
    return planned


def _send_and_close(
    settings: Settings, hits: Sequence[PlannedHit], lines: Mapping[str, object], form: FormatOption
) -> None:
    from pipeline.database.starting import wait_until_prepared
    from pipeline.system.secrets import read_or_make_secret
    from pipeline.traffic.replay import check_span, new_nonces, wait_until_stored
    from pipeline.traffic.send import send

    check_span(hits, settings, now_ms=int(time.time() * 1000))
    wait_until_prepared(settings, seconds=START_SECONDS)
    first_nonce = new_nonces()
    ticket = read_or_make_secret(settings.secrets_dir / "replay.ticket")
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
