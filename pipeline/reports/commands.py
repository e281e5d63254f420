"""`report`: run one report and print its answer, first in words, then as rows.

Owns the options, the language and the text of an empty report. The rows are those of the view, read as its role.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.reports import sql_commands
from pipeline.settings import model as all_settings
from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, console, language_of, print_rows

if TYPE_CHECKING:
    from pipeline.reports.answers import Table
    from pipeline.reports.catalogue import Period
    from pipeline.reports.header import Report
    from pipeline.settings.model import Settings
    from pipeline.settings.site import Site

NOTHING_PUBLISHED = {
    "en": "Nothing is published of {site} for this time: nobody was there, or fewer than 5 visitors each. Look at a longer time"
    " with --since 7d, open a page with the tag, or send two made-up days with `clinic-pixel simulate`.",
    "ru": "По сайту {site} за это время ничего не опубликовано: не было никого или меньше 5 посетителей в каждой строке. Возьмите"
    " срок больше: --since 7d, откройте страницу с меткой или отправьте два учебных дня: `clinic-pixel simulate`.",
}
NO_MEASUREMENTS = {
    "en": "Nothing is published of {site} for this time: no page sent measurements, or fewer than 5 page loads each. The tag sends them only"
    " with `data-technical` (docs/embedding.md). Look at a longer time with --since 7d.",
    "ru": "По сайту {site} за это время ничего не опубликовано: страницы не присылали измерений или загрузок меньше 5 в каждой строке. Метка"
    " присылает их только с `data-technical` (docs/embedding.md). Возьмите срок больше: --since 7d.",
}
NO_FAULT = {
    "en": "Nothing found on {site} in this time, or only what fewer than 5 visitors met. If technical/traffic_by_day is empty as"
    " well, nothing is published yet: look at a longer time with --since 7d.",
    "ru": "На сайте {site} за это время ничего не найдено или только то, что встретили меньше 5 посетителей. Если и"
    " technical/traffic_by_day пуст, ещё ничего не опубликовано: возьмите срок больше, --since 7d.",
}
"""Of a report whose rows are faults: that it has none is an answer."""
NEXT = {
    "en": "The numbers of this {span} are published a few minutes after it ends, at {end}.",
    "ru": "Числа за {span} публикуются через несколько минут после его окончания, {end}.",
}
FOR_TOOLS = {
    "en": "{rows} rows, made for tools: take them with --format csv or --format json.",
    "ru": "Строк {rows}, они предназначены для программ: возьмите их с --format csv или --format json.",
}
SPANS = {"en": {"day": "day", "hour": "hour"}, "ru": {"day": "текущий день", "hour": "текущий час"}}
FOUND_NOTHING = {
    "en": "Nothing found in this time. Look at a longer time with --since 7d.",
    "ru": "За это время ничего не найдено. Возьмите срок больше: --since 7d.",
}
STATE = "state"
"""The column of `--fail-on`."""
ALSO = {"open": "ongoing"}
"""A problem that goes on is still open."""


def register(app: typer.Typer) -> None:
    """Add the commands `report` and `sql`."""
    app.command("report", help="Ask a report: the answer in words, then the rows.", rich_help_panel=Panel.ASK)(report)
    sql_commands.register(app)


def report(
    name: Annotated[str, typer.Argument(help="`family/name`, or the name alone.", show_default=False)] = "",
    listed: Annotated[bool, typer.Option("--list", help="List the reports.")] = False,
    since: Annotated[
        str,
        typer.Option(
            help="24h, 7d, 2w ago, or ISO 8601 (in the site's time zone without an offset).", show_default="24h"
        ),
    ] = "",
    until: Annotated[
        str, typer.Option(help="The same. The period is widened to whole days or hours.", show_default="now")
    ] = "",
    site: Annotated[str, typer.Option(help="Which site.", show_default="the first one in the settings")] = "",
    given: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the report's own: NAME=VALUE.", show_default=False)
    ] = None,
    query: Annotated[bool, typer.Option("--sql", help="Print the query instead of asking it.")] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="STATE",
            help="Exit with 1 if a row has this state, for cron; `open` is also `ongoing`.",
            show_default=False,
        ),
    ] = "",
    form: FormatOption = None,
    lang: Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")] = "",
    config: ConfigOption = None,
) -> None:
    """Ask one report, list them all, or print the query of one."""
    from pipeline.database.starting import once_prepared
    from pipeline.reports import catalogue, run, views

    found = catalogue.all_reports()
    language = language_of(lang)
    if listed or not name:
        rows = [(each.path, each.words(language).question, each.role) for each in found if not each.is_for_tools]
        print_rows(("report", "question", "role"), rows, form)
        return
    settings = all_settings.load(config)
    chosen_site = site or settings.sites[0].id
    if settings.site(chosen_site) is None:
        raise typer.BadParameter(f"no site {site!r} in the settings; there are: {', '.join(_site_ids(settings))}")
    try:
        asked, more = catalogue.find(name, found), _own_parameters(given or ())
        zone, now = catalogue.zone_of(asked, settings.chosen_site(chosen_site)), datetime.now(UTC)
        period = _period(asked, since, until, now, zone)
        values = catalogue.parameters(asked, chosen_site, period, more)
    except (LookupError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    if fail_on and STATE not in asked.columns:
        raise typer.BadParameter(f"{asked.path} has no column `{STATE}`", param_hint="--fail-on")
    if query:
        sys.stdout.write(views.query(asked, settings, values) + "\n")
        return
    table = once_prepared(settings, lambda: run.run(settings, asked, chosen_site, *period, more=more))
    if chosen(form) is Format.TABLE:
        _print_answer(asked, table, settings.chosen_site(chosen_site), period, language)
        _print_next(asked, period, now.astimezone(zone), language)
    else:
        print_rows(table.columns, table.rows, form)
    if fail_on and any(row[table.columns.index(STATE)] in (fail_on, ALSO.get(fail_on)) for row in table.rows):
        raise typer.Exit(1)


def _period(report: Report, since: str, until: str, now: datetime, zone: tzinfo) -> Period:
    from pipeline.reports.catalogue import read_period

    defaults = {name: str(each.default) for name, each in report.parameters.items()}
    first, last = since or defaults.get("since", "24h"), until or defaults.get("until", "0h")
    return read_period(first, last, now, zone, report.step)


def _own_parameters(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if not all(name and sign for name, sign, _ in pairs):
        raise ValueError(f"--set: expected NAME=VALUE, got {', '.join(given)}")
    return {name: value for name, _, value in pairs}


def _print_answer(report: Report, table: Table, site: Site, period: Period, language: str) -> None:
    from pipeline.reports import answers

    console.print(report.words(language).question, style="bold", highlight=False, markup=False)
    of_site = f"{site.id}, " if "site" in report.parameters else ""
    not_configured = answers.not_configured(report, site, language)
    if not table.rows:
        published = (
            NO_MEASUREMENTS
            if report.counted == "technical"
            else NO_FAULT
            if report.shape == "sparse"
            else NOTHING_PUBLISHED
        )
        text = published if report.is_published else FOUND_NOTHING
        console.print(not_configured or text[language].format(site=site.id), highlight=False, markup=False)
    else:
        told = not_configured or answers.answer(report, table, language)
        if told:
            console.print(told, highlight=False, markup=False)
        if report.is_for_tools:
            rows = answers.spelled(len(table.rows), language)
            console.print(FOR_TOOLS[language].format(rows=rows), highlight=False, markup=False)
        else:
            print_rows(*answers.for_screen(report, answers.for_eyes(report, table, language)), Format.TABLE)
    since, until = (answers.time_text(moment) for moment in period)
    of_time = f"{of_site}{since} - {until} {period.since.tzinfo}. " if report.parameters else ""
    console.print(f"{of_time}{answers.limits(report, language)}", style="dim", highlight=False, markup=False)


def _print_next(report: Report, period: Period, now: datetime, language: str) -> None:
    """Say when the span that is still open will be published, if the period reaches into it."""
    from pipeline.reports.answers import time_text
    from pipeline.reports.buckets import bucket

    if report.is_published and period.until > now:
        zone = now.tzinfo or UTC
        end = bucket(report.step, now, zone).end.astimezone(zone)
        text = NEXT[language].format(span=SPANS[language][report.step], end=time_text(end))
        console.print(text, style="dim", highlight=False, markup=False)


def _site_ids(settings: Settings) -> list[str]:
    return [site.id for site in settings.sites]
