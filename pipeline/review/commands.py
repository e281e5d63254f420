"""`fraud`: score the days, list the cases, read one, decide, and see how good the signals are.

Owns the words of the lists; one case is shown and decided in `case_commands`. The views are read as `security`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from pipeline.claims import commands as claims
from pipeline.review import case_commands, verdict_commands
from pipeline.system.console import (
    ConfigOption,
    Format,
    FormatOption,
    Panel,
    chosen,
    console,
    errors,
    language_of,
    print_rows,
)

if TYPE_CHECKING:
    from pipeline.review.cases import Case
    from pipeline.settings.model import Settings

Language = Literal["en", "ru"]
SiteOption = Annotated[str, typer.Option("--site", help="One site.", show_default="all sites of the settings")]
LangOption = Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")]

WIDE: Final = 110
"""A narrower terminal gets two lines for each case."""
UNSCORED: Final[Mapping[Language, str]] = {
    "en": "`ship` has not scored a day yet; it does so minutes after events arrive, and `clinic-pixel fraud score` does it now",
    "ru": "`ship` ещё не оценил ни одного дня; он делает это через несколько минут после прихода событий, а `clinic-pixel fraud score` - сразу",
}
NOTHING: Final[Mapping[Language, str]] = {
    "en": "No case waits for a reviewer. `--all` lists decided and unclear ones, too.",
    "ru": "Ни одно дело не ждёт проверки. `--all` показывает и решённые, и неясные.",
}
NONE_SUCH: Final[Mapping[Language, str]] = {"en": "No case is like this.", "ru": "Таких дел нет."}
SAMPLED: Final[Mapping[Language, str]] = {
    "en": "* drawn by chance among unclear cases: your verdicts on them show what the score misses.",
    "ru": "* взято наугад из неясных дел: решения по ним показывают, чего не видит оценка.",
}
HEADS: Final[Mapping[Language, Sequence[str]]] = {
    "en": ("case", "site", "band", "state", "harm", "touched", "first reason"),
    "ru": ("дело", "сайт", "уровень", "состояние", "ущерб", "затронуто", "главная причина"),
}
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Artificial traffic: the cases, their reasons, and what a reviewer decided. Nothing is ever blocked.",
        no_args_is_help=True,
    )
    group.command()(score)
    group.command()(cases)
    case_commands.register(group)
    verdict_commands.register(group)
    claims.register(group)
    group.command()(health)
    group.command()(totals)
    app.add_typer(group, name="fraud", rich_help_panel=Panel.ASK)


def score(site: SiteOption = "", form: FormatOption = None, lang: LangOption = "", config: ConfigOption = None) -> None:
    """Score the days that changed, now, and list the cases that wait."""
    from pipeline.database.starting import wait_until_prepared
    from pipeline.errors import Fatal
    from pipeline.fraud.job import score_days
    from pipeline.review.cases import refuse_where_off
    from pipeline.system import locks

    settings = _load(config)
    refuse_where_off(settings)
    _known_site(settings, site)
    wait_until_prepared(settings)
    try:
        with errors.status("looking for days that changed") as status:
            done = score_days(settings, datetime.now(UTC), lambda name, day: status.update(f"scoring {name}, {day}"))
    except locks.Held:
        raise Fatal("`ship` scores right now; run it again in a moment") from None
    errors.print(f"days scored: {done}" if done else "nothing changed since the last scoring", highlight=False)
    cases(site, form=form, lang=lang, config=config)


def cases(
    site: SiteOption = "",
    state: Annotated[
        str, typer.Option("--state", help="new, reopened, confirmed, innocent, unsure, own_monitor or known_crawler.")
    ] = "",
    band: Annotated[str, typer.Option("--band", help="likely, watch or unclear.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also decided cases and all unclear ones.")] = False,
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """List the cases that wait for a verdict, those with most harm first: JSON has all columns of fraud.cases."""
    from pipeline.review import cases as review

    settings, language = _load(config), language_of(lang)
    _known_site(settings, site)
    _known(state, review.STATES, "--state")
    _known(band, review.BANDS, "--band")
    found, scored = review.asked(settings, lambda client: (review.all_cases(client), review.is_scored(client)))
    shown = review.chosen_cases(found, site=site, band=band, state=state, everything=everything)
    if not scored:
        errors.print(UNSCORED[language], highlight=False, markup=False)
    if chosen(form) is not Format.TABLE:
        print_rows(review.Case._fields, shown, form)
    elif shown:
        note = SAMPLED[language] if any(_is_by_chance(case) for case in shown) else ""
        _print([_line(case, language) for case in shown], note, language)
    elif scored:
        is_queue = not (site or state or band or everything)
        console.print((NOTHING if is_queue else NONE_SUCH)[language], highlight=False, markup=False)


def health(form: FormatOption = None, lang: LangOption = "", config: ConfigOption = None) -> None:
    """Show for each signal how often it fires, how reviewers decided, and whether it hits people."""
    from pipeline.review import cases as review

    settings, language = _load(config), language_of(lang)
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

    settings, language = _load(config), language_of(lang)
    _known_site(settings, site)
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


def _load(config: ConfigOption) -> Settings:
    from pipeline.settings import model as all_settings

    return all_settings.load(config)


def _known_site(settings: Settings, site: str) -> None:
    if site and settings.site(site) is None:
        known = ", ".join(each.id for each in settings.sites)
        raise typer.BadParameter(f"no site {site!r} in the settings; there are: {known}", param_hint="--site")


def _known(given: str, names: Sequence[str], option: str) -> None:
    if given and given not in names:
        raise typer.BadParameter(f"{given!r}: expected one of {', '.join(names)}", param_hint=option)


def _is_by_chance(case: Case) -> bool:
    return case.is_sample and case.band == "unclear"


def _line(case: Case, language: Language) -> Sequence[str]:
    from pipeline.fraud.sentences import harm_of, without_usual, word

    reasons = case.reasons if language == "en" else case.reasons_ru
    return (
        case.case,
        case.site,
        word(case.band, language) + ("*" if _is_by_chance(case) else ""),
        word(case.state, language),
        harm_of(case.harm, case.harm_unit, language),
        ", ".join(word(each, language) for each in case.touched),
        without_usual(reasons[0], language) if reasons else "",
    )


def _print(lines: Sequence[Sequence[str]], note: str, language: Language) -> None:
    if console.width >= WIDE:
        print_rows(HEADS[language], lines, Format.TABLE, note=note)
        return
    from rich.padding import Padding
    from rich.text import Text

    for *facts, reason in lines:
        console.print("  ".join(filter(None, facts)), style="bold", highlight=False, markup=False)
        console.print(Padding(Text(reason), (0, 0, 0, 2)))
    if note:
        console.print(note, style="dim", highlight=False, markup=False)


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
