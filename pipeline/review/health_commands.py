"""`fraud health` and `fraud totals`: how good the signals are, and what is left without invalid traffic.

Owns the options and the check of a site that the commands of this room share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from pipeline.system.console import ConfigOption, Format, FormatOption, chosen, console, language_of, print_rows

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

Language = Literal["en", "ru"]
SiteOption = Annotated[str, typer.Option("--site", help="One site.", show_default="all sites of the settings")]
LangOption = Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")]

HEALTH_HEADS: Final[Mapping[Language, Sequence[str]]] = {
    "en": ("signal", "7 days", "28 days", "decided", "right", "wrong", "people", "trial"),
    "ru": ("признак", "7 дней", "28 дней", "решено", "верно", "зря", "люди", "проба"),
}
HEALTH_NOTE: Final[Mapping[Language, str]] = {
    "en": "7 and 28 days: clients that set it off. Right and wrong: shares of decided cases that were confirmed, or innocent. People: of the flagged"
    " clients of ended days, those who surely are. Trial: recorded, without weight.",
    "ru": "7 и 28 дней: клиенты, у которых он сработал. Верно и зря: доли решённых дел, которые подтверждены или невинны. Люди: те из отмеченных"
    " клиентов прошедших дней, кто точно человек. Проба: записывается, но не влияет.",
}
TOTALS_HEADS: Final[Mapping[Language, Sequence[str]]] = {
    "en": ("site", "day", "ad views", "no GIVT", "valid", "landings", "no GIVT", "valid", "own"),
    "ru": ("сайт", "день", "показы", "без GIVT", "чистые", "переходы", "без GIVT", "чистые", "свои"),
}
TOTALS_NOTE: Final[Mapping[Language, str]] = {
    "en": "Landings: page views with the mark of a paid click. No GIVT: without robots, programs and data centres. Valid: also without the suspects of confirmed cases. Own: the clinic's networks and"
    " checks, in no other column. Robots that load no image are nowhere.",
    "ru": "Переходы: просмотры страниц с меткой оплаченного клика. Без GIVT: без роботов, программ и дата-центров. Чистые: ещё и без подозреваемых подтверждённых дел. Свои: сети и проверки клиники, в других"
    " столбцах их нет. Роботы, которые не грузят картинок, не видны нигде.",
}


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(health)
    group.command()(totals)


def health(form: FormatOption = None, lang: LangOption = "", config: ConfigOption = None) -> None:
    """Show for each signal how often it fires, how reviewers decided, and whether it hits people."""
    from pipeline.review import cases as review

    settings, language = load(config), language_of(lang)
    rows = review.asked(settings, lambda client: review.rows_of(client, "signal_health"))
    if chosen(form) is not Format.TABLE:
        print_rows([*rows[0]], [[*row.values()] for row in rows], form)
        return
    title = "title" if language == "en" else "title_ru"
    lines = [
        (
            f"{row['signal']} {row[title]}",
            row["fires_7d"],
            row["fires_28d"],
            row["decided"],
            *(_share(row[name]) for name in ("confirmed", "innocent")),
            f"{row['people']}/{row['flagged']}",
            _yes(language) if row["is_shadow"] else "",
        )
        for row in rows
    ]
    print_rows(HEALTH_HEADS[language], lines, form, note=HEALTH_NOTE[language])


def totals(
    site: SiteOption = "",
    days: Annotated[int, typer.Option("--days", min=1, max=28, help="The last so many UTC days.")] = 7,
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """Count ad views and paid landings by day: all, without declared robots and data centres, and without confirmed cases."""
    from pipeline.review import cases as review

    settings, language = load(config), language_of(lang)
    known_site(settings, site)
    where = "day > today() - {days:UInt8} AND ({site:String} = '' OR site = {site:String})"
    rows = review.asked(settings, lambda client: review.rows_of(client, "totals", where, days=days, site=site))
    if chosen(form) is Format.TABLE:
        if not rows:
            text = {
                "en": "No ad view and no paid landing in this time.",
                "ru": "За это время нет ни показов рекламы, ни переходов.",
            }
            console.print(text[language], highlight=False, markup=False)
            return
        lines = [_totals_line(row) for row in rows]
        print_rows(TOTALS_HEADS[language], lines, form, note=TOTALS_NOTE[language])
    else:
        print_rows([*rows[0]] if rows else [], [[*row.values()] for row in rows], form)


def load(config: ConfigOption) -> Settings:
    """Return the settings."""
    from pipeline.settings import model as all_settings

    return all_settings.load(config)


def known_site(settings: Settings, site: str) -> None:
    """Raise `BadParameter` for a site that is not in the settings."""
    if site and settings.site(site) is None:
        known = ", ".join(each.id for each in settings.sites)
        raise typer.BadParameter(f"no site {site!r} in the settings; there are: {known}", param_hint="--site")


def _totals_line(row: Mapping[str, Any]) -> Sequence[object]:
    names = [f"{what}{step}" for what in ("impressions", "paid_landings") for step in ("", "_without_givt", "_valid")]
    return (
        row["site"],
        str(row["day"]),
        *(row[name] for name in names),
        row["own_impressions"] + row["own_paid_landings"],
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _yes(language: Language) -> str:
    return "yes" if language == "en" else "да"
