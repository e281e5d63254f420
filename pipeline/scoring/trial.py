"""The trial of a new or changed signal at this installation: it records first, and counts once it flagged many clients and no person.

Owns the limits of the trial and the words of its state. Theory of operation: each day of a site that is over says how many clients a signal
flagged and how many of these are surely people. Only days that the present text of the signal measured count, so a changed signal begins anew.
One person ends the trial at once, also after the signal passed, because the rule asks for none. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, Literal, NamedTuple

from pipeline.scoring.rules import Signal

TRIAL_DAYS: Final = 28
ENOUGH_FLAGGED: Final = 300
"""Fewer flagged clients do not show that no person is among them."""
State = Literal["judged", "trial", "passed", "failed"]
_WORDS: Final[Mapping[Literal["en", "ru"], Mapping[State, str]]] = {
    "en": {
        "judged": "judged on public logs",
        "trial": "on trial since {since}: flagged {flagged}, people {people}, days left {left}",
        "passed": "passed here: flagged {flagged}, people {people}",
        "failed": "failed here: people {people}, flagged {flagged}",
    },
    "ru": {
        "judged": "проверен на открытых журналах",
        "trial": "на испытании с {since}: отмечено {flagged}, людей {people}, осталось дней {left}",
        "passed": "прошёл испытание здесь: отмечено {flagged}, людей {people}",
        "failed": "не прошёл испытание здесь: людей {people}, отмечено {flagged}",
    },
}


class DayCount(NamedTuple):
    """What a signal with this fingerprint flagged on one day of a site, of so many clients."""

    site: str
    day: date
    signal: str
    fingerprint: str
    clients: int
    flagged: int
    people: int


class Trial(NamedTuple):
    """The state of a signal; `since` is its first day, None before it has one, and `left` the days still to be measured."""

    state: State
    since: date | None = None
    flagged: int = 0
    people: int = 0
    left: int = 0

    @property
    def is_live(self) -> bool:
        """Whether the signal gives points."""
        return self.state in ("judged", "passed")

    def words(self, language: Literal["en", "ru"]) -> str:
        """Return the state in words."""
        text = _WORDS[language][self.state]
        return text.format(since=self.since or "-", flagged=self.flagged, people=self.people, left=self.left)


def trial_of(signal: Signal, counts: Iterable[DayCount], today: date) -> Trial:
    """Return the state of a signal; of several counts of a day of a site the last one is taken, and today is not over."""
    if not signal.is_shadow:
        return Trial("judged")
    own = {
        (each.site, each.day): each
        for each in counts
        if each.signal == signal.name and each.fingerprint == signal.fingerprint and each.day < today and each.clients
    }
    days = {day for _, day in own}
    flagged, people = sum(each.flagged for each in own.values()), sum(each.people for each in own.values())
    left = max(0, TRIAL_DAYS - len(days))
    state: State = "trial"
    if people:
        state = "failed"
    elif not left and flagged >= ENOUGH_FLAGGED:
        state = "passed"
    return Trial(state, min(days, default=None), flagged, people, left)


def live_signals(signals: Iterable[Signal], counts: Iterable[DayCount], today: date) -> frozenset[str]:
    """Return the names of the signals that give points."""
    known = list(counts)
    return frozenset(signal.name for signal in signals if trial_of(signal, known, today).is_live)
