"""Sends planned hits through the real HTTP endpoint with their own clients and times, and counts the answers.

Owns the replay headers and the cookies of the simulated clients. One client's hits stay in order on one connection;
different clients share a few connections. Every hit is sent once: without an answer it counts as `unanswered` and is not
sent again, so the counts stay exact.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode
from zlib import crc32

import urllib3

from pipeline.errors import Retryable
from pipeline.headers.cookies import ID_COOKIE
from pipeline.system.answers import answer_of

LANES = 4
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REFUSALS = {
    400: "bad request",
    403: "blocked, or no right to replay",
    404: "unknown site",
    413: "too large",
    429: "flood",
    503: "spool",
}


@dataclass(frozen=True, slots=True)
class PlannedHit:
    """One hit to send: its time (Unix milliseconds), client address, agent and the query of the pixel."""

    at_ms: int
    address: str
    agent: str
    query: dict[str, str]
    person: str = ""
    """Hits of one person share a cookie jar; '' has none, for robots and logs."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Account:
    """The counts of sent hits and of their answers."""

    sent: int = 0
    accepted: int = 0
    events: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    seconds: float = 0.0

    def __iadd__(self, other: Account) -> Self:
        self.sent += other.sent
        self.accepted += other.accepted
        self.events += other.events
        self.refused.update(other.refused)
        self.unanswered += other.unanswered
        return self


def send(
    hits: Iterable[PlannedHit], base_url: str, ticket: str, *, first_nonce: int, progress: Callable[[], None]
) -> Account:
    """Send the hits and return the counts; the n-th hit carries the nonce `first_nonce + n`.

    Raises `Retryable` when no collector answers at `base_url`.
    """
    _check_answers(base_url)
    lanes: list[list[tuple[int, PlannedHit]]] = [[] for _ in range(LANES)]
    for place, hit in enumerate(hits):
        lanes[crc32((hit.person or hit.address).encode()) % LANES].append((first_nonce + place, hit))
    begun = time.monotonic()
    account = Account()
    with ThreadPoolExecutor(LANES) as pool:
        for part in pool.map(lambda lane: _send_lane(lane, base_url, ticket, progress), lanes):
            account += part
    account.seconds = time.monotonic() - begun
    return account


def _send_lane(
    lane: Sequence[tuple[int, PlannedHit]], base_url: str, ticket: str, progress: Callable[[], None]
) -> Account:
    account = Account()
    cookies: dict[str, str] = {}
    with urllib3.PoolManager(retries=False, timeout=30.0) as pool:
        for nonce, hit in lane:
            headers = {
                "User-Agent": header_text(hit.agent),
                "X-Forwarded-For": hit.address,
                "X-Forwarded-Proto": "https",
                "X-Pixel-Replay": f"{ticket} {hit.at_ms}",
                **hit.headers,
            }
            if hit.person in cookies:
                headers["Cookie"] = f"{ID_COOKIE}={cookies[hit.person]}"
            account.sent += 1
            try:
                answer = pool.request(
                    "GET",
                    f"{base_url}/p.gif?{urlencode({**hit.query, 'n': nonce}, errors='surrogateescape')}",
                    headers=headers,
                )
            except urllib3.exceptions.HTTPError:
                account.unanswered += 1
                continue
            finally:
                progress()
            if answer.status == 200:
                account.accepted += 1
                account.events += max(1, len(hit.query.get("a", "").split(",")))
                if hit.person and (value := _cookie(answer)):
                    cookies[hit.person] = value
            else:
                account.refused[_REFUSALS.get(answer.status, f"status {answer.status}")] += 1
    return account


def header_text(text: str) -> str:
    """Return a text whose Latin-1 bytes are the UTF-8 bytes of the given one, as `http.client` sends it.

    Control characters become spaces: a server refuses them, and a line end would begin another header.
    """
    octets = text.encode("utf-8", "surrogateescape").decode("latin-1")
    return _CONTROL.sub(" ", octets)


def _cookie(answer: urllib3.BaseHTTPResponse) -> str:
    for header in answer.headers.getlist("set-cookie"):
        name, _, rest = header.partition("=")
        if name == ID_COOKIE:
            return rest.partition(";")[0]
    return ""


def _check_answers(base_url: str) -> None:
    if answer_of(f"{base_url}/health/live", timeout=3.0) is None:
        raise Retryable(f"no collector answers at {base_url}; start one with `clinic-pixel up`")
