"""The trial of a new or changed signal at this installation: it records first, and counts once it flagged many clients and no person.

Owns the limits of the trial and the words of its state. Theory of operation: each day of a site that is over says how many clients a signal
flagged and how many of these are surely people. Only days that the present text of the signal measured count, so a changed signal begins anew; and
only days after the one on which this installation first saw the text, because its author knew the days before, which are scored again at once. A day
on which more clients were flagged than are kept does not count: nobody looked for people among the others. One person ends the trial at
once, on whatever day, also after the signal passed, because the rule asks for none. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
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
    """The clients of one day and site, and those of them that a signal with this fingerprint flagged.

    `seen` is the day on which the installation first measured with this fingerprint; `is_cut` tells that more were flagged than were counted.
    """

    site: str
    day: date
    signal: str
    fingerprint: str
    clients: int
    flagged: int
    people: int
    is_cut: bool
    seen: date


class Trial(NamedTuple):
    """The state of a signal; `since` is the first day that counts, None before it was measured, and `left` the days still to be measured."""

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
    since = min((each.seen for each in own.values()), default=today) + timedelta(days=1)
    cut = {each.day for each in own.values() if each.is_cut}
    days = {day for _, day in own if day >= since} - cut
    flagged = sum(each.flagged for each in own.values() if each.day in days)
    people = sum(each.people for each in own.values())
    left = max(0, TRIAL_DAYS - len(days))
    state: State = "trial"
    if people:
        state = "failed"
    elif not left and flagged >= ENOUGH_FLAGGED:
        state = "passed"
    return Trial(state, since if own else None, flagged, people, left)


def live_signals(signals: Iterable[Signal], counts: Iterable[DayCount], today: date) -> frozenset[str]:
    """Return the names of the signals that give points."""
    known = list(counts)
    return frozenset(signal.name for signal in signals if trial_of(signal, known, today).is_live)
