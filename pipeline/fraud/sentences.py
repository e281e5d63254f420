"""The reasons of a score in words: what was measured, and beside it what is usual.

Owns the wording of numbers. The words of each signal are in sql/fraud/signals.toml. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from babel.numbers import format_decimal

from pipeline.fraud.day import Found
from pipeline.scoring.rules import all_signals

Language = Literal["en", "ru"]
MOST_REASONS: Final = 3
_USUAL: Final[Mapping[Language, str]] = {
    "en": "{reason} Usual: {p50}; of 99 in 100 clients {side} {p99}{source}.",
    "ru": "{reason} Обычно {p50}; у 99 из 100 клиентов {side} {p99}{source}.",
}
_SIDES: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {"above": "at most", "below": "at least"},
    "ru": {"above": "не больше", "below": "не меньше"},
}
_SHIPPED: Final[Mapping[Language, str]] = {
    "en": " (shipped value, not yet calibrated)",
    "ru": " (значение из поставки, ещё не откалибровано)",
}

_WORDS: Final[Mapping[str, str]] = {
    "likely": "вероятно",
    "watch": "наблюдать",
    "unclear": "неясно",
    "new": "новое",
    "reopened": "снова открыто",
    "confirmed": "подтверждено",
    "innocent": "невиновен",
    "unsure": "не уверены",
    "own_monitor": "своя проверка",
    "known_crawler": "известный робот",
    "ads": "реклама",
    "booking": "запись",
    "login": "вход",
}
_FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "N": ("network", "сеть"),
    "T": ("timing", "паузы"),
    "R": ("rate", "частота"),
    "P": ("path", "путь"),
    "I": ("identity", "личность"),
    "A": ("ads", "реклама"),
    "B": ("booking and login", "запись и вход"),
    "L": ("list", "списки"),
}


def reasons(signs: Sequence[Found], points: Mapping[str, float], language: Language) -> list[str]:
    """Return the sentences of the heaviest signs, at most three, the heaviest first."""
    heaviest = sorted(signs, key=lambda sign: (-points.get(sign.signal, 0), sign.signal))
    return [reason(sign, language) for sign in heaviest[:MOST_REASONS] if points.get(sign.signal, 0) > 0]


def reason(sign: Found, language: Language) -> str:
    """Return the sentence of one sign, with the usual values beside a value that has them."""
    signal = all_signals()[sign.signal]
    words = signal.en if language == "en" else signal.ru
    text = words.reason.format_map({**sign.evidence, "value": number(sign.value, language)})
    if "{value}" not in words.reason:
        return text
    return _USUAL[language].format(
        reason=text,
        p50=number(sign.normal.p50, language),
        p99=number(sign.normal.p99, language),
        side=_SIDES[language][signal.worse],
        source="" if sign.normal.is_own else _SHIPPED[language],
    )


def without_usual(text: str, language: Language) -> str:
    """Return a reason without its usual values, for a list of many cases."""
    return text.partition(_USUAL[language].partition("{reason}")[2].partition("{")[0])[0]


def innocent(names: Sequence[str], language: Language) -> list[str]:
    """Return the innocent explanations of signals, each once."""
    signals = all_signals()
    texts = [(signals[name].en if language == "en" else signals[name].ru).innocent for name in names if name in signals]
    return [*dict.fromkeys(texts)]


def number(value: float, language: Language) -> str:
    """Return a number as the language writes it, with at most two digits after the point and no needless ones."""
    return str(format_decimal(round(value, 2), locale=language))


def word(name: str, language: Language) -> str:
    """Return the word of a band, a state or a touched part."""
    return _WORDS.get(name, name) if language == "ru" else name.replace("_", " ")


def family(name: str, language: Language) -> str:
    """Return the kind of observation of a family of signals."""
    english, russian = _FAMILIES[name]
    return english if language == "en" else russian


def harm_of(harm: float, unit: str, language: Language) -> str:
    """Return the harm of a case with its unit: paid clicks, or money where the settings have costs."""
    if unit == "clicks":
        return f"{number(harm, language)} {'paid clicks' if language == 'en' else 'опл. кликов'}"
    return f"{number(harm, language)} {unit}".strip()
