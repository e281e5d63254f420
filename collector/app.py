"""The ASGI application of the collector.

Owns the routes. The pixel and the beacon are answered before the router, because nearly all requests are for them; the
rest goes through Starlette.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from collector.endpoints.assets import asset_routes
from collector.endpoints.beacon import answer_beacon
from collector.endpoints.health import admin_routes
from collector.endpoints.pixel import answer_pixel
from collector.endpoints.privacy import privacy_routes
from collector.process import Process
from pipeline.settings.model import Settings


class Collector:
    """The ASGI callable: pixel and beacon first, Starlette for the rest.

    `end` is called after an unforeseen error with which the process cannot continue.
    """

    def __init__(self, settings: Settings, *, end: Callable[[], None] = lambda: None) -> None:
        self.process = process = Process(settings, end=end)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await process.start()
            yield
            await process.stop()

        routes = [*asset_routes(), *privacy_routes(process), *admin_routes(process)]
        self._router = Starlette(routes=routes, lifespan=lifespan)
        # A redirect to the path without its slash would repeat the request's Host header.
        self._router.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event (ASGI 3)."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path == "/p.gif":
            await answer_pixel(self.process, scope, send)
        elif path == "/e":
            await answer_beacon(self.process, scope, receive, send)
        else:
            await self._router(scope, receive, send)
