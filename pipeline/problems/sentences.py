"""The sentences about a problem, in English or Russian: a title, a short text, and the answers to five questions; pure.

Owns the order of the parts of a sentence and the parts that are left out where it becomes too long. Every number is coarse, because exact ones
are not published. All changes between the last good and the first bad hour are named, or only their number: none is picked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pipeline.detection.series import HOUR
from pipeline.problems import words
from pipeline.problems.problem import Place, Problem
from pipeline.problems.words import FEW, LONGEST_NAME, Language, OfWatch, Texts, clean, counted, named, table

LONGEST: Final = 400
"""Characters of a sentence."""
ROUGH_DAYS: Final = 7
"""With less history the days of the week are not known."""
SILENCE: Final = 0.02
ALMOST: Final = 0.10


class Detail(NamedTuple):
    """The details of a sentence: the longest name, how many other places are named, and which parts are told."""

    name: int = LONGEST_NAME
    places: int = 3
    share: bool = True
    names_changes: bool = True
    notes: bool = True
    why: bool = True
    next: bool = True


_WHOLE: Final = Detail(places=20)
_PLAIN: Final = Detail(places=1, share=False, names_changes=False)
_DETAILS: Final = (
    Detail(),
    Detail(share=False),
    Detail(places=1, share=False),
    _PLAIN,
    _PLAIN._replace(name=60),
    _PLAIN._replace(name=60, places=0, notes=False),
    _PLAIN._replace(name=40, places=0, notes=False, why=False),
    _PLAIN._replace(name=20, places=0, notes=False, why=False, next=False),
)
"""From the whole to the least; the first that fits is told. `answers` has the rest."""


def title(problem: Problem, language: Language) -> str:
    """Return a short name of the problem: `Booking form broken in Chrome 143`."""
    texts = _texts(problem, language)
    is_part = bool(texts.title_fewer) and _rest(problem) > ALMOST
    text = (texts.title_fewer if is_part else texts.title).format_map(named(problem.place, language))
    return " ".join(text.split())


def sentence(problem: Problem, zone: ZoneInfo, language: Language) -> str:
    """Return the problem in at most 400 characters; times are those of `zone`, the site's."""
    text = ""
    for detail in _DETAILS:
        text = " ".join(_parts(problem, zone, language, detail))
        if len(text) <= LONGEST:
            return text
    return clean(text, LONGEST)


def remedy(problem: Problem, language: Language) -> str:
    """Return the next step, as a sentence."""
    text = _texts(problem, language).next.format_map(named(problem.place, language))
    return text[:1].upper() + text[1:]


def answers(problem: Problem, zone: ZoneInfo, language: Language) -> list[tuple[str, str]]:
    """Return the five questions about a problem in order, each with its answer, with nothing left out."""
    phrases = table().phrases[language]
    symptoms = [_symptom(watch, language) for watch in problem.facts.symptoms]
    what = [_what(problem, zone, language, _WHOLE), *_notes(problem, language)]
    if symptoms:
        what.append(phrases["symptoms"].format(names=", ".join(symptoms)))
    since = phrases["since"].format(
        since=_moment(problem.since, zone, language, with_year=True),
        when=_when(problem, zone, language),
        zone=zone.key,
    )
    again = problem.facts.reopened
    came_back = [phrases["came_back"].format(times=counted(again, "times", language))] if again > 0 else []
    whom = [phrases["place"].format(names=named(problem.place, language)["name"]), *_others(problem, language, _WHOLE)]
    if not problem.facts.works_for and problem.place.dimension != "site":
        whom.append(phrases["nobody_compared"])
    told = [
        (phrases["question_what"], what),
        (phrases["question_since"], [since, *came_back, *_end(problem, zone, language)]),
        (phrases["question_whom"], whom),
        (phrases["question_lost"], [_lost(problem, language, _WHOLE)]),
        (phrases["question_changed"], [_changed(problem, language, _WHOLE)]),
    ]
    return [(question, " ".join(parts)) for question, parts in told]


def _parts(problem: Problem, zone: ZoneInfo, language: Language, detail: Detail) -> Iterator[str]:
    yield _what(problem, zone, language, detail)
    yield _lost(problem, language, detail)
    yield from _others(problem, language, detail)
    yield _changed(problem, language, detail)
    yield from _end(problem, zone, language)
    if detail.notes:
        yield from _notes(problem, language)
    if problem.is_active and detail.next:
        step = _texts(problem, language).next.format_map(named(problem.place, language, detail.name))
        yield table().phrases[language]["next"].format(next=step)


def _of_watch(watch: str) -> OfWatch:
    return table().watches.get(watch, table().watches["other"])


def _texts(problem: Problem, language: Language) -> Texts:
    """Return the texts of the watch, those of its kind of place, and over both those of the cause."""
    of_watch = _of_watch(problem.watch)
    texts = of_watch.of(language)
    if (by_place := texts.by.get(words.kind_of(problem.place))) is not None:
        texts = texts.with_(by_place)
    if (cause := table().causes.get(problem.facts.cause)) is not None:
        of_cause = cause.of(language)
        # A cause has one name, whether all or a part is lost.
        texts = texts.with_(of_cause).model_copy(update={"title_fewer": ""} if of_cause.title else {})
    return texts


