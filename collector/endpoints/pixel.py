"""`GET /p.gif`: one hit in, a GIF out, also for a refused hit.

Owns the 43 bytes, the headers of the answer and the order "events on disk, then 2xx". A refusal does not harm the page:
the GIF is sent with a 4xx or 503 and the reason is counted. `collector.direct` answers the usual request by the same two
functions without ASGI.
"""

from __future__ import annotations

from starlette.types import Send

from collector.http.request import Scope, read_pixel
from collector.process import Process
from pipeline.edge.steps import EdgeResult, run_edge
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
_Headers = list[tuple[bytes, bytes]]


async def answer_pixel(process: Process, scope: Scope, send: Send) -> None:
    """Pass one request through the edge and answer it when its events are on disk."""
    set_cookie = ""
    refused: Refused | None
    try:
        now_ms = process.moment()
        events, set_cookie = take_pixel(process, scope, now_ms=now_ms)
    except Exception as error:  # noqa: BLE001 - the edge never answers 500: see `Process.refuse`
        refused = process.refuse(error)
    else:
        refused = await process.store(events, now_ms=now_ms)
    status, headers = head(refused.reason if refused else None, set_cookie)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else GIF})


def take_pixel(process: Process, scope: Scope, *, now_ms: int) -> EdgeResult:
    """Return the events of one request and the cookie to set; raises `Refused`, not counted yet."""
    return run_edge(
        read_pixel(scope, now_ms=now_ms, replays=process.replays, read=process.read_query),
        process.tables,
        now_ms=now_ms,
    )


def head(refused: Reason | None, set_cookie: str) -> tuple[int, _Headers]:
    """Return status and headers of the answer; only a hit on disk sets the cookie."""
    if refused is None:
        return 200, [*HEADERS, (b"set-cookie", set_cookie.encode())] if set_cookie else HEADERS
    return refused.status, [*HEADERS, _ALLOW] if refused is Reason.BAD_METHOD else HEADERS
