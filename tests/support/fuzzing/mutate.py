"""Seeded changes of inputs, for where no guided search is installed and for the short search of `make test`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from support.fuzzing.parser import LARGEST

TOKENS: Final = (
    b"", b"\0", b"\xff", b"\n", b"\r\n", b"\n\n", b" ", b"%", b"%00", b"%ff", b"%u0041", b"\\ud800", b"\\x22", b'"', b"'", b"<", b">", b"&",
    b"=", b";", b",", b":", b"/", b"//", b"\\", b"..", b"[", b"]", b"{", b"}", b"[[[[[[[[", b"0", b"-1", b"9" * 20, b"1e400", b"NaN",
    b"null", b"true", b"9999-12-31", b"0001-01-01", b"1970-01-01", "\u0661\u0662".encode(), "\u0130\u00df".encode(), b"\xe2\x80\xa8",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"!", b"!{", b"a" * 300, b" " * 300, b"(" * 300, b"203.0.113.9", b"::ffff:1.2.3.4",
)  # fmt: skip
"""Pieces at which parsers go wrong: signs with a meaning, numbers at their ends, damaged encodings, long repetitions."""


def mutations(inputs: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yield changed inputs without end; the same seed yields the same."""
    random = Random(seed)
    while True:
        data = random.choice(inputs)
        for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
            data = _changed(data, inputs, random)
        yield data[:LARGEST]


def _changed(data: bytes, inputs: Sequence[bytes], random: Random) -> bytes:
    begin, end = sorted(random.randint(0, len(data)) for _ in range(2))
    match random.randrange(7):
        case 0:
            return data[:begin] + random.choice(TOKENS) + data[begin:]
        case 1:
            return data[:begin] + random.choice(TOKENS) + data[end:]
        case 2:
            return data[:begin] + data[end:]
        case 3:
            return data[:end] + data[begin:end] * random.choice((1, 2, 40)) + data[end:]
        case 4:
            other = random.choice(inputs)
            cut = random.randint(0, len(other))
            return data[:begin] + other[cut:]
        case 5 if data:
            place = random.randrange(len(data))
            return data[:place] + bytes((data[place] ^ 1 << random.randrange(8),)) + data[place + 1 :]
        case _:
            return data[:begin] + random.randbytes(random.choice((1, 2, 4))) + data[begin:]
