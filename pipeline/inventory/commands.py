"""`exposure`: the data that a loss or disclosure concerns, as a basis for informing the visitors (policy clause 5.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.settings import model as all_settings
from pipeline.system.console import (
    ConfigOption,
    Format,
    FormatOption,
    Panel,
    chosen,
    console,
    language_of,
    print_facts,
    print_rows,
)

if TYPE_CHECKING:
    from pipeline.inventory.exposure import Exposure, Suspicion

TITLES = {"en": "Exposure", "ru": "Объём утечки"}
NOTHING = {
    "en": "No stored data of that period could have been reached.",
    "ru": "За этот период не хранится ничего, что могло быть раскрыто.",
}
SUMMARY = {
    "en": "{rows:,} rows of {days} days; visitors at most {visitors:,}. Tokens that lead to an address: on {open} of these days.",
    "ru": "Строк: {rows:,}, дней: {days}; посетителей не более {visitors:,}. Дней, за которые по токену можно узнать адрес: {open}.",
}
TOLD = {"en": "What the data is, in plain words", "ru": "Что это за данные, простыми словами"}
NOTES = {
    "en": "Visitors: one person may count more than once (cookie refused, first page); rows that lost their tokens by age are"
    " counted for no visitor. Keys are not in the database: `alive` matters if the keys may have leaked, too; name such days"
    " with --days."
    " Blocked persons are counted here, unlike in the reports.",
    "ru": "Посетители: один человек может считаться несколько раз (cookie отклонён, первая страница); строки, чьи токены"
    " удалены по сроку, не причислены ни к кому. Ключей в базе нет: `alive` важно, если могли утечь и ключи; такие дни"
    " укажите в --days. Заблокированные люди здесь учтены, в отличие от отчётов.",
}
PUBLISHED_ONLY = {
    "en": "Role ops can read published numbers only: perturbed, each of at least 3 visitors, and no row of an event.",
    "ru": "Роль ops может читать только опубликованные числа: искажённые, каждое не менее чем о 3 посетителях, и ни одной строки события.",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.PRIVACY)(exposure)


def exposure(
    since: Annotated[str, typer.Option(help="24h, 7d, 2w ago, or ISO 8601 (UTC).", show_default=False)],
    until: Annotated[str, typer.Option(help="The same; whole hours.", show_default="the next full hour")] = "0h",
    table: Annotated[str, typer.Option(help="The table that may have leaked; else all.", show_default=False)] = "",
    role: Annotated[
        str, typer.Option(help="The database user that may have leaked; else any.", show_default=False)
    ] = "",
    days: Annotated[
        str, typer.Option(help="Days whose keys may have leaked, 2026-11-20,2026-11-21.", show_default=False)
    ] = "",
    lang: Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")] = "",
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the extent of a suspected leak: which data, how many visitors and which days; audited first."""
    from pipeline.audit.log import operator
    from pipeline.inventory.exposure import Suspicion, examine_exposure, read_days
    from pipeline.reports.catalogue import read_period

    settings, now, language = all_settings.load(config), datetime.now(UTC), language_of(lang)
    try:
        suspicion = Suspicion(read_period(since, until, now), table, role, read_days(days))
        found = examine_exposure(settings, suspicion, now=now, who=operator(), language=language)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    match chosen(form):
        case Format.JSON:
            print_facts(_facts(found), form)
        case Format.CSV:
            print_rows(_columns(), found.days, form)
        case Format.TABLE:
            _print(found, language)


def _facts(found: Exposure) -> dict[str, object]:
    return {
        **found.suspicion.facts(),
        "data": [{"what": title, "words": words} for title, words in found.data],
        "tables": [touched._asdict() for touched in found.tables],
        "days": [day._asdict() for day in found.days],
    }


def _columns() -> tuple[str, ...]:
    from pipeline.inventory.exposure import Day

    return Day._fields


def _print(found: Exposure, language: str) -> None:
    from pipeline.inventory.exposure import Touched

    console.print(_heading(found.suspicion, language), style="bold", highlight=False, markup=False)
    if found.suspicion.role == "ops":
        console.print(PUBLISHED_ONLY[language], highlight=False, markup=False)
    if not found.tables:
        console.print(NOTHING[language])
        return
    summary = SUMMARY[language].format(
        rows=sum(touched.rows for touched in found.tables),
        days=len({day.day for day in found.days}),
        visitors=max(touched.visitors for touched in found.tables),
        open=len({day.day for day in found.days if day.addresses}),
    )
    console.print(summary, highlight=False, markup=False)
    print_rows(Touched._fields, found.tables, Format.TABLE)
    print_rows(_columns(), found.days, Format.TABLE)
    console.print(TOLD[language], style="bold", highlight=False, markup=False)
    for title, words in found.data:
        console.print(f"- {title}. {words}", highlight=False, markup=False)
    console.print(NOTES[language], style="dim", highlight=False, markup=False)


def _heading(suspicion: Suspicion, language: str) -> str:
    since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in suspicion.period)
    facts = suspicion.facts()
    return f"{TITLES[language]}: {since} - {until} UTC, table {facts['table']}, role {facts['role']}, keys {facts['key_days']}"
