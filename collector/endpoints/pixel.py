"""`GET /p.gif`: one hit in, a GIF out, also for a refused hit.

Owns the 43 bytes, the headers of the answer and the order "events on disk, then 2xx". A refusal does not harm the page:
the GIF is sent with a 4xx or 503 and the reason is counted.
"""

from __future__ import annotations

from starlette.types import Scope, Send

from collector.http.request import read_pixel
from collector.process import Process
from pipeline.edge.steps import run_edge
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
    """Pass one request through the edge and answer it when its events are on disk."""
    method: str = scope["method"]
    status, headers = 200, HEADERS
    refused: Refused | None
    try:
        now_ms = process.moment()
        hit = read_pixel(scope, now_ms=now_ms, replays=process.replays, read=process.read_query)
        events, set_cookie = run_edge(hit, process.tables, now_ms=now_ms)
    except Exception as error:  # noqa: BLE001 - the edge never answers 500: see `Process.refuse`
        refused = process.refuse(error)
    else:
        refused = await process.store(events, now_ms=now_ms)
    if refused is not None:
        status = refused.status
        if refused.reason is Reason.BAD_METHOD:
            headers = [*HEADERS, _ALLOW]
    elif set_cookie:
        headers = [*HEADERS, (b"set-cookie", set_cookie.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else GIF})