def _symptom(watch: str, language: Language) -> str:
    texts = _of_watch(watch).of(language)
    return (texts.title_fewer or texts.title).format(place="", name="", bare="").rstrip(": ")


def _what(problem: Problem, zone: ZoneInfo, language: Language, detail: Detail) -> str:
    texts = _texts(problem, language)
    given = {
        **named(problem.place, language, detail.name),
        "level": _level(problem, language),
        "when": _when(problem, zone, language),
    }
    text = " ".join(texts.what.format_map(given).split())
    return f"{text} {texts.why}" if texts.why and detail.why and problem.is_active else text


def _rest(problem: Problem) -> float:
    """Return the part of the usual number that is left; more than 1 in a rise."""
    facts = problem.facts
    if facts.expected > 0:
        return facts.seen / facts.expected
    return float("inf") if facts.seen > 0 else 0.0


def _level(problem: Problem, language: Language) -> str:
    phrases, rest = table().phrases[language], _rest(problem)
    if rest <= SILENCE:
        return phrases["stopped"]
    if rest <= ALMOST:
        return phrases["almost_stopped"]
    if rest < 1:
        shown = words.percent(rest, language)
        return phrases["fell"].format(percent=shown) if rest < 0.95 else phrases["fell_slightly"]
    if not 1.5 <= rest <= 1000:
        return phrases["rose_from_nothing"]
    times = round(rest) if rest < 10 else words.coarse(rest)
    return phrases["rose"].format(times=counted(max(2, times), "times", language))


def _moment(moment: datetime, zone: ZoneInfo, language: Language, *, with_year: bool = False) -> str:
    date = words.date_of(moment, zone, language, with_year=with_year)
    return table().phrases[language]["at"].format(time=words.time_of(moment, zone), date=date)


def _when(problem: Problem, zone: ZoneInfo, language: Language) -> str:
    begin, end = problem.quiet_until, problem.since + HOUR
    days = {words.date_of(moment, zone, language) for moment in (begin, end)}
    phrases = table().phrases[language]
    if problem.quiet_until >= problem.since:  # there is no number of an hour without it
        return phrases["before"].format(end=_moment(end, zone, language))
    if len(days) == 1:
        return phrases["between_hours"].format(
            begin=words.time_of(begin, zone), end=words.time_of(end, zone), date=days.pop()
        )
    return phrases["between_days"].format(begin=_moment(begin, zone, language), end=_moment(end, zone, language))


def _others(problem: Problem, language: Language, detail: Detail) -> Iterator[str]:
    for phrase, places in (("also", problem.facts.also), ("not_affected", problem.facts.works_for)):
        if places and detail.places:
            yield table().phrases[language][phrase].format(names=_listed(places, language, detail))


def _listed(places: Sequence[Place], language: Language, detail: Detail) -> str:
    names = [named(place, language, min(detail.name, 60))["name"] for place in places[: detail.places]]
    more = len(places) - len(names)
    if more:
        names.append(table().phrases[language]["and_more"].format(n=words.decimal(more, language)))
    return ", ".join(names)


def _lost(problem: Problem, language: Language, detail: Detail) -> str:
    phrases, facts = table().phrases[language], problem.facts
    of_watch = _of_watch(problem.watch)
    cause = table().causes.get(facts.cause)
    label = (cause.count if cause else None) or of_watch.count
    unit = of_watch.units.get(facts.number, table().numbers.get(facts.number, "visitors"))
    number = words.about(problem.lost_low, problem.lost, problem.lost_high, unit, language)
    share = ""
    if detail.share and of_watch.has_share and facts.of > 0 and facts.seen > facts.expected and problem.lost >= FEW:
        share = phrases["share"].format(
            share=words.percent(facts.seen / facts.of, language),
            units=words.noun(FEW, unit, language),
            usual=words.percent(facts.expected / facts.of, language),
        )
    return f"{phrases[label]}: {number}{share}."


def _changed(problem: Problem, language: Language, detail: Detail) -> str:
    phrases = table().phrases[language]
    marks = [clean(mark) for mark in problem.facts.changed]
    if not marks:
        return phrases["nothing_changed"]
    if detail.names_changes:
        return phrases["changed"].format(names=", ".join(marks))
    return phrases["changed_many"].format(changes=counted(len(marks), "changes", language))


def _end(problem: Problem, zone: ZoneInfo, language: Language) -> Iterator[str]:
    """Yield until when the problem lasted, and whether its fix held."""
    phrases = table().phrases[language]
    if problem.until is not None and not problem.is_active:
        # With this verdict nobody knows whether it ended.
        phrase = "closed" if problem.facts.verdict == "unknown" else "ended"
        yield phrases[phrase].format(until=_moment(problem.until, zone, language))
    if verdict := problem.facts.verdict:
        name = clean(problem.fixed_by, 40)
        yield phrases[verdict].format(fix=phrases["fix_named"].format(name=name) if name else phrases["fix"])


def _notes(problem: Problem, language: Language) -> Iterator[str]:
    phrases, days = table().phrases[language], int(problem.facts.days)
    if not problem.is_active or days >= ROUGH_DAYS:
        return
    yield phrases["history" if days else "history_none"].format(days=counted(days, "days", language))
