"""`GET /p.gif`: one hit in, a GIF out, whatever happens.

Owns the 43 bytes, the headers of the answer and the order "events on disk, then 2xx". A refusal never breaks the page:
the GIF goes out with its 4xx or 503 and the reason is counted.
"""

from __future__ import annotations

from starlette.types import Scope, Send

from collector.http.request import read_pixel
from collector.process import Process
from pipeline.errors import Reason, Refused

# GIF89a, 1x1, two colours of which the first is transparent (Graphics Interchange Format 89a, sections 18 to 27).
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")

HEADERS = [
    (b"content-type", b"image/gif"),
    (b"content-length", str(len(GIF)).encode()),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
]
_ALLOW = (b"allow", b"GET, HEAD")


async def answer_pixel(process: Process, scope: Scope, send: Send) -> None:
    """Take one request through the edge and answer it once its events are on disk."""
    method: str = scope["method"]
    headers = HEADERS
    try:
        result = process.take(
            lambda now_ms: read_pixel(scope, now_ms=now_ms, trusted=process.trusted, replay=process.replay)
        )
        await process.spool.append(result.events)
        status = 200
        if result.set_cookie:
            headers = [*HEADERS, (b"set-cookie", result.set_cookie.encode())]
    except Refused as refused:
        status = refused.status
        if refused.reason is Reason.BAD_METHOD:
            headers = [*HEADERS, _ALLOW]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else GIF})
