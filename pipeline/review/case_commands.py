"""`fraud case`: one case in full. Its reading is in the audit with a purpose.

Owns the page of a case on a terminal: what speaks against the suspects, what may be innocent, and what cannot be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.review.case_words import HEADS, NOTES, TEXTS, Language
from pipeline.review.verdict_commands import IdArgument, case_of, text_of
from pipeline.system.console import (
    ConfigOption,
    Format,
    FormatOption,
    chosen,
    console,
    language_of,
    print_facts,
    print_rows,
)

if TYPE_CHECKING:
    from pipeline.review.cases import Case, Details, Row
    from pipeline.settings.model import Settings

LangOption = Annotated[str, typer.Option("--lang", help="en or ru.", show_default="as LANG says")]
MOST_SUSPECTS: Final = 20
"""So many suspects are on a terminal; JSON has all."""
BAR_POINTS: Final = 4
"""A block of the waterfall is so many points."""


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("case")(show)


def show(
    case_id: IdArgument,
    purpose: Annotated[
        str, typer.Option("--purpose", help="Why you read it; it is recorded in the audit.", show_default=False)
    ],
    form: FormatOption = None,
    lang: LangOption = "",
    config: ConfigOption = None,
) -> None:
    """Show one case in full: reasons, points, innocent explanations, suspects and verdicts; audited first."""
    from pipeline.audit.log import operator
    from pipeline.review import cases as review

    language, why = language_of(lang), text_of(purpose, "--purpose")
    if chosen(form) is Format.CSV:
        raise typer.BadParameter("a case is more than one table; expected table or json", param_hint="--format")
    settings, case = case_of(config, case_id)
    review.note_reading(settings, case, why, now=datetime.now(UTC), who=operator())
    known = review.asked(settings, lambda client: review.details(client, case))
    if chosen(form) is Format.TABLE:
        _page(settings, case, known, language)
    else:
        print_facts({**case._asdict(), **known._asdict()}, form)


def _page(settings: Settings, case: Case, known: Details, language: Language) -> None:
    from pipeline.fraud.sentences import harm_of, number, word
    from pipeline.review.cases import DECISIONS
    from pipeline.scoring.score import probability

    texts, heads = TEXTS[language], HEADS[language]
    site = settings.site(case.site)
    zone = site.zone if site else UTC
    title = texts["title"].format(case=case.case, band=word(case.band, language))
    console.print(title, style="bold", highlight=False, markup=False)
    _say(
        texts["facts"].format(
            site=case.site,
            first=f"{case.first_seen.astimezone(zone):%Y-%m-%d %H:%M}",
            last=f"{case.last_seen.astimezone(zone):%Y-%m-%d %H:%M}",
            zone=zone,
            subjects=case.subjects,
            hits=case.hits,
            touched=", ".join(word(each, language) for each in case.touched) or "-",
            harm=harm_of(case.harm, case.harm_unit, language),
            state=word(case.state, language),
        )
    )
    if case.is_sample and case.band == "unclear":
        _say(texts["chance"])
    _list(texts["why"], case.reasons if language == "en" else case.reasons_ru)
    _list(texts["check"], _innocent(known.signals, language))
    title = texts["points"].format(
        score=number(case.score, language), share=_share(probability(case.score), texts["most"])
    )
    worst = known.suspects[0] if known.suspects else {"families": {}}
    _table(title, heads["points"], _waterfall(worst["families"], texts["prior"], language))
    _table(texts["signals"], heads["signals"], _signals(known.signals, language))
    is_shipped = any(not row["is_calibrated"] for row in known.signals)
    _list(texts["unknown"], [texts["blind"], texts["people"], *([texts["shipped"]] if is_shipped else [])])
    shown = known.suspects[:MOST_SUSPECTS]
    more = len(known.suspects) - len(shown)
    note = texts["more"].format(more=more) if more else ""
    _table(texts["suspects"], heads["suspects"], [_suspect(row, language) for row in shown], note)
    _table(
        texts["tokens"], heads["tokens"], [(row["subject"], row["ip_token"], str(row["epoch"])) for row in shown], note
    )
    decided = [
        (f"{row['decided_at'].astimezone(zone):%Y-%m-%d %H:%M}", word(row["decision"], language), word(row["band"], language), row["reason"], row["reviewer"])
        for row in known.verdicts
    ]  # fmt: skip
    if decided:
        _table(texts["verdicts"], heads["verdicts"], decided)
    else:
        _list(texts["verdicts"], [texts["none"]])
    decisions = (each if language == "en" else f"{each} ({word(each, language)})" for each in DECISIONS)
    _say("\n" + texts["next"].format(case=case.case))
    _say(texts["decisions"].format(decisions=", ".join(decisions)))
    if case.paid_clicks:
        _say(texts["claim"].format(case=case.case))


def _waterfall(families: Mapping[str, float], prior: str, language: Language) -> list[Sequence[object]]:
    """Return the points by kind, the largest first, each with a bar from the sum before it to the sum after it."""
    from pipeline.fraud.sentences import family
    from pipeline.scoring.score import PRIOR

    total = PRIOR
    rows: list[Sequence[object]] = [(prior, _short(PRIOR), _short(PRIOR), "")]
    for name, points in sorted(families.items(), key=lambda each: (-each[1], each[0])):
        if points <= 0:
            continue
        before = round((total - PRIOR) / BAR_POINTS)
        total += points
        blocks = max(1, round((total - PRIOR) / BAR_POINTS) - before)
        rows.append((family(name, language), _short(points), _short(total), " " * before + "█" * blocks))
    return rows


def _share(probability: float, most: str) -> str:
    """Return a share in percent: nobody is proved a robot, so never all of it."""
    return f"{probability:.0%}" if probability < 0.99 else most


def _short(value: float) -> float:
    return int(value) if value == int(value) else value


def _signals(signals: Sequence[Row], language: Language) -> list[Sequence[object]]:
    from pipeline.fraud.sentences import number
    from pipeline.scoring.rules import all_signals

    by_name: dict[str, list[Row]] = {}
    for row in sorted(signals, key=lambda row: (row["is_shadow"], -row["points"], row["signal"])):
        by_name.setdefault(row["signal"], []).append(row)
    lines: list[Sequence[object]] = []
    for name, rows in by_name.items():
        worst, known = rows[0], all_signals().get(name)
        title = (known.en if language == "en" else known.ru).title if known else ""
        note = [
            text
            for text, holds in zip(NOTES[language], (worst["is_shadow"], not worst["is_calibrated"]), strict=True)
            if holds
        ]
        values = (number(worst[column], language) for column in ("value", "threshold", "normal_p50", "normal_p99"))
        points = 0 if worst["is_shadow"] else worst["points"]
        lines.append((f"{name} {title}", len({row["subject"] for row in rows}), *values, points, ", ".join(note)))
    return lines


def _innocent(signals: Sequence[Row], language: Language) -> list[str]:
    """Return the innocent explanations of the signals with weight, the heaviest first, each with the signals that it explains."""
    from pipeline.fraud.sentences import innocent

    explained: dict[str, list[str]] = {}
    for row in sorted(signals, key=lambda row: (-row["points"], row["signal"])):
        for text in innocent([row["signal"]], language) if not row["is_shadow"] else ():
            names = explained.setdefault(text, [])
            names.extend([row["signal"]] if row["signal"] not in names else [])
    return [f"{', '.join(names)}: {text}" for text, names in explained.items()]


def _suspect(row: Row, language: Language) -> Sequence[object]:
    from pipeline.fraud.sentences import word

    sender = ", ".join(filter(None, (row["client"], row["network"], row["country"])))
    hits = row["views"] + row["impressions"]
    return (str(row["day"]), row["subject"], word(row["band"], language), _short(row["score"]), hits, sender)


def _say(text: str) -> None:
    console.print(text, highlight=False, markup=False)


def _list(title: str, texts: Sequence[str]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(f"\n{title}", style="bold", highlight=False, markup=False)
    for text in texts:
        console.print(Padding(Text(text), (0, 0, 0, 2)))


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> None:
    print_rows(heads, rows, Format.TABLE, title=f"\n{title}", note=note)
