"""Real servers on loopback that receive alerts: an HTTP server and a small SMTP server (RFC 5321, 3207, 4954)."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Post(NamedTuple):
    """One request that a receiver got."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class _Receiver:
    """A server of loopback in a thread of its own for the time of a `with` block."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self.port = int(server.socket.getsockname()[1])
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class HttpReceiver(_Receiver):
    """An HTTP server that answers each POST with the status that `answer` returns for the number of POSTs before it; `posts` has them."""

    def __init__(
        self, answer: Callable[[int], int] = lambda _: 204, *, moved_to: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.posts: list[Post] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append(Post(self.path, dict(self.headers), body))
                status = answer(len(receiver.posts) - 1)
                self.send_response(status)
                if moved_to:
                    self.send_header("Location", moved_to)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Say nothing: a client that refuses the certificate ends the connection."""

        server = Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        super().__init__(server)


class Received(NamedTuple):
    """One mail: the envelope, the bytes, the login, and whether the connection was encrypted."""

    sender: str
    recipients: list[str]
    content: bytes
    login: tuple[str, str] | None
    encrypted: bool


class SmtpReceiver(_Receiver):
    """An SMTP server; `refused` maps a command to an answer that refuses it, `unknown` is a recipient that it refuses."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        at_once: bool = False,
        offers_starttls: bool = True,
        refused: Mapping[str, str] | None = None,
        rude: bool = False,
        unknown: str = "",
    ) -> None:
        self.mails: list[Received] = []
        self.logins: list[tuple[str, str]] = []
        self.commands: list[str] = []
        """Commands of all connections, `AUTH` without its argument."""
        self.tls, self.at_once, self.offers_starttls = tls, at_once, offers_starttls
        self.refused, self.rude, self.unknown = dict(refused or {}), rude, unknown
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                talk = _Talk(receiver, self.request)
                with suppress(OSError, ValueError):  # the client ended the connection
                    talk.run()
                talk.lines.close()
                talk.connection.close()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        server = Server(("127.0.0.1", 0), Handler)
        super().__init__(server)


class _Talk:
    """One connection of the SMTP server."""

    def __init__(self, receiver: SmtpReceiver, connection: socket.socket) -> None:
        self.of, self.connection = receiver, connection
        self.encrypted = False
        self.login: tuple[str, str] | None = None
        self.sender, self.recipients = "", list[str]()
        self.lines = self.connection.makefile("rb")

    def encrypt(self) -> None:
        assert self.of.tls is not None
        self.lines.close()
        self.connection = self.of.tls.wrap_socket(self.connection, server_side=True)
        self.lines = self.connection.makefile("rb")
        self.encrypted = True

    def say(self, *lines: str) -> None:
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def run(self) -> None:
        if self.of.at_once:
            self.encrypt()
        self.say("220 test ESMTP")
        while line := self.lines.readline():
            command, _, rest = line.decode().rstrip("\r\n").partition(" ")
            command = command.upper()
            self.of.commands.append(f"{command} {rest}".strip() if command != "AUTH" else command)
            if command in self.of.refused:
                self.say(self.of.refused[command])
            else:
                getattr(self, f"on_{command.lower()}", self.on_other)(rest)
            if command == "QUIT" or (command == "DATA" and self.of.rude):
                return

    def on_ehlo(self, _: str) -> None:
        offers = self.of.tls is not None and self.of.offers_starttls and not self.encrypted
        self.say("250-test", *(["250-STARTTLS"] if offers else []), "250-AUTH PLAIN", "250 8BITMIME")

    def on_starttls(self, _: str) -> None:
        self.say("220 go on")
        self.encrypt()

    def on_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        self.login = (user, password)
        self.of.logins.append(self.login)
        self.say("235 welcome")

    def on_mail(self, rest: str) -> None:
        self.sender, self.recipients = _address(rest), []
        self.say("250 yes")

    def on_rcpt(self, rest: str) -> None:
        if _address(rest) == self.of.unknown:
            self.say("550 unknown")
        else:
            self.recipients.append(_address(rest))
            self.say("250 yes")

    def on_data(self, _: str) -> None:
        self.say("354 go on")
        self.of.mails.append(Received(self.sender, self.recipients, self.content(), self.login, self.encrypted))
        self.say("250 taken")

    def on_quit(self, _: str) -> None:
        self.say("221 bye")

    def on_other(self, _: str) -> None:
        self.say("250 yes")

    def content(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)


def _address(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]


@contextmanager
def dripping(piece: bytes, *, every_seconds: float) -> Iterator[int]:
    """Give the port of a server that sends a piece every now and then, and never ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        while not over.wait(every_seconds):
                            connection.sendall(piece)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
