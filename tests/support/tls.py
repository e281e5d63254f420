"""TLS in front of a port of this machine, as a proxy of an operator ends it.

Owns the pair of threads of a connection; the bytes pass as they are.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from threading import Thread


class TlsProxy:
    """Listens on 127.0.0.1, on this port or a free one, until `close`."""

    def __init__(self, upstream_port: int, context: ssl.SSLContext, *, port: int = 0) -> None:
        self._upstream_port = upstream_port
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more; connections end with their clients."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self._upstream_port)) as upstream,
        ):
            Thread(target=_carry, args=(upstream, client), daemon=True).start()
            _carry(client, upstream)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
