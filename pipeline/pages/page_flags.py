"""Flags for the spelling of a page address, which the stored path no longer shows (column `page_flags`).

Owns the flags of the spelling and the list of attack strings. Report T15 finds one page under many spellings, F17
attacks; both need these flags because scrubbing removes the evidence. Nothing else of it is stored.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from pipeline.event import PageFlag
from pipeline.scrub.decode import UNREADABLE, plain
from pipeline.scrub.urls import Url

_INDEX_FILE = re.compile(r"/(?:index|default)\.(?:php\d?|html?|shtml|aspx?|jsp)/*$", re.IGNORECASE)
# An escape that no browser writes by itself: of a letter, a digit, `-._~`, or of another escape.
_STRAY_SPACE = re.compile(r"/(?:%20|\s)|(?:%20|\s)(?:/|$)")  # at the edge of a segment, where it is stripped
_NEEDLESS_ESCAPE = re.compile(r"%(?:2[5DE]|3\d|4[1-9A-F]|5[\dAF]|6[1-9A-F]|7[\dAE])", re.IGNORECASE)

_ATTACKS = (
    # path traversal
    *("../", "..\\"),
    # files that a server should not serve
    *("/.env", "/.git", "/.svn", "/.hg", "/.htaccess", "/.htpasswd", "/.aws", "/.ssh"),
    *("/etc/passwd", "/proc/self", "win.ini", "web.config"),
    # entry points of common systems, probed on every site
    *("/cgi-bin/", "/wp-login", "/wp-config", "/xmlrpc.php", "/phpmyadmin", "/vendor/phpunit"),
    # injected scripts and look-ups
    *("<script", "javascript:", "onerror=", "onload=", "${jndi:", "${lower:", "${env:"),
    "information_schema",
)
# SQL injection allows spaces and comments between words, so it needs a regular expression.
_SQL = re.compile(
    r"\bunion\b[\s/*]{1,20}(?:all\s{1,9})?select\b|\bor\s{1,9}1\s{0,9}=|'\s{0,9}or\s{0,9}'"
    r"|\bsleep\s{0,9}\(\s{0,9}\d|\bwaitfor\s{1,9}delay\b"
)
_SQL_HINT = re.compile(r"[\s'(*]")


def spelling(url: Url, path: str) -> int:
    """Return bits of `PageFlag` for an address of the site; `path` is its plain path, capitals kept."""
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
    if _has_attack(url):
        flags |= PageFlag.ATTACK.value
    return flags


def _is_utf8_text(raw: str) -> bool:
    if "%" not in raw and raw.isprintable():
        return True
    try:
        return unquote_to_bytes(raw).decode("utf-8").isprintable()
    except UnicodeError:
        return False


def _has_attack(url: Url) -> bool:
    text = f"{url.path}?{url.query}" if url.query else url.path
    if "%00" in text:
        return True
    text = plain(text.replace("+", " ")).lower()
    if any(attack in text for attack in _ATTACKS):
        return True
    return _SQL_HINT.search(text) is not None and _SQL.search(text) is not None
