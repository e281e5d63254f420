"""Runs the dashboards under uvicorn: one process, its socket, and the link for the first administrator."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

import uvicorn

from dashboards.access.links import Links
from dashboards.access.store import access_file
from dashboards.app import application
from dashboards.pages.sign_in import WELCOME
from pipeline.errors import Fatal
from pipeline.settings.model import Settings


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Print the address and serve until a signal; raises `Fatal` with one line if the pages cannot start."""
    own = settings.dashboards
    listener = _listen(own.host, own.port)
    say(f"dashboards on {own.browser_url}/")
    if first := Links(access_file(settings)).make_first():
        say(f"first administrator, once and within a day: {own.browser_url}{WELCOME}?token={first}")
    config = uvicorn.Config(
        application(settings),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,  # addresses of people, and what they looked for
        log_level=logging.ERROR,
        timeout_graceful_shutdown=5,
        limit_concurrency=200,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Fatal(
                f"dashboards.port: {host}:{port} is in use; stop the other program or choose another port"
            ) from None
        raise Fatal(f"dashboards.host: cannot listen on {host}:{port}: {error.strerror}") from None
