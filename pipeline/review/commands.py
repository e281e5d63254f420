"""`fraud`: score the days and list the cases.

Owns the words of the queue; one case is shown in `case_commands`, decided in `verdict_commands`, and numbers are in `health_commands`.
The views are read as `security`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from pipeline.claims import commands as claims
from pipeline.review import case_commands, finder_commands, health_commands, verdict_commands
from pipeline.review.health_commands import LangOption, SiteOption, known_site, load
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

Language = Literal["en", "ru"]
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
NEXT: Final[Mapping[Language, str]] = {
    "en": "All of one case: clinic-pixel fraud case ID --purpose TEXT",
    "ru": "Дело целиком: clinic-pixel fraud case НОМЕР --purpose ТЕКСТ",
}
HEADS: Final[Mapping[Language, Sequence[str]]] = {
    "en": ("case", "site", "band", "state", "harm", "touched", "first reason"),
    "ru": ("дело", "сайт", "уровень", "состояние", "ущерб", "затронуто", "главная причина"),
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
    health_commands.register(group)
    finder_commands.register(group)
    app.add_typer(group, name="fraud", rich_help_panel=Panel.ASK)


def score(site: SiteOption = "", form: FormatOption = None, lang: LangOption = "", config: ConfigOption = None) -> None:
    """Score the days that changed, now, of all sites or of one, and list the cases that wait."""
    from pipeline.claims.switch import refuse_where_off
    from pipeline.database.starting import wait_until_prepared
    from pipeline.errors import Fatal
    from pipeline.fraud.job import score_days
    from pipeline.hosts.evaluator import refuse_elsewhere
    from pipeline.system import locks

    settings = load(config)
    refuse_elsewhere(settings)
    refuse_where_off(settings)
    known_site(settings, site)
    wait_until_prepared(settings)
    try:
        with errors.status("looking for days that changed") as status:
            done = score_days(
                settings,
                datetime.now(UTC),
                lambda name, day: status.update(f"scoring {name}, {day}"),
                only=site,
            )
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

    settings, language = load(config), language_of(lang)
    known_site(settings, site)
    _known(state, review.STATES, "--state")
    _known(band, review.BANDS, "--band")
    found, scored = review.asked(settings, lambda client: (review.all_cases(client), review.is_scored(client)))
    shown = review.chosen_cases(found, site=site, band=band, state=state, everything=everything)
    if not scored:
        errors.print(UNSCORED[language], highlight=False, markup=False)
    if chosen(form) is not Format.TABLE:
        print_rows(review.Case._fields, shown, form)
    elif shown:
        notes = [SAMPLED[language]] if any(_is_by_chance(case) for case in shown) else []
        _print([_line(case, language) for case in shown], "\n".join([*notes, NEXT[language]]), language)
    elif scored:
        is_queue = not (site or state or band or everything)
        console.print((NOTHING if is_queue else NONE_SUCH)[language], highlight=False, markup=False)


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

    heads = HEADS[language][:-1]
    widths = [max(len(line[place]) for line in (heads, *lines)) for place in range(len(heads))]
    console.print(_aligned(heads, widths), style="dim", highlight=False, markup=False)
    for *facts, reason in lines:
        console.print(_aligned(facts, widths), style="bold", highlight=False, markup=False)
        console.print(Padding(Text(reason), (0, 0, 0, 2)))
    if note:
        console.print(f"\n{note}", style="dim", highlight=False, markup=False)


def _aligned(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()
