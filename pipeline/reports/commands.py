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

EMPTY = {
    "en": "Nothing to show of {site}: no events in this time, or of too few people ({least} are needed). Look at a longer time"
    " with --since 7d, open a page with the tag, or send a made-up day with `clinic-pixel simulate`.",
    "ru": "Показать по сайту {site} нечего: за это время нет событий или людей слишком мало (нужно {least}). Возьмите срок"
    " больше: --since 7d, откройте страницу с меткой или отправьте учебный день: `clinic-pixel simulate`.",
}
EMPTY_UNSUPPRESSED = {
    "en": "Nothing found in this time. Look at a longer time with --since 7d.",
    "ru": "За это время ничего не найдено. Возьмите срок больше: --since 7d.",
}


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
    until: Annotated[str, typer.Option(help="The same; whole hours.", show_default="the next full hour")] = "",
    site: Annotated[str, typer.Option(help="Which site.", show_default="the first one in the settings")] = "",
    given: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the report's own: NAME=VALUE.", show_default=False)
    ] = None,
    query: Annotated[bool, typer.Option("--sql", help="Print the query instead of asking it.")] = False,
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
        rows = [(each.path, each.words(language).question, each.role) for each in found]
        print_rows(("report", "question", "role"), rows, form)
        return
    settings = all_settings.load(config)
    chosen_site = site or settings.sites[0].id
    if settings.site(chosen_site) is None:
        raise typer.BadParameter(f"no site {site!r} in the settings; there are: {', '.join(_site_ids(settings))}")
    try:
        asked, more = catalogue.find(name, found), _own_parameters(given or ())
        period = _period(asked, since, until, catalogue.zone_of(asked, settings.chosen_site(chosen_site)))
        values = catalogue.parameters(asked, chosen_site, period, more)
    except (LookupError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    if query:
        sys.stdout.write(views.query(asked, settings, values) + "\n")
        return
    table = once_prepared(settings, lambda: run.run(settings, asked, chosen_site, *period, more=more))
    if chosen(form) is Format.TABLE:
        _print_answer(settings, asked, table, chosen_site, period, language)
    else:
        print_rows(table.columns, table.rows, form)


def _period(report: Report, since: str, until: str, zone: tzinfo) -> Period:
    from pipeline.reports.catalogue import read_period

    defaults = {name: str(each.default) for name, each in report.parameters.items()}
    first, last = since or defaults.get("since", "24h"), until or defaults.get("until", "0h")
    return read_period(first, last, datetime.now(UTC), zone)


def _own_parameters(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if not all(name and sign for name, sign, _ in pairs):
        raise ValueError(f"--set: expected NAME=VALUE, got {', '.join(given)}")
    return {name: value for name, _, value in pairs}


def _print_answer(settings: Settings, report: Report, table: Table, site: str, period: Period, language: str) -> None:
    from pipeline.reports import answers

    console.print(report.words(language).question, style="bold", highlight=False, markup=False)
    of_site = f"{site}, " if "site" in report.parameters else ""
    if not table.rows:
        texts = EMPTY if report.suppressed else EMPTY_UNSUPPRESSED
        text = texts[language].format(site=site, least=settings.privacy.min_visitors)
        console.print(text, highlight=False, markup=False)
    else:
        told = answers.answer(report, table, language)
        if told:
            console.print(told, highlight=False, markup=False)
        print_rows(*answers.for_eyes(report, table), Format.TABLE)
    since, until = (answers.time_text(moment) for moment in period)
    note = f"{of_site}{since} - {until} {period.since.tzinfo}. {answers.limits(report, settings, language)}"
    console.print(note, style="dim", highlight=False, markup=False)


def _site_ids(settings: Settings) -> list[str]:
    return [site.id for site in settings.sites]
