"""Forged headers behind the shipped nginx: every hit is counted for the address that it came from, once, and no address is on a disk.

`CLINIC_PIXEL_FORGED=10000` sends so many requests in place of the few of the usual run.
"""

from __future__ import annotations

import http.client
import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.edge.draft import day_of
from pipeline.event import Event, RawAddress
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.tokens import DayTokens
from support.command import free_port
from support.edge import CLINIC, Edge
from support.nginx import Nginx, behind, shipped
from support.system import AGENT
from support.waiting import wait_until

NUMBER = int(os.environ.get("CLINIC_PIXEL_FORGED", "400"))
PEERS = [RawAddress(f"127.83.{net}.{host}") for net in (19, 20) for host in (101, 102, 103, 104)]
"""The addresses that the connections really come from."""
CDN = "127.84.1.9"
NAMES = (
    "X-Forwarded-For",
    "x-forwarded-for",
    "Forwarded",
    "X-Real-IP",
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
    "X-Forwarded",
    "Forwarded-For",
    "Via",
    "X_Forwarded_For",
    "X-Pixel-Replay",
    "X-Forwarded-Proto",
    "Connection",
)
FORGED = ("203.0.113.77", "198.51.100.66", "2001:db8:77::66")


def forged_value(dice: random.Random, name: str) -> str:
    """Return one value of a kind that clients and scanners send."""
    address = dice.choice((*FORGED, *PEERS, "10.1.2.3", "127.0.0.1", "::1", "::ffff:203.0.113.77"))
    if name == "Connection":
        return dice.choice(("close, X-Forwarded-For", "X-Forwarded-For", "keep-alive, Forwarded"))
    kind = dice.randrange(12)
    return (
        address,
        f"{address}:{dice.randrange(70000)}",
        f"[{address}]:443",
        f'for="[{address}]:8080";proto=https;by=203.0.113.43, for={address}',
        ", ".join(dice.choices((*FORGED, "unknown", "_hidden", address), k=dice.randrange(2, 12))),
        f"{address}%eth0",
        "",
        " , ,, ",
        "unknown",
        "".join(chr(dice.randrange(33, 127)) for _ in range(dice.randrange(1, 60))),
        (f"{address}, " * 400)[: dice.randrange(500, 9000)],
        f"0x7f.1, 127.1, 2130706433, {address}",
    )[kind]


class Sender:
    """Sends one share of the requests; keeps what was answered by nonce, and the peer of each nonce."""

    def __init__(self, port: int, address: str, seed: int) -> None:
        self._port, self._address, self._dice = port, address, random.Random(seed)
        self.statuses: dict[int, int] = {}

    def send(self, nonces: range, peer: str) -> None:
        for nonce in nonces:
            connection = http.client.HTTPConnection(self._address, self._port, timeout=30, source_address=(peer, 0))
            path = f"/p.gif?s=clinic&m=js&u=https%3A%2F%2Fclinic.example%2F&n={nonce}"
            connection.putrequest("GET", path, skip_host=True)
            lines = [("Host", "stats.clinic.example"), ("User-Agent", AGENT)]
            for _ in range(self._dice.randrange(1, 7)):
                name = self._dice.choice(NAMES)
                lines += [(name, forged_value(self._dice, name))] * self._dice.choice((1, 1, 2))
            self._dice.shuffle(lines)
            for name, value in lines:
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
            self.statuses[nonce] = answer.status
            connection.close()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    collector = {"trusted_proxies": ["127.0.0.1/32"], "flood_per_minute": 0}
    with Edge(tmp_path / "var", sites=(CLINIC,), collector=collector) as edge:
        yield edge


