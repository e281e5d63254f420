"""Runs the collector under uvicorn: one listening socket, N processes.

Owns uvicorn's settings and the start of a process. Every process gets the settings that were checked here and does not
read them again. Files and settings are checked before the first process starts, so that an error is one line.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import resource
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import AddressValueError, IPv6Address

import uvicorn
from uvicorn.supervisors import Multiprocess

from collector.app import Collector
from collector.direct import DirectConnection
from collector.open_connections import MOST_DESCRIPTORS
from collector.process import open_keyring
from pipeline.edge.tables import EdgeTables
from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.system.faults import end_soon
from pipeline.system.hardening import die_with_parent, harden_process
from pipeline.system.swap import lock_memory

BACKLOG = 2048


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Print the address and serve until a signal; raises `Fatal` with one line if the collector cannot start."""
    EdgeTables.load(settings, open_keyring(settings), bytes)
    edge = settings.collector
    listener = _listen(edge.host, edge.port)
    say(f"collecting on {edge.url}, {edge.workers} process(es), {edge.durability}")
    _allow_connections()
    config = uvicorn.Config(
        partial(begin, settings, os.getpid()),
        factory=True,
        workers=edge.workers,
        loop="uvloop",
        http=DirectConnection,
        ws="none",
        lifespan="on",
        proxy_headers=False,  # pipeline.networks.address finds the client's address
        server_header=False,
        access_log=False,  # access logs hold addresses
        log_level=logging.ERROR,  # uvicorn writes a warning for each bad request
        timeout_graceful_shutdown=20,
        # A worker that ends during a health check is noticed after this time; a running one answers from a thread.
        timeout_worker_healthcheck=10,
        backlog=BACKLOG,
    )
    if edge.workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
    else:
        Multiprocess(config, sockets=[listener]).run()


def begin(settings: Settings, starter: int) -> Collector:
    """Harden this process and return its application; a process that `starter` started ends with it."""
    harden_process()
    lock_memory()
    if os.getpid() != starter:
        die_with_parent(starter)
    app = Collector(settings, end=end_soon)
    gc.freeze()  # the tables and modules of the start are never garbage: no collection looks at them again
    return app


def _allow_connections() -> None:
    """Raise the limit of open files: every browser keeps its connection for a while, so a thousand is too few.

    uvicorn's `limit_concurrency` stays off because it counts such idle connections; `open_connections` closes those, and
    waiting hits are bounded by the spool.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MOST_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        both = family is socket.AF_INET6 and not int(IPv6Address(host)) and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except AddressValueError:
        raise Fatal(f"collector.host: {host} is not an address; expected one such as 127.0.0.1 or ::") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Fatal(
                f"collector.port: {host}:{port} is in use; stop the other program or choose another port"
            ) from None
        raise Fatal(f"collector.host: cannot listen on {host}:{port}: {error.strerror}") from None
