"""Sends the requests over plain sockets: HTTP libraries refuse many of them.

Owns the sockets, the replay ticket and the source address of the connection. Every request is sent once, on its own
connection.
"""

from __future__ import annotations

import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.clock import now_ms
from pipeline.errors import Fatal, Retryable
from pipeline.privacy_check.requests import BROWSER, NONCE, Request

ANSWER_SECONDS = 10.0
ACCEPTED = (200, 204)


class Sent(NamedTuple):
    """Requests by attempt and answers by status. `events`: accepted, so they must appear in the database.

    `direct`: the connection came from the chosen source address.
    """

    requests: Counter[str]
    statuses: Counter[str]
    events: int
    direct: bool


def check_listens(url: str) -> None:
    """Raise `Retryable` when nothing listens at `url`, `Fatal` when it is malformed."""
    try:
        _connect(url, "").close()
    except OSError:
        raise Retryable(f"no collector answers at {url}; start one with `clinic-pixel up`") from None


def send(requests: Iterable[Request], url: str, *, ticket: str, sources: Sequence[str], first_nonce: int) -> Sent:
    """Send everything once; the n-th request carries the nonce `first_nonce + n`.

    Requests that name no client come from the loopback addresses `sources` in turn. A missing answer is
    counted as "none".
    """
    sent = Sent(Counter(), Counter(), 0, direct=True)
    moment = now_ms()
    for place, request in enumerate(requests):
        nonce = str(first_nonce + place)
        headers = (*request.headers, *((("X-Pixel-Replay", f"{ticket} {moment}"),) if request.believed else ()))
        named = "X-Forwarded-For" in dict(headers)
        status, direct = _exchange(
            url,
            "" if named else sources[place % len(sources)],
            request._replace(
                target=request.target.replace(NONCE, nonce), headers=headers, body=request.body.replace(NONCE, nonce)
            ),
        )
        sent.requests[request.attempt] += 1
        sent.statuses[str(status or "none")] += 1
        accepted = request.events if status in ACCEPTED else 0
        sent = sent._replace(events=sent.events + accepted, direct=sent.direct and direct)
    return sent


def _exchange(url: str, source: str, request: Request) -> tuple[int, bool]:
    """Return the status, 0 for none, and whether the connection came from `source`."""
    direct = True
    try:
        try:
            connection = _connect(url, source)
        except ConnectionRefusedError:
            return 0, direct
        except OSError:  # not every system has all of 127.0.0.0/8, and a proxy may be another machine
            direct = False
            connection = _connect(url, "")
    except OSError:
        return 0, direct
    with connection, suppress(OSError, HTTPException):
        connection.sendall(_bytes(request, urlsplit(url).netloc))
        answer = HTTPResponse(connection)
        answer.begin()
        answer.read()
        return answer.status, direct
    return 0, direct


def _connect(url: str, source: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("http", "https"):
        raise Fatal(f"--url: expected an address such as http://127.0.0.1:8080, got {url}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    plain = socket.create_connection((parts.hostname, port), ANSWER_SECONDS, (source, 0) if source else None)
    if parts.scheme == "https":
        return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
    return plain


def _bytes(request: Request, host: str) -> bytes:
    given = dict(request.headers)
    body = request.body.encode()
    headers = [
        *([] if "Host" in given else [("Host", host)]),
        *([] if "User-Agent" in given else [("User-Agent", BROWSER)]),
        *request.headers,
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode() + body
