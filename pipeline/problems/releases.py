"""The verdict about a release: what it broke, what it healed, and what cannot be said yet.

Owns the comparison of a mark with the problems around it. No release is picked: each mark between the last good and the first bad hour of a problem may have made it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import ceil, log
from typing import Final, Literal, NamedTuple

from pipeline.detection.evidence import CERTAIN
from pipeline.detection.look import PRIOR_SPREAD
from pipeline.detection.series import HOUR, Table
from pipeline.problems import store
from pipeline.problems.counting import table_of
from pipeline.problems.evaluate import Mark
from pipeline.problems.problem import Problem
from pipeline.problems.sentences import sentence
from pipeline.problems.words import Language
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

HALF: Final = 0.5
VIEWS_FOR_HALF: Final = ceil(PRIOR_SPREAD["views"] * CERTAIN / (1 - HALF - HALF * log(1 / HALF)))
"""Expected views until a loss of a half is certain: the mean evidence of independent views is f ln f - f + 1, and those of one visitor come
together."""

Word = Literal["broke", "healed", "cannot_say", "nothing"]
_WORDS: Final = {
    "en": {
        "broke": "may have broken",
        "healed": "may have healed",
        "cannot_say": "cannot say yet",
        "nothing": "broke nothing",
        "more": "A loss of a half would be certain after about {views} more page views of the site.",
        "enough": "{views} page views came since; a loss of a half would be certain by now.",
    },
    "ru": {
        "broke": "возможно, сломал",
        "healed": "возможно, починил",
        "cannot_say": "пока нельзя сказать",
        "nothing": "ничего не сломал",
        "more": "Потеря половины станет достоверной ещё примерно через {views} просмотров сайта.",
        "enough": "С тех пор было {views} просмотров; потеря половины уже была бы достоверной.",
    },
}


class Verdict(NamedTuple):
    """One line about a release; without a problem it says whether enough views came (`views` since, or still missing)."""

    mark: Mark
    word: Word
    problem: Problem | None = None
    views: int = 0


def verdicts_of(mark: Mark, problems: Sequence[Problem], table: Table) -> list[Verdict]:
    """Return the verdict about a mark: each problem that it may have made or ended; else whether there are enough views; pure."""
    found = [Verdict(mark, word, problem) for problem in problems for word in _words_of(mark, problem)]
    if any(each.word == "broke" for each in found):
        return found
    since = max(0, table.place(mark.at))
    views = int(table.of("views")[since:].sum())
    missing = VIEWS_FOR_HALF - views
    return [*found, Verdict(mark, "cannot_say" if missing > 0 else "nothing", views=missing if missing > 0 else views)]


def verdicts(settings: Settings, site: Site, name: str, language: Language) -> list[tuple[str, str, str]]:
    """Return the marks with this name at a site, each with its verdict in words: release, verdict, sentence.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.
    """
    now = datetime.now(UTC)
    with store.connected(settings) as client:
        marks = [
            mark for of_site, mark in store.marks_of(client, now) if of_site in ("", site.id) and name in mark.text
        ]
        problems = store.newest(client, now).get(site.id, [])
        table = table_of(client, settings, site, now)
    words = _WORDS[language]
    return [
        (_named(each.mark, site), words[each.word], _said(each, site, language))
        for mark in marks
        for each in verdicts_of(mark, problems, table)
    ]


def _words_of(mark: Mark, problem: Problem) -> Iterator[Word]:
    if problem.quiet_until <= mark.at < problem.since + HOUR:
        yield "broke"
    if problem.until is not None and problem.until - 2 * HOUR <= mark.at < problem.until + HOUR:
        yield "healed"


def _said(verdict: Verdict, site: Site, language: Language) -> str:
    if verdict.problem is not None:
        return sentence(verdict.problem, site.zone, language)
    return _WORDS[language]["more" if verdict.word == "cannot_say" else "enough"].format(views=verdict.views)


def _named(mark: Mark, site: Site) -> str:
    return f"{mark.text} ({mark.at.astimezone(site.zone):%Y-%m-%d %H:%M})"
