"""A full spool: sealed segments with the events of a clinic's day, made up without a collector."""

from __future__ import annotations

import ipaddress
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

from pipeline.event import Event, Token
from pipeline.spool.records import frame
from pipeline.spool.segments import segment_path

SEGMENT_BYTES = 16 * 1024 * 1024
SINCE_MS = 1_795_000_000_000
AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0 Safari/537.36"
)


def fill(spool: Path, events: int) -> None:
    """Write the segments of this many events into a new directory."""
    spool.mkdir(parents=True)
    lines: list[bytes] = []
    size = number = 0
    for event in made_up(events):
        lines.append(frame(event))
        size += len(lines[-1])
        if size >= SEGMENT_BYTES:
            number += 1
            segment_path(spool, "w0", SINCE_MS, number, "seg").write_bytes(b"".join(lines))
            lines, size = [], 0
    segment_path(spool, "w0", SINCE_MS, number + 1, "seg").write_bytes(b"".join(lines))


def made_up(events: int) -> Iterator[Event]:
    """Yield events of 10,000 addresses, 300 agents and 200 pages, two milliseconds apart."""
    chance = random.Random(1)
    tokens = [Token(str(ipaddress.IPv6Address(chance.getrandbits(128)))) for _ in range(10_000)]
    agents = [AGENT.format(100 + number % 40, number) for number in range(300)]
    for place in range(events):
        address = chance.randrange(10_000)
        yield Event(
            received_ms=SINCE_MS + place * 2,
            event_id=str(uuid.UUID(int=chance.getrandbits(128))),
            site="clinic",
            mode="js",
            policy="1",
            visitor=chance.getrandbits(64),
            visitor_kind="cookie",
            cookie_state="returning",
            ip_token=tokens[address],
            net_token=tokens[address % 3000],
            country="RU",
            asn=64496 + address % 50,
            as_org=f"Provider {address % 50}",
            ua_token=chance.getrandbits(64),
            agent=chance.choice(agents),
            https=True,
            page_host="clinic.example",
            page=f"/services/{chance.randrange(200)}",
            page_scheme="https",
            page_from="parameter",
            referrer_host="clinic.example",
            referrer_page=f"/services/{chance.randrange(200)}",
            nonce=place + 1,
        )
