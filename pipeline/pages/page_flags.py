"""Flags for the spelling of a page address, which the stored path no longer shows (column `page_flags`).

Owns the flags of the spelling. Report T15 finds one page under many spellings and needs these flags, because scrubbing
removes the evidence. Nothing else of it is stored.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from pipeline.event import PageFlag
from pipeline.scrub.decode import UNREADABLE
from pipeline.scrub.urls import Url

_INDEX_FILE = re.compile(r"/(?:index|default)\.(?:php\d?|html?|shtml|aspx?|jsp)/*$", re.IGNORECASE)
# An escape that no browser writes by itself: of a letter, a digit, `-._~`, or of another escape.
_STRAY_SPACE = re.compile(r"/(?:%20|\s)|(?:%20|\s)(?:/|$)")  # at the edge of a segment, where it is stripped
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[5DE]|3\d|4[1-9A-F]|5[\dAF]|6[1-9A-F]|7[\dAE])", re.IGNORECASE)


def spelling(url: Url, path: str) -> int:
    """Return the bits of `PageFlag` that tell the spelling, for an address of the site; `path` is its plain path, capitals kept."""
    raw = url.path
    flags = PageFlag.WWW.value if url.host.startswith("www.") else 0
    if "//" in raw:
        flags |= PageFlag.DOUBLE_SLASH.value
    if len(raw) > 1 and raw.endswith("/"):
        flags |= PageFlag.TRAILING_SLASH.value
    if "." in raw and _INDEX_FILE.search(raw):
        flags |= PageFlag.INDEX_FILE.value
    if path != path.lower():
        flags |= PageFlag.UPPER_CASE.value
    if ("%" in raw and _NEEDLESS_ESCAPE.search(raw)) or _STRAY_SPACE.search(raw):
        flags |= PageFlag.ENCODED.value
    if UNREADABLE in path or not _is_utf8_text(raw):
        flags |= PageFlag.INVALID_TEXT.value
    return flags


def _is_utf8_text(raw: str) -> bool:
    if "%" not in raw and raw.isprintable():
        return True
    try:
        return unquote_to_bytes(raw).decode("utf-8").isprintable()
    except UnicodeError:
        return False
