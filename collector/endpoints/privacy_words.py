"""The words of /privacy in Russian and English.

Owns the choice of the language, the filling of the catalogues `templates/privacy.*.toml` with the numbers in force, and
the spelling of dates. No text that a visitor sent becomes part of these words. Pure, except that it reads the two files
once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.resources import files
from typing import Any, Final, get_args

from pipeline.headers.cookies import LIFE_DAYS
from pipeline.host_names import readable_host
from pipeline.inventory.columns import Kept, Language, amount, inventory
from pipeline.settings.model import Settings
from pipeline.subjects.request_code import LIFE

LANGUAGES: Final[Sequence[Language]] = get_args(Language)
DEFAULT: Final[Language] = "ru"  # the language of the policy, for a browser that asks for neither
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_WEIGHT: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_MONTHS: Final[Mapping[Language, str]] = {
    "en": "January February March April May June July August September October November December",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}


class Words:
    """All texts of /privacy in one language under the settings in force."""

    def __init__(self, language: Language, settings: Settings) -> None:
        self.language: Language = language
        file = files("collector") / "templates" / f"privacy.{language}.toml"
        self.texts: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        self.kept: Sequence[Kept] = inventory().plain_words(settings.retention, language)
        self._facts = {
            "hosts": ", ".join(public_hosts(host for site in settings.sites for host in site.hosts)),
            "life": amount(LIFE_DAYS, "days", language),
            "keys": amount(settings.retention.keys_days, "days", language),
            "code_days": amount(LIFE.days, "days", language),
            "version": settings.privacy.policy_version,
        }

    def say(self, name: str, **facts: str) -> str:
        """Return one text of the catalogue; raises `KeyError` for a missing name or fact."""
        text: str = self.texts[name]
        return text.format_map(self._facts | facts)

    def all_of(self, name: str) -> list[str]:
        """Return the texts of a list of the catalogue."""
        return [text.format_map(self._facts) for text in self.texts[name]]

    def day(self, day: date) -> str:
        """Return a date as it is read aloud: `22 November 2026`, `22 ноября 2026 г.`"""
        spelled = f"{day.day} {_MONTHS[self.language].split()[day.month - 1]} {day.year}"
        return f"{spelled} г." if self.language == "ru" else spelled


def public_hosts(hosts: Iterable[str]) -> list[str]:
    """Return host names as a person reads them, without repetition and without `www.` beside the same name.

    The names of this machine are left out if there are others.
    """
    named = list(dict.fromkeys(readable_host(host) for host in hosts))
    public = [host for host in named if host not in LOOPBACK_HOSTS] or named
    return [host for host in public if host.removeprefix("www.") not in public or not host.startswith("www.")]


def asked_language(query: bytes) -> Language | None:
    """Return the language of a query string's `lang`; a language that the page does not have is ignored."""
    return next((language for language in LANGUAGES if f"lang={language}".encode() in query.split(b"&")), None)


def preferred_language(accepted: str) -> Language:
    """Return the language an Accept-Language header prefers (RFC 9110, section 12.5.4)."""
    best, best_weight = DEFAULT, 0.0
    for part in accepted.split(","):
        name, _, parameter = part.partition(";")
        tag = name.strip().lower().partition("-")[0]
        match = _WEIGHT.fullmatch(parameter.strip()) if parameter else None
        weight = float(match[1]) if match else (0.0 if parameter else 1.0)
        for language in LANGUAGES:
            if tag == language and weight > best_weight:
                best, best_weight = language, weight
    return best
