"""The texts of an alert: subject and body of a mail, the JSON of a webhook, the line of the log; pure.

Owns the few words around the title and the sentence of a problem. Rule: a text from a problem is one line of readable characters, so
that it can neither add a header to a mail nor a line to a log.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from pipeline.alerts.policy import BETWEEN_HOSTS, Kind, Message, Told
from pipeline.problems.problem import Problem
from pipeline.settings.alerts import Language

LONGEST_TITLE: Final = 150
LONGEST_SENTENCE: Final = 2000
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "opened": "Problem",
        "resolved": "Resolved",
        "digest": "Problems of the week",
        "ended": "resolved",
        "more": "and {n} more: clinic-pixel problems list",
        "show": "Details:  clinic-pixel problems show {id}",
        "examine": "Details:  clinic-pixel doctor",
        "mute": "Mute it:  clinic-pixel problems mute {id} --until DATE --reason TEXT",
        "why": "Smaller problems that were not told at once, the most costly first.",
        "sender": "Sent by clinic-pixel for the site {site}. This mail has no data about a visitor.",
    },
    "ru": {
        "opened": "Неполадка",
        "resolved": "Устранено",
        "digest": "Неполадки за неделю",
        "ended": "устранено",
        "more": "и ещё {n}: clinic-pixel problems list",
        "show": "Подробнее:   clinic-pixel problems show {id}",
        "examine": "Подробнее:   clinic-pixel doctor",
        "mute": "Не сообщать: clinic-pixel problems mute {id} --until ДАТА --reason ПРИЧИНА",
        "why": "Неполадки, о которых не сообщалось сразу; сначала те, что обошлись дороже.",
        "sender": "Это письмо программы clinic-pixel о сайте {site}. Данных о посетителях в нём нет.",
    },
}


def one_line(text: str, most: int) -> str:
    """Return a text as one line of at most so many characters, without invisible ones."""
    visible = "".join(" " if character.isspace() else character for character in text)
    visible = "".join(one if unicodedata.category(one) not in _INVISIBLE else "" for one in visible)
    line = " ".join(visible.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def subject(message: Message, language: Language) -> str:
    """Return the subject of a mail, which names site and title."""
    return f"[{message.site}] {_heading(message, language)}"


def body(message: Message, language: Language) -> str:
    """Return the text of a mail."""
    words = _WORDS[language]
    lines: list[str] = []
    if message.kind == "digest":
        lines += [words["why"], ""]
        for one in message.told:
            lines += [f"- {_line(one, language)}", ""]
        lines += [words["more"].format(n=message.more), ""] if message.more else []
    else:
        one = message.told[0]
        lines += [_heading(message, language), "", one_line(one.sentence, LONGEST_SENTENCE), ""]
        lines += list(_commands(one, message.kind, words))
        lines += [""]
    return "\n".join((*lines, "-- ", words["sender"].format(site=message.site), ""))


def _commands(one: Told, kind: Kind, words: Mapping[str, str]) -> Iterator[str]:
    if one.problem.watch == BETWEEN_HOSTS:
        yield words["examine"]
        return
    yield words["show"].format(id=one.problem.id)
    if kind == "opened":
        yield words["mute"].format(id=one.problem.id)


def log_line(message: Message, language: Language) -> str:
    """Return the line of the log."""
    if message.kind == "digest":
        listed = "; ".join(f"{_title(one)} ({one.problem.id})" for one in message.told)
        return f"[{message.site}] {_heading(message, language)}: {listed}"
    one = message.told[0]
    return (
        f"[{message.site}] {_heading(message, language)}. {one_line(one.sentence, LONGEST_SENTENCE)} ({one.problem.id})"
    )


def webhook_body(message: Message, language: Language) -> bytes:
    """Return the JSON of a webhook: `alert`, `kind`, `site` and the facts of the problem, or those of each problem of a digest."""
    facts = [_facts(one) for one in message.told]
    head = {"alert": message.id, "kind": message.kind, "site": message.site, "at": message.at}
    if message.kind != "digest":
        return msgspec.json.encode({**head, **facts[0]})
    title = _heading(message, language)
    return msgspec.json.encode({**head, "title": title, "number": _number(message), "problems": facts})


def _facts(told: Told) -> dict[str, object]:
    problem = told.problem
    return {
        "id": problem.id,
        "title": _title(told),
        "sentence": one_line(told.sentence, LONGEST_SENTENCE),
        "state": problem.state,
        "since": problem.since,
        "until": problem.until,
        "lost": _lost(problem),
    }


def _lost(problem: Problem) -> dict[str, int | None]:
    numbers = {"low": problem.lost_low, "about": problem.lost, "high": problem.lost_high}
    return {name: round(number) if math.isfinite(number) else None for name, number in numbers.items()}


def _title(told: Told) -> str:
    return one_line(told.title, LONGEST_TITLE)


def _heading(message: Message, language: Language) -> str:
    word = _WORDS[language][message.kind]
    return f"{word} ({_number(message)})" if message.kind == "digest" else f"{word}: {_title(message.told[0])}"


def _number(message: Message) -> int:
    return len(message.told) + message.more


def _line(told: Told, language: Language) -> str:
    ended = "" if told.problem.is_active else f" ({_WORDS[language]['ended']})"
    return f"{_title(told)}{ended}. {one_line(told.sentence, LONGEST_SENTENCE)} [{told.problem.id}]"
