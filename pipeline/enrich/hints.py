"""The comparison of client hints with the user agent (columns `hints` and `hints_detail`).

Owns the claims of a user agent that the low-entropy hints of Chromium can confirm: major version, platform, mobile or
not. Rules: brand order and invented brands (GREASE) do not matter, because only the brand `Chromium` is looked for;
a value that one side leaves out is never a contradiction; only Chromium sends hints, and only over https; a brand that
names a controlled browser contradicts every agent that does not say so itself.
Source: W3C User-Agent Client Hints, "low entropy hints".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.enrich.rows import HintState

HINTS_SINCE = 90
"""First major version of Chromium that sends the three hints unasked for everybody; 89 did so for some users only."""

HINT_LIMIT = 512
"""Characters of a hint that are read; real brand lists are shorter than 150."""

UNBELIEVABLE = 10_000
"""From this major version on a number is free text of its sender."""

_SENDERS = frozenset({"Chrome", "Chrome Mobile", "Edge", "Edge Mobile", "Opera", "Opera Mobile"})
_CHROMIUM = re.compile(r"Chrom(?:e|ium)/([0-9]{1,5})")
_BRAND = re.compile(r'"Chromium"\s*;\s*v\s*=\s*"?([0-9]{1,5})')
_AUTOMATION = re.compile(
    r'"(?:headless[^"]*|[^"]*(?:playwright|puppeteer|selenium|webdriver|phantomjs)[^"]*)"', re.IGNORECASE
)
_AUTOMATIONS = ("HeadlessChrome", "HeadlessEdg", "Playwright", "Puppeteer", "Selenium", "WebDriver", "PhantomJS")
_PLATFORMS = {
    "Windows": "windows",
    "CrOS": "chromeos",
    "Android": "android",
    "iPhone": "ios",
    "iPad": "ios",
    "Macintosh": "macos",
    "Linux": "linux",
}
"""Word -> platform, the more specific word first: an Android agent names Linux too."""

_PLATFORM_HINTS = {
    "windows": "windows",
    "chrome os": "chromeos",
    "chromium os": "chromeos",
    "android": "android",
    "ios": "ios",
    "macos": "macos",
    "linux": "linux",
}


class Claims(NamedTuple):
    """The claims of a user agent that hints can confirm; 0 and '' if it makes none."""

    chromium: int
    platform: str
    mobile: bool
    sends_hints: bool
    automated: bool = False


def claims(agent: str, browser: str) -> Claims:
    """Read the claims of a user agent whose browser family is already known."""
    version = _CHROMIUM.search(agent)
    platform = next((name for word, name in _PLATFORMS.items() if word in agent), "")
    chromium = int(version[1]) if version else 0
    return Claims(
        chromium=chromium,
        platform=platform,
        mobile="Mobile" in agent,
        sends_hints=chromium >= HINTS_SINCE and browser in _SENDERS and platform not in {"", "ios"},
        automated="Headless" in agent,
    )


def is_automation(brands: str) -> bool:
    """Return whether a brand of the list is a browser that a program controls, such as HeadlessChrome."""
    return _AUTOMATION.search(brands[:HINT_LIMIT]) is not None


def compare(said: Claims, brands: str, mobile: str, platform: str, *, https: bool) -> HintState:
    """Compare the three hint headers, as received, with the agent's claims."""
    if not (brands or mobile or platform):
        return "missing" if https and said.sends_hints else "none"
    if is_automation(brands) and not said.automated:
        return "contradict"
    answers = (
        _same_version(said, brands[:HINT_LIMIT]),
        _same_platform(said, platform[:HINT_LIMIT]),
        _same_form(said, mobile),
    )
    if False in answers:
        return "contradict"
    return "agree" if True in answers else "none"


def contradiction(said: Claims, brands: str, mobile: str, platform: str) -> str:
    """Return which side said what, '' without a contradiction: only names of closed lists and versions below 10,000."""
    parts: list[str] = []
    if not said.automated and (automation := _AUTOMATION.search(brands[:HINT_LIMIT])):
        parts.append(f"brand: {_automation_name(automation[0])}")
    if _same_version(said, brands[:HINT_LIMIT]) is False and (brand := _BRAND.search(brands[:HINT_LIMIT])):
        parts.append(f"version: agent {_version(said.chromium)}, hint {_version(int(brand[1]))}")
    if _same_platform(said, platform[:HINT_LIMIT]) is False:
        parts.append(f"platform: agent {said.platform}, hint {_hinted_platform(platform)}")
    if _same_form(said, mobile) is False:
        parts.append("form: agent phone, hint desktop" if said.mobile else "form: agent desktop, hint phone")
    return "; ".join(parts)


def _automation_name(brand: str) -> str:
    return next((name for name in _AUTOMATIONS if name.lower() in brand.lower()), "Headless")


def _version(major: int) -> str:
    return str(major or "none") if major < UNBELIEVABLE else "other"


def _same_version(said: Claims, brands: str) -> bool | None:
    brand = _BRAND.search(brands)
    if brand is None:
        return None
    return said.chromium == int(brand[1])


def _same_platform(said: Claims, platform: str) -> bool | None:
    hinted = _hinted_platform(platform)
    if hinted is None or not said.platform:
        return None
    # Televisions with Android write Linux in the agent; an Android agent with the hint Linux is a contradiction.
    return hinted == said.platform or (hinted, said.platform) == ("android", "linux")


def _hinted_platform(platform: str) -> str | None:
    return _PLATFORM_HINTS.get(platform[:HINT_LIMIT].strip(' "').lower())


def _same_form(said: Claims, mobile: str) -> bool | None:
    return None if mobile not in {"?0", "?1"} else said.mobile == (mobile == "?1")
