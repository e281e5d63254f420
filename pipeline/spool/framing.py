"""One line of an append-only file: eight hexadecimal digits of the CRC-32 of a body, a space, the body, a newline.

Owns that form, which the spool and the journal of the deliveries share. Pure. Rules: standard tools can read a line; a
body (JSON here) holds no raw newline, so after damage a reader continues at the next line.
"""

from __future__ import annotations

from typing import Final, Literal
from zlib import crc32

from pipeline.reasons import QuarantineReason

Damage = Literal[QuarantineReason.TORN, QuarantineReason.FRAME, QuarantineReason.CRC]

ADDED: Final = 10
"""Bytes that framing adds to a body."""
_BODY: Final = 9  # eight digits and a space


def framed(body: bytes) -> bytes:
    """Return the line of a body."""
    return b"%08x %b\n" % (crc32(body), body)


def unframed(line: bytes) -> bytes | Damage:
    """Return the body of a whole line (with its newline), or the damage of the line."""
    body = line[_BODY:-1]
    # The digits are compared as text: int() would accept spellings that no writer makes.
    if body and line[:_BODY] == b"%08x " % crc32(body) and line.endswith(b"\n"):
        return body
    if not line.endswith(b"\n"):
        return QuarantineReason.TORN
    return QuarantineReason.CRC if body and line[8:_BODY] == b" " else QuarantineReason.FRAME
