"""Redacts identifiers in text from a browser; only their types are kept.

Owns the ways to redact the spans of `pipeline.scrub.identifiers`, except in a path (`pipeline.scrub.paths`). Rules:

* In a host the whole label becomes `*`, in a text the span.
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
from pipeline.scrub.identifiers import find, suspicion
from pipeline.scrub.person_names import Span

STAR = "*"
FAILED_PATH = "/*"
LONGEST = 2048
"""Characters of one address or text that are examined; the rest is cut off."""
PASSES = 8
"""Each pass only removes text; a text that still changes after so many passes is replaced as a whole."""

PERSONAL_DIGITS = 11
_NEVER_AD = (Scrubbed.ADDRESS, Scrubbed.EMAIL, Scrubbed.UUID)


class Clean(NamedTuple):
    """Storable text, and the types redacted in it (bits of `Scrubbed`)."""

    text: str
    scrubbed: int


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


RELEASE_LIMIT = 64
_RELEASE = re.compile(rf"[A-Za-z0-9_.+-]{{0,{RELEASE_LIMIT}}}")


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


@lru_cache(maxsize=256)
def scrub_release(release: str) -> str:
    """Return the release of a site, `*` if a detector takes it for an identifier (a date, a whole hash), '' if malformed."""
    return scrub_text(release, RELEASE_LIMIT).text if _RELEASE.fullmatch(release) else ""


def scrub_host(host: str) -> Clean:
    """Return the storable form of a foreign host name (small letters, A-labels), suspicious labels a `*`.

    Labels are read in Unicode, so that Punycode hides no name, and capitalised, because patterns of names
    need capitals. Two labels may form one identifier.
    """
    labels = host.split(".")
    readable = [_unicode_label(label).title() for label in labels]
    scrubbed = 0
    for index, label in enumerate(readable):
        if bits := suspicion(label.lower()):
            scrubbed, labels[index] = scrubbed | bits, STAR
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
