"""`/health/live`, `/health/ready` and `/metrics`, for loopback and `admin_networks` only.

`/health/ready` answers whether this process accepts hits. Further lines name the faults that keep accepted events from ClickHouse, and those between
the hosts of one database. They change no status: a collector that is taken out of service for them would lose the hits that it can still keep on disk.
A thread reads the files for these lines and for `/metrics`, because a spool of days has many thousand, and hits must not wait for them.
Owns the check of the reader's address. For a request through a proxy the address of the named client counts, so a web
server on the same machine that forwards these paths by mistake shows nothing to other clients.
"""

from __future__ import annotations

from asyncio import to_thread
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_network

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from collector.http.request import check_limits
from collector.machine_metrics import MachineFigures
from collector.metrics import exposition
from collector.process import Process
from pipeline.clock import now_ms
from pipeline.edge.draft import day_of
from pipeline.errors import Fatal, Refused
from pipeline.hosts.findings import KINDS, Finding, problems_now
from pipeline.networks.address import NetworkSet, canonical, client_address
from pipeline.settings.model import Settings
from pipeline.ship.status import delivery_troubles, read_status
from pipeline.system.swap import may_swap

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_FORWARDING = (b"x-forwarded-for", b"forwarded", b"x-real-ip")


def admin_routes(process: Process) -> list[Route]:
    """Return the three routes."""
    admins = NetworkSet((*_LOOPBACK, *process.settings.collector.admin_networks))

    def only_admins(answer: Callable[[], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            return await answer() if _may_read(request, process, admins) else PlainTextResponse("forbidden\n", 403)

        return guarded

    async def live() -> Response:
        return PlainTextResponse("live\n")

    async def ready() -> Response:
        reason = process.not_ready()
        lines = [reason or "ready", *await to_thread(_further_lines, process.settings)]
        return PlainTextResponse("".join(f"{line}\n" for line in lines), 503 if reason else 200)

    async def metrics() -> Response:
        networks = process.tables.networks
        gauges = {
            "ready": float(not process.not_ready()),
            "broken_network_lookups": float(networks.broken_lookups),
            **{f"{name}_modified_seconds": at for name, at in networks.loaded.items()},
            **{f"forwards_untrusted_{name}": float(count) for name, count in networks.untrusted_forwards.items()},
            "memory_may_swap": float(may_swap()),
            "segment_unsealed_seconds": process.spool.unsealed_seconds,
            "connections_open": float(len(process.connections)),
            "flood_clients_remembered": float(len(process.tables.rate_limit)),
        }
        text = await to_thread(_exposition, process.settings, gauges)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return [
        Route("/health/live", only_admins(live)),
        Route("/health/ready", only_admins(ready)),
        Route("/metrics", only_admins(metrics)),
    ]


def _further_lines(settings: Settings) -> list[str]:
    hosts = (f"hosts: {one.text}" for one in _between_hosts(settings))
    return [*delivery_troubles(read_status(settings.data), now_ms()), *hosts]


def _exposition(settings: Settings, gauges: Mapping[str, float]) -> bytes:
    kinds = Counter(one.kind for one in _between_hosts(settings))
    of_hosts = {f"hosts_{kind}": float(kinds[kind]) for kind in KINDS}
    return exposition(settings.run_dir, {**of_hosts, **gauges}, MachineFigures(settings, day_of(now_ms())))


def _between_hosts(settings: Settings) -> list[Finding]:
    try:
        return problems_now(settings, datetime.now(UTC))
    except (Fatal, OSError):
        return []  # the directory of the keys is unsafe or cannot be read: the first line says so


def _may_read(request: Request, process: Process, admins: NetworkSet) -> bool:
    try:
        headers = check_limits(request.scope)
    except Refused:
        return False
    peer = canonical(request.client.host) if request.client else None
    if peer is None:
        return False
    if any(name in headers for name in _FORWARDING) and peer not in process.trusted:
        return False
    forwarded = tuple(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(","))
    return client_address(peer, forwarded if forwarded != ("",) else (), process.trusted) in admins
