"""The reasons of a score in words: what was measured, and beside it what is usual.

Owns the wording of numbers: a reason in sql/fraud/signals.toml names `{pages}` alone, or with the forms of the word that follows it,
`{pages:page|pages}`, of which the number chooses one. Russian has three, for 1, 2 and 5. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from babel.core import Locale
from babel.numbers import format_decimal

from pipeline.fraud.day import Found
from pipeline.scoring.rules import all_signals

Language = Literal["en", "ru"]
MOST_REASONS: Final = 3
_USUAL: Final[Mapping[Language, str]] = {
    "en": "{reason} Usual: {p50}; 99 of 100 clients have {side} {p99}{source}.",
    "ru": "{reason} Обычно {p50}; у 99 из 100 клиентов {side} {p99}{source}.",
}
_ALIKE: Final[Mapping[Language, str]] = {
    "en": "{reason} Usual: {p50}, as for 99 of 100 clients{source}.",
    "ru": "{reason} Обычно {p50}, как у 99 из 100 клиентов{source}.",
}
_FORMS: Final[Mapping[str, int]] = {"one": 0, "few": 1, "other": 1, "many": 2}
"""The place of the form of a word: the last one where a language has fewer. A part, such as 1.5, takes the Russian form of 2."""
_NUMBER: Final = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
_NAMES: Final = frozenset({"ad", "ads", "agent", "campaign", "host", "name", "page", "provider", "referrer", "source"})
"""Evidence that is a name, even where it looks like a number."""
_ATTACKS: Final[Mapping[str, tuple[str, str]]] = {
    "traversal": ("path traversal", "обход каталогов"),
    "dotfile": ("hidden files", "скрытые файлы"),
    "cms_door": ("doors of content systems", "входы в системы управления сайтом"),
    "sql": ("SQL injection", "SQL-инъекция"),
    "script": ("script injection", "внедрение скрипта"),
    "lookup": ("look-up expressions", "подстановка выражений"),
    "agent": ("words of the user agent", "строка браузера"),
    "other": ("other kinds", "прочее"),
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
    "innocent": "не нарушение",
    "unsure": "есть сомнения",
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
    "I": ("browser and cookie", "браузер и cookie"),
    "A": ("ads", "реклама"),
    "B": ("booking and login", "запись и вход"),
    "L": ("list", "списки"),
}


class _Told(str):
    """A piece of evidence as its language writes it, which knows its number, if it is one, for the form of the next word."""

    __slots__ = ("amount", "language")
    amount: float | None
    language: Language

    @classmethod
    def of(cls, name: str, text: str, language: Language) -> _Told:
        """Return a piece of evidence; a number gets the signs of its language."""
        is_number = name not in _NAMES and _NUMBER.fullmatch(text) is not None
        amount = round(float(text), 2) if is_number else None
        told = cls(_text(name, text, language) if amount is None else number(amount, language))
        told.amount, told.language = amount, language
        return told

    def __format__(self, forms: str) -> str:
        if not forms:
            return str(self)
        words = forms.split("|")
        rule = Locale.parse(self.language).plural_form(abs(self.amount)) if self.amount is not None else "many"
        return f"{self} {words[min(_FORMS[rule], len(words) - 1)]}"


def reasons(signs: Sequence[Found], points: Mapping[str, float], language: Language) -> list[str]:
    """Return the sentences of the heaviest signs, at most three, the heaviest first."""
    heaviest = sorted(signs, key=lambda sign: (-points.get(sign.signal, 0), sign.signal))
    return [reason(sign, language) for sign in heaviest[:MOST_REASONS] if points.get(sign.signal, 0) > 0]


def reason(sign: Found, language: Language) -> str:
    """Return the sentence of one sign, with the usual values beside a value that has them."""
    signal = all_signals()[sign.signal]
    words = signal.en if language == "en" else signal.ru
    text = measured(sign.signal, sign.value, sign.evidence, language)
    if "{value" not in words.reason:
        return text
    texts = _ALIKE if sign.normal.p50 == sign.normal.p99 else _USUAL
    return texts[language].format(
        reason=text,
        p50=number(sign.normal.p50, language),
        p99=number(sign.normal.p99, language),
        side=_SIDES[language][signal.worse],
        source="" if sign.normal.is_own else _SHIPPED[language],
    )


def measured(signal: str, value: float, evidence: Mapping[str, str], language: Language) -> str:
    """Return the sentence of a sign without what is usual; raises `KeyError` for evidence that the sentence needs and lacks."""
    known = all_signals()[signal]
    words = known.en if language == "en" else known.ru
    told = {name: _Told.of(name, text, language) for name, text in evidence.items()}
    text = words.reason.format_map({**told, "value": _Told.of("value", f"{value:f}", language)})
    return text[:-1] if text.endswith("..") else text  # the name of a company may end with a point of its own


def without_usual(text: str, language: Language) -> str:
    """Return a reason without its usual values, for a list of many cases."""
    return text.partition(_USUAL[language].partition("{reason}")[2].partition("{")[0])[0]


def marked(text: str, language: Language) -> str:
    """Return what is usual with a star for a shipped value, for a page that explains the star once."""
    return text.replace(_SHIPPED[language], "*")


def attack(kind: str, language: Language) -> str:
    """Return the words for a kind of attack."""
    return _ATTACKS[kind][language == "ru"] if kind in _ATTACKS else kind


def _text(name: str, text: str, language: Language) -> str:
    """Return evidence that is no number in words: the kinds of attack by name, a campaign of which nothing is kept not at all."""
    parts = text.split(", ")
    if name == "kinds":
        parts = [attack(each, language) for each in parts]
    if name == "campaign":
        parts = [each for each in parts if each != "*"]
    return ", ".join(filter(None, parts)) or "-"


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
        forms = "paid click|paid clicks" if language == "en" else "платный клик|платных клика|платных кликов"
        return format(_Told.of("value", f"{harm:f}", language), forms)
    return f"{number(harm, language)} {unit}".strip()
