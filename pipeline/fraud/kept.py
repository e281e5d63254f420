"""From the suspects of a day to what is kept of them: score, reasons in words, case.

Owns the order of these steps and `Kept`. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from pipeline.fraud.day import Day, Found, Suspect
from pipeline.fraud.sentences import reasons
from pipeline.scoring.cases import Member, cases_of, sampled
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import Scored, Sign, scored

SAMPLES: Final = 3
"""So many unclear cases of a day are queued for a reviewer, or health learns only from what the score already believed."""


class Kept(NamedTuple):
    """A suspect with its score, the reasons in both languages, its case, and the ids of cases that this one took in."""

    suspect: Suspect
    scored: Scored
    reasons: Mapping[str, Sequence[str]]
    links: Sequence[str]
    case: str
    is_sample: bool = False
    aliases: Sequence[str] = ()


def keep(
    day: Day, suspects: Sequence[Suspect], before: Sequence[Member], live: Collection[str] | None = None
) -> list[Kept]:
    """Return the suspects that have enough points, each with its case; pure."""
    found = {suspect.suspect: (suspect, score_of(suspect, live)) for suspect in suspects}
    kept = {place: each for place, each in found.items() if each[1].band != "none"}
    own_case = {member.suspect: member.case for member in before if member.day == day.day}
    members = [_member(day, suspect, own_case.get(place, "")) for place, (suspect, _) in kept.items()]
    others = [member for member in before if member.day != day.day]
    cases = cases_of(day.site, [*members, *others])
    case_of = {member.suspect: case.id for case in cases for member in case.members if member.day == day.day}
    aliases = {case.id: case.aliases for case in cases}
    best = _best_bands(kept, case_of)
    samples = sampled((case for case, band in best.items() if band == "unclear"), SAMPLES)
    links = {member.suspect: sorted(member.links) for member in members}
    return [
        Kept(
            suspect,
            score,
            {
                "en": reasons(worst_signs(suspect), score.points, "en"),
                "ru": reasons(worst_signs(suspect), score.points, "ru"),
            },
            links[place],
            case_of[place],
            case_of[place] in samples,
            aliases[case_of[place]],
        )
        for place, (suspect, score) in kept.items()
    ]


def score_of(suspect: Suspect, live: Collection[str] | None = None) -> Scored:
    """Return the score of a suspect; only `live` signals give points, None takes the shipped judgement."""
    signals = all_signals()
    return scored([Sign(signals[sign.signal], sign.value) for sign in worst_signs(suspect)], suspect.around, live)


def worst_signs(suspect: Suspect) -> list[Found]:
    """Return the worst sign of each signal: one may have several links of a suspect, and the measuring gives the worst first."""
    worst: dict[str, Found] = {}
    for sign in suspect.signs:
        worst.setdefault(sign.signal, sign)
    return [*worst.values()]


def touched(suspect: Suspect) -> list[str]:
    """Return what a suspect touched, by the words ads, booking and login."""
    roles = set(suspect.roles)
    parts = {
        "ads": bool(suspect.paid_clicks) or suspect.impressions > 0,
        "booking": bool(roles & {"form", "done"}),
        "login": bool(roles & {"login", "reset"}),
    }
    return [name for name, is_touched in parts.items() if is_touched]


def _member(day: Day, suspect: Suspect, case: str) -> Member:
    things = {f"visitor {suspect.visitor}"} if suspect.visitor else set()
    if suspect.net_class not in ("own", "mobile"):
        things |= {f"address {day.day} {each}" for each in suspect.addresses}
        things |= {f"network {day.day} {each}" for each in suspect.networks}
    links = {f"{sign.signal} {sign.link}" for sign in suspect.signs if sign.link}
    return Member(day.day, suspect.suspect, frozenset(things), frozenset(links), case)


def _best_bands(kept: Mapping[int, tuple[Suspect, Scored]], case_of: Mapping[int, str]) -> dict[str, str]:
    order = ("unclear", "watch", "likely")
    best: dict[str, str] = {}
    for place, (_, score) in kept.items():
        case = case_of[place]
        best[case] = max(best.get(case, "unclear"), score.band, key=order.index)
    return best
