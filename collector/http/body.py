"""The body of a request, counted while it streams in.

Owns its two limits, size and time. No part of the body is kept or logged here.
"""

from __future__ import annotations

import asyncio

from starlette.types import Receive

from pipeline.errors import Reason, Refused

MAX_BODY = 16 * 1024
BODY_SECONDS = 5.0  # for the whole body, however slowly it arrives


async def read_body(receive: Receive) -> bytes:
    """Return the whole body; raises `Refused` (TOO_LARGE, BODY_TIMEOUT, BAD_BODY), not counted yet."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(receive)
    except TimeoutError:
        raise Refused(Reason.BODY_TIMEOUT) from None


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Reason.BAD_BODY)
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise Refused(Reason.TOO_LARGE)
        if not message.get("more_body", False):
            return bytes(body)
