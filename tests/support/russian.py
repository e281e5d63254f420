"""The words of a page that are not Russian: what a reader of Russian meets in Latin letters, and should not.

Owns which of them are right in a Russian text (`KNOWN`): names of products and protocols, words of the trade without a Russian one, commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Final

_WORDS: Final = """
Chrome ClickHouse EasyPrivacy Firefox Grafana MTS Python Rostelecom Safari Turbo WordPress PHP htmx nginx
AS CDN CSP CSV ISO GPC HTML IP JSON JavaScript Landlock SQL UTC XHR http https www utm webhook
Global Privacy Control Do Not Track Referer cookie user agent client hints web vitals LCP INP CLS TTFB
GIVT SIVT gross VPN Tor Enter EN
collect doctor fetch lists relink reveal ship snippet up
"""
KNOWN: Final = frozenset(_WORDS.split())
ATTRIBUTES: Final = ("title", "aria-label", "alt", "placeholder")
LEFT_OUT: Final = frozenset({"script", "style", "pre", "code", "textarea"})
"""Elements whose text is no sentence: code, and what a person wrote."""
VOID: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_WORD: Final = re.compile(r"[A-Za-z]{2,}(?:'[a-z]+)?")
_NAME: Final = re.compile(r"`[^`]*`|\S*(?:[/_@=<>{}$*\\\d:]|[A-Za-z][.-][A-Za-z])\S*")
"""Code, or a path, address, setting, file, version or option: no word."""


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_left_out = tag in LEFT_OUT or given.get("lang") == "en" or bool(self._open and self._open[-1][1])
        if not is_left_out:
            self.texts += [given[name] or "" for name in ATTRIBUTES if name in given]
        if tag not in VOID:
            self._open.append((tag, is_left_out))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not (self._open and self._open[-1][1]):
            self.texts.append(data)


def foreign_words(page: str, data: Iterable[str] = ()) -> dict[str, str]:
    """Return the words of a page in Latin letters that are neither known nor a part of `data`, each with the text where it stands."""
    reader = _Texts()
    reader.feed(page)
    allowed = {word.lower() for word in KNOWN} | {word.lower() for text in data for word in _WORD.findall(text)}
    return {
        word: " ".join(text.split())[:160]
        for text in reader.texts
        for word in _WORD.findall(_NAME.sub(" ", text))
        if word.lower() not in allowed
    }
