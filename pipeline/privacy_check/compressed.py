"""Unpacks ClickHouse data and rotated logs for the search.

Owns the reading of compressed blocks (ClickHouse's `CompressedWriteBuffer`): 16 bytes of checksum, one byte of method,
the size with this header of nine bytes and the size unpacked (both little-endian), then the data. Pure; bytes that are not
a block are skipped, so any file may be given.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from mmap import mmap

import lz4.block

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

CHECKSUM = 16
HEADER = 9
LZ4, ZSTD, SEVERAL = 0x82, 0x90, 0x91
LARGEST = 256 * 2**20
"""Bytes of one block unpacked; ClickHouse makes blocks of about one megabyte and never more than a gigabyte."""

_METHOD = re.compile(rb"[\x82\x90\x91]")


def unpacked(data: bytes | mmap) -> Iterator[bytes]:
    """Yield the content of every compressed block in a file, in order.

    For a column with two codecs (times are `Delta, ZSTD`) only the outer one is decoded.
    """
    place = 0
    while (method := _METHOD.search(data, place + CHECKSUM)) is not None:
        start = method.start()
        content = _block(data, start)
        if content is None:
            place = start - CHECKSUM + 1
        else:
            yield content
            place = start + int.from_bytes(data[start + 1 : start + 5], "little")


def gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the readable content of a gzip file (RFC 1952), which may be incomplete while a log is rotated."""
    reader = zlib.decompressobj(wbits=31)
    try:
        for chunk in chunks:
            yield reader.decompress(chunk)
    except zlib.error:
        return


def _block(data: bytes | mmap, start: int) -> bytes | None:
    packed = int.from_bytes(data[start + 1 : start + 5], "little")
    size = int.from_bytes(data[start + 5 : start + 9], "little")
    if not (HEADER < packed <= len(data) - start and 0 < size <= LARGEST):
        return None
    body = data[start + HEADER : start + packed]
    try:
        if data[start] == LZ4:
            content: bytes = lz4.block.decompress(body, uncompressed_size=size)
            return content
        if data[start] == ZSTD:
            return zstd.decompress(body)
    except (lz4.block.LZ4BlockError, zstd.ZstdError, ValueError):
        return None
    # SEVERAL: a count, that many methods, and a block of the last one.
    return _block(body, 1 + body[0]) if body[0] < len(body) - HEADER else None
