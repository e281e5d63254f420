"""The collector attacked with connections: it keeps its memory, its descriptors and the time of the others."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from collector import connection, open_connections, process
from collector.connection import Connection
from collector.direct import DirectConnection
from collector.endpoints.pixel import GIF
from collector.open_connections import OpenConnections
from support.edge import WAYS, Edge
from support.waiting import wait_until

HIT = b"GET /p.gif?s=clinic&u=https://clinic.example/ HTTP/1.1\r\nHost: a\r\n\r\n"
UNKNOWN = b"GET /p.gif?s=nobody HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(params=[DirectConnection, Connection], ids=["direct", "reference"])
def edge(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Edge]:
    with Edge(tmp_path, http=request.param) as running:
        yield running


def connected(edge: Edge) -> socket.socket:
    return socket.create_connection(("127.0.0.1", edge.served.port), timeout=15)


def answered(peer: socket.socket, request: bytes = HIT) -> bool:
    """Tell whether a request gets its GIF; False when the connection was closed."""
    try:
        peer.sendall(request)
        answer = b""
        while not answer.endswith(GIF):
            piece = peer.recv(65536)
            if not piece:
                return False
            answer += piece
    except ConnectionError:
        return False
    return True


def test_every_pipelined_request_is_answered_in_order_and_stored_once(edge: Edge) -> None:
    edge.app.process.tables.rate_limit._per_ms = 0  # switched off
    with connected(edge) as peer:
        requests = [
            f"GET /p.gif?s=clinic&n={number}&u=https://clinic.example/ HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            for number in range(1, 1001)
        ]
        sender = threading.Thread(target=peer.sendall, args=(b"".join(requests),))
        sender.start()
        answers = b""
        while answers.count(GIF) < 1000:
            piece = peer.recv(65536)
            assert piece
            answers += piece
        sender.join(10)
    assert answers.count(b"HTTP/1.1 200 OK") == 1000
    assert [event.nonce for event in edge.events()] == list(range(1, 1001))


def test_a_client_that_never_waits_takes_neither_memory_nor_the_time_of_others(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    parse = connection.Connection._parse

    def watched(self: connection.Connection, data: bytes) -> None:
        parse(self, data)
        waiting.append(len(self.pipeline))

    monkeypatch.setattr(connection.Connection, "_parse", watched)
    stop = threading.Event()

    def flood(peer: socket.socket) -> None:
        peer.settimeout(0.2)
        while not stop.is_set():
            try:
                peer.sendall(UNKNOWN * 1000)
            except TimeoutError:
                continue  # never reads: the other side stops reading, too

    with connected(edge) as attacker:
        thread = threading.Thread(target=flood, args=(attacker,))
        thread.start()
        try:
            wait_until(lambda: len(waiting) > 20)
            slowest = 0.0
            for _ in range(20):
                begun = time.monotonic()
                with connected(edge) as peer:
                    assert answered(peer)
                slowest = max(slowest, time.monotonic() - begun)
        finally:
            stop.set()
            thread.join(10)
    most_in_a_slice = connection.SLICE // len(UNKNOWN) + 1
    assert max(waiting) <= connection.MAX_WAITING + most_in_a_slice
    assert slowest < 5


@WAYS
def test_a_client_that_never_reads_its_answers_is_cut_off_after_the_keep_alive_time(
    tmp_path: Path, http: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(open_connections, "KEEP_ALIVE_ROUNDS", 25)
    with Edge(tmp_path, http=http) as edge, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(60)
        peer.connect(("127.0.0.1", edge.served.port))
        with pytest.raises(ConnectionError):
            peer.sendall(UNKNOWN * 200_000)
        wait_until(lambda: len(edge.app.process.connections) == 0)


def test_near_the_limit_of_open_files_the_longest_idle_connection_makes_room(edge: Edge) -> None:
    edge.app.process.connections = register = OpenConnections(50)
    with ExitStack() as stack:
        peers = [stack.enter_context(connected(edge)) for _ in range(40)]
        wait_until(lambda: len(register) == 40)
        assert answered(peers[0]), "the first one is not the longest idle one any more"
        newcomers = [stack.enter_context(connected(edge)) for _ in range(5)]
        assert all(answered(peer) for peer in newcomers)
        assert [number for number, peer in enumerate(peers) if not answered(peer)] == [1, 2, 3, 4, 5]
        assert register.closed == {"idle": 5}
    assert (
        wait_until(lambda: len(register) == 0 and edge.app.process._read_totals()["connections_closed", "idle", ""])
        == 5
    )


def test_where_every_connection_is_busy_a_new_one_is_closed_and_counted() -> None:
    class Peer:
        closed = False

        def close(self) -> None:
            self.closed = True

        abort = close

    register = OpenConnections(10)
    peers = [Peer() for _ in range(11)]
    for peer in peers[:9]:
        register.opened(peer)
        register.busy(peer)
    register.opened(peers[9])
    assert [peer.closed for peer in peers[:10]] == [False] * 9 + [True]
    assert register.closed == {"no room": 1}
    register.ended(peers[9])
    register.idle(peers[3])
    register.opened(peers[10])
    assert peers[3].closed
    assert not peers[10].closed
