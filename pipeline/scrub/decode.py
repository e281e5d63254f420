"""Decodes a piece of an address: removes every layer of escaping.

Owns decoding and nothing else. Rules:

* Percent escapes (and the `%uXXXX` of JavaScript's `escape`) are decoded until nothing changes, at most `ROUNDS` times.
  Text with more layers, and bytes that are neither UTF-8 nor Cyrillic in Windows-1251, become `UNREADABLE`.
* The result is NFKC: full-width and other compatibility forms of `@`, `%`, digits and letters become the plain ones.
* Invisible and combining characters are removed, so that none can separate two digits.
* `plain(plain(x)) == plain(x)`.
"""

from __future__ import annotations

import re
from unicodedata import normalize

ROUNDS = 3
UNREADABLE = "\ufffd"

_BYTES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_UTF16 = re.compile(r"%u([0-9A-Fa-f]{4})")
_COMBINING = re.compile(r"[\u0300-\u036f\u0483-\u0489\u115f\u1160\u3164\uffa0]")  # and the fillers of Hangul
# Windows-1251 decodes nearly every byte, so only Russian text is accepted.
_RUSSIAN = re.compile(r"[\x00-\x7fА-Яа-яЁё«»№–—…\xa0]*")
# Headers arrive decoded as Latin-1. Three such letters in a row are not a word of any language: they are Cyrillic bytes.
_LATIN1_BYTES = re.compile(r"[\x80-\xff]{2,}")
_LATIN1_CYRILLIC = re.compile(r"[\xc0-\xff\xa8\xb8]{3,}")


def plain(text: str) -> str:
    """Return `text` without escapes, in NFKC, without invisible characters; undecodable parts become `UNREADABLE`."""
    for _ in range(ROUNDS):
        if text.isascii() and "%" not in text and text.isprintable():
            return text
        decoded = _decode_once(text)
        if decoded == text:
            return text
        text = decoded
    return text if _decode_once(text) == text else UNREADABLE


def _decode_once(text: str) -> str:
    if "%" in text:
        text = _BYTES.sub(_from_bytes, _UTF16.sub(_from_utf16, text))
    if not text.isascii():
        text = _LATIN1_CYRILLIC.sub(_from_latin1_cyrillic, _LATIN1_BYTES.sub(_from_latin1, text))
        text = _COMBINING.sub("", normalize("NFKC", text))
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text


def _from_utf16(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _from_bytes(escapes: re.Match[str]) -> str:
    data = bytes.fromhex(escapes[0].replace("%", ""))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _from_cp1251(data)


def _from_latin1(letters: re.Match[str]) -> str:
    try:
        return letters[0].encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return letters[0]


def _from_latin1_cyrillic(letters: re.Match[str]) -> str:
    return _from_cp1251(letters[0].encode("latin-1"))


def _from_cp1251(data: bytes) -> str:
    text = data.decode("cp1251", "replace")
    return text if _RUSSIAN.fullmatch(text) else UNREADABLE
