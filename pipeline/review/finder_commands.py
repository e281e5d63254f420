"""`fraud finder`: combinations of country, browser and network that jumped on a day.

Owns the words of the proposals. They are counts of at least 20 clients, so no reading of them is about a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from pipeline.review.health_commands import LangOption, SiteOption, known_site, load
from pipeline.system.console import ConfigOption, Format, FormatOption, chosen, console, errors, language_of, print_rows

if TYPE_CHECKING:
    from clickhouse_connect.driver import Client

    from pipeline.scoring.finder import Proposal

Language = Literal["en", "ru"]
COLUMNS: Final = (
    "site",
    "day",
    "country",
    "browser",
    "asn",
    "clients",
    "usual",
    "chance",
    "people",
    "touched",
    "in_case",
    "tried",
)
HEADS: Final[Mapping[Language, Sequence[str]]] = {
    "en": ("site", "country", "browser", "network", "clients", "usual", "people", "touched", "in cases"),
    "ru": ("сайт", "страна", "браузер", "сеть", "клиенты", "обычно", "люди", "затронули", "в делах"),
}
NOTE: Final[Mapping[Language, str]] = {
    "en": "{day}: clients of a country, browser and network that jumped against the 28 days before. A place to look, not a suspicion: a campaign"
    " makes a crowd, too, and nothing here gives points. People: came back or booked. Touched: ads, forms, login. <5: fewer than 5, or none. At most"
    " one in 100 proposals jumped by chance.",
    "ru": "{day}: клиенты страны, браузера и сети, которых стало намного больше, чем за 28 дней до этого. Это место, куда стоит посмотреть, а не"
    " подозрение: толпу приводит и реклама; баллов это не даёт. Люди: вернулись или записались. Затронули: реклама, формы, вход. <5: меньше 5 или"
    " никого. По случайности - не больше одного из 100.",
}
NOTHING: Final[Mapping[Language, str]] = {
    "en": "{day}: no country, browser and network jumped.",
    "ru": "{day}: ни у одной страны, браузера и сети нет скачка.",
}
TOO_YOUNG: Final[Mapping[Language, str]] = {
    "en": "site {site}, {day}: rows of {days} of the 28 days before are stored; the finder needs all of them",
    "ru": "сайт {site}, {day}: хранятся строки {days} из 28 дней до этого; нужны все",
}


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("finder")(show)


def show(
    site: SiteOption = "",
    day: Annotated[str, typer.Option("--day", help="UTC day, such as 2026-11-27.", show_default="yesterday")] = "",
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """Propose where to look: countries, browsers and networks with far more clients than on the 28 days before."""
    from pipeline.review import cases as review

    settings, language, of = load(config), language_of(lang), _day(day)
    known_site(settings, site)
    rows: list[Sequence[object]] = []
    for each in settings.sites:
        if site in ("", each.id):
            found, days = review.asked(settings, partial(jumps_of, site=each.id, of=of))
            if days is not None:
                said = TOO_YOUNG[language].format(site=each.id, day=of, days=days)
                errors.print(said, highlight=False, markup=False)
            rows += [_row(each.id, of, proposal) for proposal in found]
    if chosen(form) is not Format.TABLE:
        print_rows(COLUMNS, rows, form)
    elif rows:
        print_rows(HEADS[language], [_line(row) for row in rows], form, note=NOTE[language].format(day=of))
    else:
        console.print(NOTHING[language].format(day=of), highlight=False, markup=False)


def _day(given: str) -> date:
    today = datetime.now(UTC).date()
    try:
        of = date.fromisoformat(given) if given else today - timedelta(days=1)
    except ValueError:
        raise typer.BadParameter(f"{given!r}: expected a day such as {today}", param_hint="--day") from None
    if of >= today:
        raise typer.BadParameter(f"{of} is not over; expected a day before {today}", param_hint="--day")
    return of


def jumps_of(client: Client, site: str, of: date) -> tuple[list[Proposal], int | None]:
    """Return the proposals; and where days before are missing, how many are stored."""
    from pipeline.review.cases import rows_of
    from pipeline.scoring.finder import HISTORY_DAYS, Combination, Counted, proposals

    rows = rows_of(client, "finder(site = {site:String}, day = {day:Date})", site=site, day=of)
    if not rows:
        return [], None
    if rows[0]["days"] < HISTORY_DAYS:
        return [], rows[0]["days"]
    names = Counted._fields
    counted = {
        Combination(row["country"], row["browser"], row["asn"]): Counted(*(row[name] for name in names)) for row in rows
    }
    return proposals(counted, rows[0]["tried"]), None


def _row(site: str, of: date, proposal: Proposal) -> Sequence[object]:
    counted = proposal.counted
    return (
        site,
        of.isoformat(),
        *proposal.combination,
        counted.clients,
        round(proposal.usual, 1),
        proposal.chance,
        counted.people,
        counted.touched,
        counted.in_case,
        proposal.tried,
    )


def _line(row: Sequence[Any]) -> Sequence[object]:
    site, _, country, browser, asn, clients, usual, _, *kinds, _ = row
    told = ("<5" if number is None else number for number in kinds)
    return site, country, browser, f"AS{asn}", clients, f"{usual:g}", *told
