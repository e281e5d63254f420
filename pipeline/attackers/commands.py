"""`simulate`: sends made-up days or weeks of a clinic through the real endpoint, with a fault, attacks and innocent look-alikes in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import takewhile
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.settings.model import Settings, load
from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, errors, print_facts
from pipeline.traffic.commands import SiteOption, send_and_close
from pipeline.traffic.send import PlannedHit

if TYPE_CHECKING:
    from pipeline.settings.site import Site
    from pipeline.traffic.places import Places


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.TRY)(simulate)


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
    attack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="An attack, or innocent visitors who look like one, at the end; `list` shows all. May be repeated.",
            show_default=False,
        ),
    ] = None,
    site: SiteOption = "",
    config: ConfigOption = None,
    form: FormatOption = None,
) -> None:
    """Send realistic small days of a clinic: people, robots, its own staff, a broken link, a scanner, a slow evening.

    Yesterday whole and today so far, each hit with its own time; or weeks of it with `--history`, and a fault at their end.
    With `--attack` both have attacks or innocent look-alikes in their last hours, and what is true of them is printed.
    """
    if fault == "list":
        return _show_faults(form)
    if "list" in (attack or ()):
        return _show_attacks(form)
    if history is None and (fault or opt_out is not None or fault_hours is not None):
        raise typer.BadParameter("--fault, --fault-hours and --opt-out need --history DAYS")
    if history is not None and day is not None:
        raise typer.BadParameter("--day and --history exclude each other")
    settings = load(config)
    chosen = settings.chosen_site(site)
    if history is not None:
        begun = Asked(history, fault, size, fault_hours, opt_out, tuple(attack or ()))
        return _simulate_history(settings, chosen, begun, seed=seed, people=people, form=form)
    return _simulate_days(settings, chosen, day, attack or (), seed=seed, people=people, form=form)


class Asked(NamedTuple):
    """The wanted history: days before today, the fault at its end, and the names of attacks and look-alikes."""

    days: int
    fault: str
    size: float
    fault_hours: float | None
    opt_out: float | None
    attacks: Sequence[str]


def _show_faults(form: FormatOption) -> None:
    from pipeline.traffic.faults import KINDS

    print_facts({name: kind.sentence for name, kind in KINDS.items()}, form, title="faults of a made-up history")


def _show_attacks(form: FormatOption) -> None:
    from pipeline.attackers.catalogue import KINDS

    facts = {name: f"{'attack' if kind.is_attack else 'innocent'}: {kind.sentence}" for name, kind in KINDS.items()}
    print_facts(facts, form, title="attacks and innocent look-alikes of a made-up clinic")


def _attacked(
    hits: Sequence[PlannedHit], names: Sequence[str], site: Site, known: Places, end_ms: int, seed: int
) -> tuple[list[PlannedHit], dict[str, object]]:
    """Return the hits with those of these kinds, which end at `end_ms`, in order of time, and what is true of the kinds.

    Raises `Fatal` for an unknown kind.
    """
    from pipeline.attackers.catalogue import kind_of, planned_kind, truth
    from pipeline.durations import HOUR_MS

    all_hits, true = list(hits), dict[str, object]()
    for name in dict.fromkeys(names):
        start_ms = end_ms - round(kind_of(name).hours * HOUR_MS)
        made = planned_kind(name, site, known, start_ms=start_ms, seed=seed)
        all_hits += made
        true |= truth(name, site, made)
    return sorted(all_hits, key=attrgetter("at_ms")), true


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
    before_now = list(takewhile(lambda hit: hit.at_ms <= now_ms, planned))
    hits, attacks = _attacked(before_now, asked.attacks, site, known, now_ms, seed)
    true |= attacks
    if len(hits) > MOST_NONCES:
        raise Fatal(f"{len(hits):,} hits; at most {MOST_NONCES:,} can be counted: expected fewer --people or days")
    lines: dict[str, object] = {"days": asked.days, "first day": f"{first}", "hits": len(hits), **true}
    send_and_close(settings, hits, lines, form)
    told = [f"simulated: {first} until {now:%Y-%m-%d %H:%M}, time zone {site.timezone}"]
    told += _true(true, form)
    if why_not:
        told.append(f"the invented visitors have no network and no country: {why_not}")
    told.append(_next("clinic-pixel problems list   clinic-pixel report technical/traffic_by_hour", asked.attacks))
    errors.print("\n".join(told), soft_wrap=True, highlight=False, markup=False)


def _simulate_days(
    settings: Settings,
    chosen: Site,
    day: datetime | None,
    attacks: Sequence[str],
    *,
    seed: int,
    people: int,
    form: FormatOption,
) -> None:
    from pipeline.traffic.clinic_day import BROKEN_LINK, SLOW_PAGE, span_of
    from pipeline.traffic.places import places

    now = datetime.now(chosen.zone)
    days = (day.date(),) if day else (now.date() - timedelta(days=1), now.date())
    known, why_not = places(settings)
    planned = _plan(chosen, days, now, seed=seed, people=people, known=known)
    end_ms = min(int(now.timestamp() * 1000), span_of(days[-1], chosen).stop)
    ordinary = [hit for hits in planned.values() for hit in hits]
    hits, true = _attacked(ordinary, attacks, chosen, known, end_ms, seed)
    lines: dict[str, object] = {f"hits of {name}": len(hits) for name, hits in planned.items()}
    send_and_close(settings, hits, lines | true, form)
    told = [
        f"simulated: {' and '.join(planned)}, time zone {chosen.timezone}",
        f"in it: a broken link to {BROKEN_LINK}, a scanner at night, people who reload a slow {SLOW_PAGE} in the first evening",
        *_true(true, form),
    ]
    if why_not:
        told.append(f"the invented visitors have no network and no country: {why_not}")
    told.append(_next("clinic-pixel report technical/error_pages   clinic-pixel report fraud/robots", attacks))
    errors.print("\n".join(told), soft_wrap=True, highlight=False, markup=False)


def _true(true: Mapping[str, object], form: FormatOption) -> list[str]:
    """Return what is true of the attacks and faults, unless the table on the terminal has just said it."""
    return [] if chosen(form) is Format.TABLE else [f"{name}: {value}" for name, value in true.items()]


def _next(reports: str, attacks: Sequence[str]) -> str:
    """Return what to type next: after an attack the scoring, which lists the cases."""
    return f"in about a minute:  {'clinic-pixel fraud score   ' if attacks else ''}{reports}"


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
