"""The letters to a person who asked about their data, in both languages, and the two notices of a leak to the authority.

Owns which letter fits the state of a request. Pure. The texts are drafts for the person in charge, who signs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from dashboards.words.catalogue import LANGUAGES, Language, Words
from pipeline.inventory.columns import inventory
from pipeline.inventory.exposure import Exposure
from pipeline.settings.model import Settings
from pipeline.subjects.requests import PersonRequest

FIRST_NOTICE: Final = timedelta(hours=24)
SECOND_NOTICE: Final = timedelta(hours=72)
"""Federal Law 152-FZ, article 21, part 3.1: after the leak was noticed."""
_OF_STATE: Final[Mapping[str, str]] = {
    "open": "letter_received",
    "blocked": "letter_blocked",
    "unblocked": "letter_unblocked",
    "erasing": "letter_received",
    "erased": "letter_erased",
}


class Letter(NamedTuple):
    """One letter: the key of its title, and its text in each language."""

    title: str
    texts: Mapping[Language, str]


class Leak(NamedTuple):
    """What the notices say of a leak beside its extent, as the person in charge wrote it."""

    noticed: datetime
    cause: str
    harm: str
    measures: str


def letters(
    settings: Settings, case: PersonRequest, days: Sequence[tuple[date, int]] | None, today: date
) -> list[Letter]:
    """Return the letters for a request; with the numbers of its days also the answer on what is stored."""
    keys = [_OF_STATE[case.state]]
    if days is not None:
        keys.insert(0, "letter_found" if days else "letter_nothing")
    if not case.by_code and case.state in ("open", "blocked"):
        keys.append("letter_by_address")
    return [
        Letter(key, {language: _letter(settings, case, days or (), today, key, language) for language in LANGUAGES})
        for key in keys
    ]


def _letter(
    settings: Settings, case: PersonRequest, days: Sequence[tuple[date, int]], today: date, key: str, language: Language
) -> str:
    words = Words(language)
    kept = inventory().plain_words(settings.retention, language)
    body = words.say(
        key,
        opened=words.full_date(case.opened),
        due=words.full_date(case.due),
        closed=words.full_date(case.closed) if case.closed else "",
        events=sum(count for _, count in days),
        days="\n".join(f"- {day}: {count}" for day, count in days),
        kept="\n".join(f"- {each.title}. {each.words} ({each.term})" for each in kept),
        keys=settings.retention.keys_days,
    )
    head = words.say("letter_head", requester=case.requester, case=case.case, today=words.full_date(today))
    return f"{head}\n\n{body.strip()}\n\n{_foot(settings, words)}"


def notices(settings: Settings, found: Exposure, leak: Leak, zone: tzinfo) -> list[Letter]:
    """Return the notice within 24 hours and the one within 72 hours of a leak."""
    return [
        Letter(key, {language: _notice(settings, found, leak, zone, key, term, language) for language in LANGUAGES})
        for key, term in (("notice_first", FIRST_NOTICE), ("notice_second", SECOND_NOTICE))
    ]


def _notice(
    settings: Settings, found: Exposure, leak: Leak, zone: tzinfo, key: str, term: timedelta, language: Language
) -> str:
    words = Words(language)
    days = {day.day for day in found.days}
    opened = {day.day for day in found.days if day.addresses}
    gone = {day.day for day in found.days if day.key in ("destroyed", "none")} - opened
    groups = {group.title["en"]: group for group in inventory().groups.values()} | {
        group.title["ru"]: group for group in inventory().groups.values()
    }
    data = [f"- {groups[title].title[language]}. {groups[title].words[language]}" for title, _ in found.data]
    text = words.say(
        key,
        noticed=_at(leak.noticed, zone),
        until=_at(leak.noticed + term, zone),
        since=_at(found.suspicion.period.since, zone),
        end=_at(found.suspicion.period.until, zone),
        rows=sum(touched.rows for touched in found.tables),
        visitors=max((touched.visitors for touched in found.tables), default=0),
        days=len(days),
        opened=len(opened),
        gone=len(gone),
        data="\n".join(data) or "-",
        cause=leak.cause or "…",
        harm=leak.harm or "…",
        measures=leak.measures or "…",
    )
    return f"{text.strip()}\n\n{_foot(settings, words)}"


def _foot(settings: Settings, words: Words) -> str:
    given = settings.privacy
    return words.say("letter_foot", operator=given.operator or "…", contact=given.contact or "…")


def _at(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"
