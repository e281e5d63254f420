"""The engine of a user agent, which several browsers share, and whether an app shows the page inside of itself.

Owns the forms of engines and of web views. Rules: a browser's own name does not matter, because its agent also has the
engine's (Yandex Browser, Opera, Samsung and Edge are Blink with Chrome's version); every program on iOS is WebKit with
the version of the system; a version that is the same for all is 0 (the builds of WebKit since 605). Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ua_parser_rs import UserAgentExtractor

FIRST_BLINK = 28
"""The first major version of Chrome whose engine is not WebKit."""

FROZEN_BUILD = 605
"""The build of WebKit that every Safari since 11.1 names."""


class Engine(NamedTuple):
    """An engine and its major version, 0 if unknown; '' for an agent that names none."""

    name: str
    major: str | None


NO_ENGINE = Engine("", None)

_NAMED = {
    " ArkWeb/": "ArkWeb",
    " Presto/": "Presto",
    " Edge/": "EdgeHTML",
    " Trident/": "Trident",
    " Goanna/": "Goanna",
    " Servo/": "Servo",
    " Ladybird/": "LibWeb",
    " KHTML/": "KHTML",
}
"""Word -> engine, before the words that it imitates: EdgeHTML and ArkWeb call themselves Chrome, Goanna calls itself Gecko."""

_UNNUMBERED = {"Opera/": "Presto", " Opera ": "Presto", "MSIE ": "Trident"}
"""Words of browsers from a time when agents did not have their engine's version."""

_DIGITS = re.compile(r"[0-9]*")
_APPLE_PHONE = re.compile(r"\((?:iPhone|iPad|iPod)[^)]* like Mac OS X")
_CHROME = re.compile(r"(?:Chrome|Chromium|CrMo)/([0-9]+)")
_VIEW = re.compile(r"; ?wv\)")
_GECKO = re.compile(r"\bGecko/[0-9]")
_FIREFOX = re.compile(r"\bFirefox/([0-9]+)")
_REVISION = re.compile(r"\brv:([0-9]+)")
"""Browsers with Gecko name its version; Firefox 110 to 119 wrote 109 there."""

_WEBKIT = re.compile(r"\bAppleWebKit/([0-9]+)")
_VERSION = re.compile(r"\bVersion/([0-9]+)")
_SAFARI = re.compile(r"(?<!like )\bSafari/[0-9]")
_BROWSER = re.compile(r"\b(?:Version|[A-Z][A-Za-z]{1,5}iOS|[A-Za-z]*Browser|Focus)/")
"""On iOS, besides Safari's word: the browser's version, or the name of another browser (CriOS, FxiOS, EdgiOS)."""

_OLD_VIEW = re.compile(r"\bVersion/4\.0 (?:Mobile )?Chrome/(?!.*Browser/)")
"""Web views of Android 4.4 and of apps that remove the mark; makers' own browsers with this form name themselves."""

_APPS = (
    r"\[FB(?:AN|AV|_IAB)\b|\bFB(?:AN|AV|_IAB)/|\bInstagram |\bVK(?:AndroidApp|App|iOSApp)\b|\bOkApp\b|\bTelegram\b|\bTelegram-"
    r"|\bViber/|\bBytedanceWebview/|\bmusical_ly|\btrill_[0-9]|\bYaSearch(?:Browser|App)\b|\bYaApp_|\bMSAppHost/"
)
"""Apps whose browser has the form of the system's: Facebook, Instagram, VK, OK, Telegram, Viber, TikTok, Yandex."""

_IN_APP = UserAgentExtractor([(_APPS, "app", None, None, None, None)])  # 20 times as fast as re


def engine_of(agent: str, system_major: int) -> Engine:
    """Return the engine that an agent names; `system_major` is the known major version of its system."""
    if _APPLE_PHONE.search(agent):
        return Engine("WebKit", str(system_major)) if "WebKit" in agent else NO_ENGINE
    for word, name in _NAMED.items():
        if word in agent:
            return Engine(name, _digits(agent.partition(word)[2]))
    if found := _CHROME.search(agent):
        return Engine("Blink", found[1]) if int(found[1][:6]) >= FIRST_BLINK else _webkit(agent)
    if _VIEW.search(agent):
        return Engine("Blink", None)
    if _GECKO.search(agent):
        told = _FIREFOX.search(agent) or _REVISION.search(agent)
        return Engine("Gecko", told[1] if told else None)
    return next((Engine(name, None) for word, name in _UNNUMBERED.items() if word in agent), None) or _webkit(agent)


def is_webview(agent: str) -> bool:
    """Return whether an app shows the page inside of itself; the agent is a person's and names an engine.

    A desktop program that is a browser of its own (Electron) is no web view.
    """
    if _VIEW.search(agent) or _IN_APP.extract(agent):
        return True
    if _APPLE_PHONE.search(agent):
        return not (_SAFARI.search(agent) and _BROWSER.search(agent))
    if "Android" in agent:
        return _OLD_VIEW.search(agent) is not None
    return "(Macintosh;" in agent and "WebKit/" in agent and "Safari/" not in agent and "Chrome/" not in agent


def _digits(text: str) -> str:
    found = _DIGITS.match(text)
    return found[0] if found else ""


def _webkit(agent: str) -> Engine:
    build = _WEBKIT.search(agent)
    if build is None:
        return NO_ENGINE
    if "(Macintosh;" in agent or int(build[1][:6]) >= FROZEN_BUILD:
        version = _VERSION.search(agent)
        return Engine("WebKit", version[1] if version else None)
    return Engine("WebKit", build[1])
