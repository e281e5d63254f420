"""`problems`: list, check, show, mute, close and backtest the problems of the sites.

Owns the words of the commands; the engine is in the other modules of this room.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, console, language_of, print_rows

if TYPE_CHECKING:
    from pipeline.problems.problem import Problem
    from pipeline.problems.words import Language
    from pipeline.settings.model import Settings
    from pipeline.settings.site import Site

SiteOption = Annotated[str, typer.Option("--site", help="One site.", show_default="all sites of the settings")]
LangOption = Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The problem; the first characters of its id are enough.")
]

YEARS = range(1971, 2101)
"""Other years are in no stored time."""
NOTHING = {
    "en": "No problem is open. The engine compares every hour with the ones before it: after a day of numbers it names faults of pages and"
    " browsers, after a week losses of the whole site.",
    "ru": "Открытых проблем нет. Каждый час сравнивается с прежними: через сутки чисел видны сбои страниц и браузеров, через неделю - потери"
    " всего сайта.",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="What is broken, since when, for whom, and how many visitors it cost.", no_args_is_help=True
    )
    group.command("list")(list_problems)
    group.command()(check)
    group.command()(show)
    group.command()(mute)
    group.command()(close)
    group.command()(release)
    group.command()(backtest)
    app.add_typer(group, name="problems", rich_help_panel=Panel.ASK)


def list_problems(
    site: SiteOption = "",
    everything: Annotated[bool, typer.Option("--all", help="Also resolved, closed and muted ones.")] = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="open", help="Exit with 1 if a problem is open: for cron.")
    ] = "",
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """List the open problems, the most costly first, each in a sentence."""
    if fail_on not in ("", "open"):
        raise typer.BadParameter("only `open` is known", param_hint="--fail-on")
    settings, language = _load(config), language_of(lang)
    found = _of_sites(settings, site)
    now = datetime.now(UTC)
    shown = [
        (each, problem)
        for each, problems in found
        for problem in problems
        if everything or (problem.is_active and not problem.is_muted(now))
    ]
    _print(shown, form, language)
    if fail_on and any(problem.is_active and not problem.is_muted(now) for _, problem in shown):
        raise typer.Exit(1)


def check(site: SiteOption = "", form: FormatOption = None, lang: LangOption = "", config: ConfigOption = None) -> None:
    """Evaluate all sites now, with everything that is stored, and list the open problems."""
    from pipeline.errors import Fatal
    from pipeline.hosts.evaluator import refuse_elsewhere
    from pipeline.problems.job import Evaluation
    from pipeline.system import locks

    settings = _load(config)
    refuse_elsewhere(settings)
    evaluation = Evaluation(settings)
    try:
        with console.status("counting what changed") as status:
            evaluation.run(datetime.now(UTC), lambda name: status.update(f"evaluating {name}"), wait=False)
    except locks.Held:
        raise Fatal("`ship` evaluates right now; run it again in a moment") from None
    list_problems(site, form=form, lang=lang, config=config)
    if evaluation.failed:
        raise Fatal("; ".join(f"site {name}: {error}" for name, error in evaluation.failed.items()))


def show(problem_id: IdArgument, form: FormatOption = None, lang: LangOption = "", config: ConfigOption = None) -> None:
    """Show one problem: what broke, since when, for whom, how many it cost, and what changed."""
    from pipeline.problems.sentences import answers, sentence, title

    settings, language = _load(config), language_of(lang)
    site, problem = _find(settings, problem_id)
    if chosen(form) is Format.TABLE:
        console.print(title(problem, language), style="bold", highlight=False, markup=False)
        console.print(sentence(problem, site.zone, language), highlight=False, markup=False)
    rows = [*answers(problem, site.zone, language), ("id", problem.id), ("state", problem.state)]
    print_rows(("question", "answer"), rows, form)


def mute(
    problem_id: IdArgument,
    until: Annotated[str, typer.Option("--until", help="A day of the site (2026-12-31), or a number of days (7d).")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays in the history.")],
    config: ConfigOption = None,
) -> None:
    """Mute a problem: it is not listed and raises no alert until the day is over."""
    from pipeline.audit.log import operator
    from pipeline.problems.life import muted

    settings = _load(config)
    site, problem = _find(settings, problem_id)
    now = datetime.now(UTC)
    end = _end_of(until, site, now)
    if end <= now:
        raise typer.BadParameter(f"{until!r} is over: expected a day from today on", param_hint="--until")
    _store(settings, site, muted(problem, end, _text(reason, "--reason"), now, operator()))
    console.print(f"muted {problem.id} until {end.astimezone(site.zone):%Y-%m-%d %H:%M}", highlight=False)


def close(
    problem_id: IdArgument,
    fixed_by: Annotated[str, typer.Option("--fixed-by", help="The mark of the fix, such as 'release 1.4.1'.")],
    config: ConfigOption = None,
) -> None:
    """Close a problem as fixed: the engine waits until the numbers could show the fault again, and says whether the fix held."""
    from pipeline.audit.log import operator
    from pipeline.problems.life import closed

    settings = _load(config)
    site, problem = _find(settings, problem_id)
    _store(settings, site, closed(problem, _text(fixed_by, "--fixed-by"), datetime.now(UTC), operator()))
    console.print(
        f"closed {problem.id}; `clinic-pixel problems show {problem.id}` will say whether the fix held", highlight=False
    )


def release(
    name: Annotated[str, typer.Argument(help="The mark, such as 'release 1.4'; `mark` and data-release make them.")],
    site: SiteOption = "",
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """Say what a release broke and healed, and what cannot be said before more people come."""
    from pipeline.problems.releases import verdicts

    settings, language = _load(config), language_of(lang)
    rows = [(each.id, *row) for each in _sites(settings, site) for row in verdicts(settings, each, name, language)]
    if not rows:
        raise typer.BadParameter(f"no mark {name!r}; `clinic-pixel mark` makes one", param_hint="NAME")
    print_rows(("site", "release", "verdict", "sentence"), rows, form)


def backtest(
    since: Annotated[str, typer.Option("--since", help="First day of the site, or an age (28d).")] = "28d",
    until: Annotated[str, typer.Option("--until", help="Last day.", show_default="now")] = "0d",
    site: SiteOption = "",
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """List what would have been said when, hour by hour, as if it were then: nobody is told anything."""
    from rich.progress import track

    from pipeline.problems import store
    from pipeline.problems.counting import HISTORY_DAYS, table_of
    from pipeline.problems.evaluate import Backtest
    from pipeline.system.console import errors

    settings, language = _load(config), language_of(lang)
    now = datetime.now(UTC)
    rows: list[tuple[object, ...]] = []
    for each in _sites(settings, site):
        first, last = _begin_of(since, each, now), min(now, _begin_of(until, each, now))
        with store.connected(settings) as client:
            table = table_of(client, settings, each, last, HISTORY_DAYS + (last - first).days + 1)
        test = Backtest(table, each, first, last)
        for moment in track(test.moments(), each.id, console=errors, transient=True, disable=not errors.is_terminal):
            test.step(moment)
        rows += [_row_of_test(each, problem, language) for problem in test.problems]
    print_rows(("site", "problem", "named", "since", "hours", "until", "sentence"), rows, form)


def _load(config: ConfigOption) -> Settings:
    from pipeline.settings import model as all_settings

    return all_settings.load(config)


def _sites(settings: Settings, site: str) -> list[Site]:
    if site and settings.site(site) is None:
        known = ", ".join(each.id for each in settings.sites)
        raise typer.BadParameter(f"no site {site!r} in the settings; there are: {known}", param_hint="--site")
    return [each for each in settings.sites if not site or each.id == site]


def _of_sites(settings: Settings, site: str) -> list[tuple[Site, list[Problem]]]:
    from pipeline.database.starting import once_prepared
    from pipeline.problems import store

    def read() -> dict[str, list[Problem]]:
        with store.connected(settings) as client:
            return store.newest(client, datetime.now(UTC))

    found = once_prepared(settings, read)
    return [(each, found.get(each.id, [])) for each in _sites(settings, site)]


def _find(settings: Settings, problem_id: str) -> tuple[Site, Problem]:
    found = [
        (site, problem)
        for site, problems in _of_sites(settings, "")
        for problem in problems
        if problem_id and problem.id.startswith(problem_id.lower())
    ]
    if len(found) != 1:
        why = "several problems begin with it" if found else "no problem has it; see `clinic-pixel problems list --all`"
        raise typer.BadParameter(f"{problem_id!r}: {why}", param_hint="ID")
    return found[0]


def _print(shown: list[tuple[Site, Problem]], form: Format | None, language: Language) -> None:
    from pipeline.problems.sentences import sentence

    shown = sorted(shown, key=lambda each: (not each[1].is_active, -each[1].lost))
    if not shown and chosen(form) is Format.TABLE:
        console.print(NOTHING[language], highlight=False, markup=False)
        return
    rows = [(problem.id, site.id, problem.state, sentence(problem, site.zone, language)) for site, problem in shown]
    print_rows(("problem", "site", "state", "sentence"), rows, form)


def _store(settings: Settings, site: Site, problem: Problem) -> None:
    from pipeline.problems import store

    with store.connected(settings) as client:
        store.write(client, [store.change(site, problem)])


def _row_of_test(site: Site, problem: Problem, language: Language) -> tuple[object, ...]:
    from pipeline.problems.sentences import sentence

    named, since, until = (
        f"{moment.astimezone(site.zone):%Y-%m-%d %H:%M}" if moment else ""
        for moment in (problem.opened_at, problem.since, problem.until)
    )
    hours = round((problem.opened_at - problem.since) / timedelta(hours=1))
    return site.id, problem.id, named, since, hours, until, sentence(problem, site.zone, language)


def _begin_of(text: str, site: Site, now: datetime) -> datetime:
    """Return the begin of a day of the site, or the moment so many days ago."""
    return (
        now - (_end_of(text, site, now) - now) if text.endswith("d") else _end_of(text, site, now) - timedelta(days=1)
    )


def _end_of(text: str, site: Site, now: datetime) -> datetime:
    """Return the end of a day of the site, or the moment in so many days."""
    if text.endswith("d") and text.isascii() and text[:-1].isdigit() and len(text) <= 4:
        return now + timedelta(days=int(text[:-1]))
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=site.zone)
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        raise typer.BadParameter(f"{text!r}: expected a day such as 2026-12-31 or a number of days such as 7d")
    return (day + timedelta(days=1)).astimezone(UTC)


def _text(given: str, option: str) -> str:
    text = " ".join(given.split())
    if not text or len(text) > 200 or not text.isprintable():
        raise typer.BadParameter("expected 1 to 200 printable characters", param_hint=option)
    return text
