"""Redacts identifiers in text from a browser; only their types are kept.

Owns the three ways to redact the spans of `pipeline.scrub.identifiers`. Rules:

* In a path the whole segment becomes `*`, in a host the whole label, in a text the span.
* Scrubbing is idempotent: each function repeats until its result no longer changes.
* Pure and total: no input raises, and no message quotes the input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from pipeline.event import Scrubbed
from pipeline.scrub.decode import UNREADABLE, plain
from pipeline.scrub.identifiers import find
from pipeline.scrub.person_names import Span

STAR = "*"
FAILED_PATH = "/*"
LONGEST = 2048
"""Characters of one address or text that are examined; the rest is cut off."""
PASSES = 8
"""Each pass only removes text; a text that still changes after so many passes is replaced as a whole."""

PERSONAL_DIGITS = 11
_NEVER_AD = (Scrubbed.ADDRESS, Scrubbed.EMAIL, Scrubbed.UUID)
_AFTER_PATH = re.compile(r"[?#].*", re.DOTALL)
_SEGMENT_PARAMETERS = re.compile(r";[^/]*")
_INDEX_FILE = re.compile(r"(?:index|default)\.(?:php\d?|html?|shtml|aspx?|jsp)", re.IGNORECASE)
_SLASHES = re.compile(r"[/\\]+")


class Clean(NamedTuple):
    """Storable text, and the types redacted in it (bits of `Scrubbed`)."""

    text: str
    scrubbed: int


def plain_path(raw: str) -> str:
    """Return the path in its stored spelling, before redaction.

    Decoded, without query, fragment, parameters (`;jsessionid=`), dot segments, doubled or trailing slashes and index
    file; it keeps its capitals, because the patterns need them. A segment that cannot be decoded contains `UNREADABLE`.
    """
    text = raw if raw.isascii() and "%" not in raw and raw.isprintable() else "/".join(map(plain, _SLASHES.split(raw)))
    if "?" in text or "#" in text:
        text = _AFTER_PATH.sub("", text)
    if ";" in text:
        text = _SEGMENT_PARAMETERS.sub("", text)
    segments: list[str] = []
    for segment in map(str.strip, _SLASHES.split(text)):
        if segment == "..":
            del segments[-1:]
        elif segment not in {"", "."}:
            segments.append(segment)
    while segments and _INDEX_FILE.fullmatch(segments[-1]):
        segments.pop()
    return "/" + "/".join(segments)


def scrub_path(raw: str) -> Clean:
    """Return the storable path of a page: plain, in small letters, every suspicious segment a `*`."""
    text, scrubbed = raw, 0
    if len(raw) > LONGEST:
        # An identifier cut in half may be too short for its pattern.
        text = raw[:LONGEST].rpartition("/")[0] + FAILED_PATH
    for _ in range(PASSES):
        clean = _redact_segments(plain_path(text))
        scrubbed |= clean.scrubbed
        if clean.text == text:
            return Clean(text, scrubbed)
        text = clean.text
    return Clean(FAILED_PATH, scrubbed | Scrubbed.FAILED.value)


def _redact_segments(path: str) -> Clean:
    found = find(path)
    scrubbed = 0
    if found:
        segments = path.split("/")
        for kind, span in found:
            scrubbed |= kind.value
            first = path.count("/", 0, span[0])
            for index in range(first, first + path.count("/", *span) + 1):
                # A run of digits may begin or end with the slash itself, never with an empty segment.
                segments[index] = segments[index] and STAR
        path = "/".join(segments)
    if UNREADABLE in path or "/~" in path:
        scrubbed |= (Scrubbed.UNDECODABLE if UNREADABLE in path else Scrubbed.NAME).value
        path = "/".join(STAR if UNREADABLE in part or part.startswith("~") else part for part in path.split("/"))
    return Clean(path.lower(), scrubbed)


def scrub_text(raw: str, limit: int) -> Clean:
    """Return free text of at most `limit` characters, every identifier in it a `*`.

    For stored user agents, campaign and cookie values and error templates.
    """
    text, scrubbed = raw, 0
    if len(raw) > LONGEST:
        text = raw[:LONGEST].rpartition(" ")[0]
    for _ in range(PASSES):
        readable = plain(text)
        found = find(readable)
        clean = _replace(readable, (span for _, span in found)) if found else readable
        for kind, _ in found:
            scrubbed |= kind.value
        if UNREADABLE in clean:
            scrubbed |= Scrubbed.UNDECODABLE.value
            clean = clean.replace(UNREADABLE, STAR)
        clean = clean[:limit]
        if clean == text:
            return Clean(text, scrubbed)
        text = clean
    return Clean(STAR[:limit], scrubbed | Scrubbed.FAILED.value)


def _replace(text: str, spans: Iterable[Span]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            pieces += (text[done:start], STAR)
        done = max(done, end)
    pieces.append(text[done:])
    return "".join(pieces)


@lru_cache(maxsize=1024)
def scrub_ad(block: str) -> Clean:
    """Return the id of an ad block, `*` where it is an address, an e-mail, a UUID or a number as long as a person's.

    The site gives these ids, and ad systems make them of random words and numbers, so names and tokens are not
    checked and a number needs eleven digits, or ten without a break, like a phone, SNILS, INN or OMS policy.
    """
    for kind, (start, end) in find(block):
        run = block[start:end]
        number = sum(map(str.isdecimal, run)) + run.isdecimal() >= PERSONAL_DIGITS
        if kind in _NEVER_AD or (kind is Scrubbed.DIGITS and number):
            return Clean(STAR, kind.value)
    return Clean(block, 0)


def scrub_host(host: str) -> Clean:
    """Return the storable form of a foreign host name (small letters, A-labels), suspicious labels a `*`.

    Labels are read in Unicode, so that Punycode hides no name, and capitalised, because patterns of names
    need capitals. Two labels may form one identifier.
    """
    labels = host.split(".")
    readable = [_unicode_label(label).title() for label in labels]
    scrubbed = 0
    for kind, (start, end) in find(".".join(readable)):
        scrubbed |= kind.value
        position = 0
        for index, label in enumerate(readable):
            if position < end and start < position + len(label):
                labels[index] = STAR
            position += len(label) + 1
    return Clean(".".join(labels), scrubbed)


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label