def sent(port: int, address: str, number: int) -> tuple[dict[int, int], dict[int, RawAddress]]:
    """Send so many requests from the peers at once; return the status and the peer of each nonce."""
    cuts = [1 + number * place // len(PEERS) for place in range(len(PEERS) + 1)]
    shares = [range(start, end) for start, end in pairwise(cuts)]
    senders = [Sender(port, address, seed=share.start) for share in shares]
    with ThreadPoolExecutor(len(PEERS)) as pool:
        list(pool.map(Sender.send, senders, shares, PEERS))
    statuses = {nonce: status for sender in senders for nonce, status in sender.statuses.items()}
    return statuses, {nonce: peer for share, peer in zip(shares, PEERS, strict=True) for nonce in share}


def wrong(edge: Edge, events: list[Event], peers: dict[int, RawAddress]) -> int:
    """Return how many events have other tokens than those of their true peer."""
    keys = KeyDirectory.of(edge.settings)
    found = 0
    for event in events:
        tokens = DayTokens(keys.read(KeyName.of_day(day_of(event.received_ms))) or b"")
        peer = peers[event.nonce]
        found += (event.ip_token, event.net_token) != (tokens.ip_token(peer), tokens.net_token(peer))
    return found


def addresses_on_disk(home: Path) -> list[str]:
    """Return the files that hold a true or a forged address as text or as packed bytes."""
    texts = [text.encode() for text in (*PEERS, *FORGED)]
    packed = [bytes(int(part) for part in peer.split(".")) for peer in PEERS]
    files = [file for file in home.rglob("*") if file.is_file() and file.suffix != ".conf"]
    return [str(file) for file in files if any(found in file.read_bytes() for found in (*texts, *packed))]


def check(edge: Edge, home: Path, statuses: dict[int, int], peers: dict[int, RawAddress]) -> None:
    accepted = {nonce for nonce, status in statuses.items() if status == 200}
    wait_until(lambda: len(edge.events()) >= len(accepted), "every accepted hit to be in the spool")
    events = edge.events()
    assert Counter(event.nonce for event in events) == Counter(accepted), "each accepted hit once, no other one"
    assert wrong(edge, events, peers) == 0
    assert len({event.ip_token for event in events}) == len(PEERS)
    assert len({event.net_token for event in events}) == 2
    assert addresses_on_disk(home) == []
    # The rest has more headers than nginx or the collector take: refused as a whole, by their length alone.
    assert {status for status in statuses.values() if status != 200} <= {400, 431}
    assert len(accepted) > 0.8 * len(statuses)


def test_behind_nginx_a_forged_header_changes_nobody(tmp_path, edge):
    port = free_port()
    lines = shipped(tmp_path, edge.served.port, listen=f"127.0.0.1:{port}")
    with Nginx(tmp_path / "nginx", port, lines):
        statuses, peers = sent(port, "127.0.0.1", NUMBER)
    check(edge, tmp_path, statuses, peers)


def test_behind_a_cdn_a_header_that_the_visitor_forged_before_it_changes_nobody(tmp_path, edge):
    port, cdn_port = free_port(), free_port()
    lines = shipped(tmp_path, edge.served.port, listen=f"{CDN}:{port}", **behind(tmp_path, f"{CDN}/32"))
    cdn = f"""server {{
        listen 127.0.0.1:{cdn_port};
        error_log /dev/null emerg;
        large_client_header_buffers 4 16k;
        location / {{
            proxy_pass http://{CDN}:{port}; proxy_bind {CDN}; proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For "$http_x_forwarded_for, $remote_addr";
        }}
    }}"""
    with Nginx(tmp_path / "nginx", port, lines, address=CDN), Nginx(tmp_path / "cdn", cdn_port, cdn):
        statuses, peers = sent(cdn_port, "127.0.0.1", NUMBER)
    check(edge, tmp_path, statuses, peers)


def test_past_the_cdn_nobody_names_an_address_by_its_header(tmp_path, edge):
    port = free_port()
    lines = shipped(tmp_path, edge.served.port, listen=f"127.0.0.1:{port}", **behind(tmp_path, f"{CDN}/32"))
    with Nginx(tmp_path / "nginx", port, lines):
        statuses, peers = sent(port, "127.0.0.1", min(NUMBER, 400))
    check(edge, tmp_path, statuses, peers)


def test_the_check_bites_where_nginx_appends_in_place_of_overwriting(tmp_path, edge):
    port = free_port()
    appended = {"X-Forwarded-For $remote_addr;": 'X-Forwarded-For "$remote_addr, $http_x_forwarded_for";'}
    lines = shipped(tmp_path, edge.served.port, listen=f"127.0.0.1:{port}", **appended)
    with Nginx(tmp_path / "nginx", port, lines):
        statuses, peers = sent(port, "127.0.0.1", 80)
    accepted = [nonce for nonce, status in statuses.items() if status == 200]
    wait_until(lambda: len(edge.events()) >= len(accepted), "every accepted hit to be in the spool")
    assert wrong(edge, edge.events(), peers) > 0
