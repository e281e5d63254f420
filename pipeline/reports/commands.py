"""`report`: ask one report and read its answer, first in words, then as rows.

Owns the options, the language and what an empty report says. The rows are those of the view, asked as its role.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import settings as all_settings
from pipeline.reports import sql_commands
from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, console, language_of, print_rows

if TYPE_CHECKING:
    from pipeline.reports.header import Report
    from pipeline.reports.run import Period, Table
    from pipeline.settings import Settings

EMPTY = {
    "en": "Nothing to show of {site}: no events in this time, or of too few people ({least} are needed). Look at a longer time"
    " with --since 7d, open a page that carries the tag, or send a made-up day with `clinic-pixel simulate`.",
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
        str, typer.Option(help="24h, 7d, 2w ago, or ISO 8601 (UTC unless it says otherwise).", show_default="24h")
    ] = "",
    until: Annotated[str, typer.Option(help="The same; whole hours.", show_default="the next full hour")] = "",
    site: Annotated[str, typer.Option(help="Which site.", show_default="the first one in the settings")] = "",
    form: FormatOption = None,
    lang: Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")] = "",
    docs: Annotated[bool, typer.Option("--docs", hidden=True)] = False,
    config: ConfigOption = None,
) -> None:
    """Ask one report, list them all, or print their page of documentation."""
    from pipeline.reports import docs_page, run

    found = run.all_reports()
    language = language_of(lang)
    if docs:
        sys.stdout.write(docs_page.page(found))
        return
    if listed or not name:
        rows = [(each.path, each.text("question", language), each.role) for each in found]
        print_rows(("report", "question", "role"), rows, form)
        return
    settings = all_settings.load(config)
    try:
        asked = run.find(name, found)
        defaults = {each.name: each.default for each in asked.parameters}
        period = run.period(since or defaults["since"], until or defaults["until"], datetime.now(UTC))
    except (LookupError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    chosen_site = site or settings.sites[0].id
    if settings.site(chosen_site) is None:
        raise typer.BadParameter(f"no site {site!r} in the settings; there are: {', '.join(_site_ids(settings))}")
    table = run.run(settings, asked, chosen_site, *period)
    if chosen(form) is Format.TABLE:
        _print_answer(settings, asked, table, chosen_site, period, language)
    else:
        print_rows(table.columns, table.rows, form)


def _print_answer(settings: Settings, report: Report, table: Table, site: str, period: Period, language: str) -> None:
    from pipeline.reports import run

    console.print(report.text("question", language), style="bold", highlight=False, markup=False)
    of_site = f"{site}, " if any(each.name == "site" for each in report.parameters) else ""
    if not table.rows:
        texts = EMPTY if report.suppressed else EMPTY_UNSUPPRESSED
        text = texts[language].format(site=site, least=settings.privacy.min_visitors)
        console.print(text, highlight=False, markup=False)
    else:
        told = run.answer(report, table, language)
        if told:
            console.print(told, highlight=False, markup=False)
        print_rows(table.columns, table.rows, Format.TABLE)
    since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in period)
    note = f"{of_site}{since} - {until} UTC. {run.limits(report, settings, language)}"
    console.print(note, style="dim", highlight=False, markup=False)


def _site_ids(settings: Settings) -> list[str]:
    return [site.id for site in settings.sites]
