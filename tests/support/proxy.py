"""A TCP proxy before ClickHouse that does to one insert what networks do."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal

Fault = Literal[
    "",
    "cut before the request",
    "cut the head",
    "cut the body",
    "cut the answer",
    "cut inside the answer",
    "stall the body",
    "hold the answer",
    "trickle the answer",
    "fall silent",
]
"""`stall the body` lets the rest of it arrive after the client gave up; `fall silent` passes nothing more and closes nothing."""

PIECE = 1 << 16
INSERT = re.compile(rb"INSERT.INTO.pixel[.]")  # in the address or, with spaces, at the head of a body
HEAD = 40
"""Bytes of a request line or of an answer's first line: less than either has."""
HELD_BACK = 200
"""Bytes of a stalled request that do reach the server: the request line, and not yet the rows."""


class Proxy:
    """Listens on a port of its own and passes bytes; `fault` befalls the next connection that inserts."""

    def __init__(self, upstream_port: int) -> None:
        self.fault: Fault = ""
        self.inserts = 0
        self.passed = HELD_BACK
        """Bytes of an insert that come through before `cut the body`, at most all of its first piece."""
        self.arrived = threading.Event()
        """Set when the server has answered what was stalled or held."""
        self._release = threading.Event()
        self._upstream_port = upstream_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def release(self) -> None:
        """Let what was stalled or held go on."""
        self._release.set()

    def close(self) -> None:
        """Stop listening."""
        self._release.set()
        # A closed listener does not wake accept(); a connection does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", self._upstream_port))
        fault: list[Fault] = [""]
        answers = threading.Thread(target=self._answers, args=(client, upstream, fault), daemon=True)
        answers.start()
        with suppress(OSError):
            self._requests(client, upstream, fault)
        _end(upstream, socket.SHUT_WR)
        answers.join(30)
        client.close()
        upstream.close()

    def _requests(self, client: socket.socket, upstream: socket.socket, fault: list[Fault]) -> None:
        stalled = b""
        while data := _receive(client):
            if INSERT.search(data):
                self.inserts += 1
                fault[0], self.fault = self.fault, ""
                if fault[0].startswith("cut") and "answer" not in fault[0]:
                    passed = {"cut the head": HEAD, "cut the body": self.passed}.get(fault[0], 0)
                    upstream.sendall(data[:passed])
                    _reset(client)
                    _reset(upstream)
                    return
                if fault[0] == "fall silent":
                    self._release.wait(30)
                    return
                if fault[0] == "stall the body":
                    upstream.sendall(data[:HELD_BACK])
                    stalled = data[HELD_BACK:]
                    continue
            if stalled:
                stalled += data
            else:
                upstream.sendall(data)
        if stalled:
            # The client has given up; a buffer on the way has not.
            self._release.wait(30)
            upstream.sendall(stalled)

    def _answers(self, client: socket.socket, upstream: socket.socket, fault: list[Fault]) -> None:
        while data := _receive(upstream):
            if fault[0] in ("cut the answer", "cut inside the answer"):
                with suppress(OSError):
                    client.sendall(data[:HEAD] if fault[0] == "cut inside the answer" else b"")
                _reset(client)
                return
            if fault[0] == "trickle the answer":
                with suppress(OSError):
                    for place in range(len(data)):
                        client.sendall(data[place : place + 1])
                        time.sleep(0.004)
                continue
            if fault[0] == "hold the answer":
                self._release.wait(30)
            if fault[0]:
                self.arrived.set()
            try:
                client.sendall(data)
            except OSError:
                return


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(PIECE)
    except OSError:
        return b""


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _end(connection, socket.SHUT_RD)
    connection.close()


def _end(connection: socket.socket, how: int) -> None:
    with suppress(OSError):
        connection.shutdown(how)
