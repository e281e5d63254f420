"""Browsers that leave in the middle, at every byte of a hit, or send it byte by byte: the others are answered, and no connection stays."""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.direct import DirectConnection
from collector.endpoints.pixel import GIF
from support.edge import Edge
from support.waiting import wait_until

HOST = b" HTTP/1.1\r\nHost: stats.clinic.example\r\n"
BODY = b'[{"s":"clinic","u":"https://clinic.example/","n":"%d"}]'
STEP = 1 if os.environ.get("FAULTS") == "long" else 7


def hit(nonce: int) -> bytes:
    return b"GET /p.gif?s=clinic&u=https://clinic.example/&n=%d" % nonce + HOST + b"\r\n"


def beacon(nonce: int) -> bytes:
    body = BODY % nonce
    return b"POST /e" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with Edge(tmp_path, http=DirectConnection, collector={"flood_per_minute": 0}) as running:
        yield running


def connected(edge: Edge) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", edge.served.port), timeout=30)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def connections_of(edge: Edge) -> int:
    """Return how many connections of others this process holds open at the port of the collector."""
    port = f"{edge.served.port:04X}"
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(line.split()[1].endswith(f":{port}") and line.split()[3] == "01" for line in lines)


@pytest.mark.parametrize("request_of", [hit, beacon])
def test_a_client_that_resets_its_connection_at_any_byte_harms_nobody(
    edge: Edge, request_of: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(request_of)
    whole = request_of(1)
    cuts = [*range(0, len(whole), STEP), len(whole)]
    with caplog.at_level(logging.ERROR):
        for nonce, cut in enumerate(cuts, start=1):
            peer = connected(edge)
            peer.sendall(request_of(nonce)[:cut])
            reset(peer)
        with connected(edge) as peer:
            peer.sendall(hit(1_000_000))
            assert peer.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        wait_until(lambda: connections_of(edge) == 0, "every connection to be closed")
    stored = [event.nonce for event in edge.events()]
    assert len(stored) == len(set(stored)), "an event is there twice"
    assert set(stored) <= {1_000_000, len(cuts)}, "a part of a request is no hit"
    assert 1_000_000 in stored
    assert not caplog.records


def test_a_hit_that_comes_byte_by_byte_is_stored_once_and_answered(edge: Edge) -> None:
    with connected(edge) as peer:
        for byte in hit(5):
            peer.sendall(bytes((byte,)))
            time.sleep(0.001)
        answer = b""
        while not answer.endswith(GIF):
            piece = peer.recv(65536)
            assert piece, answer
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [event.nonce for event in edge.events()] == [5]
