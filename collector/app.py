"""The ASGI application of the collector.

Owns the routes. The pixel is answered before the router, because it is nearly every request; the rest goes through
Starlette.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from collector.admin import admin_routes
from collector.pixel import answer_pixel
from collector.process import Process
from pipeline.hardening import die_with_parent, harden_process
from pipeline.settings import Settings, load


class Collector:
    """The ASGI callable: the pixel first, Starlette for the rest."""

    def __init__(self, settings: Settings) -> None:
        self.process = process = Process(settings)

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            await process.start()
            yield
            await process.stop()

        self._router = Starlette(routes=[*admin_routes(process)], lifespan=lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event (ASGI 3)."""
        if scope["type"] == "http" and scope["path"] == "/p.gif":
            await answer_pixel(self.process, scope, send)
        else:
            await self._router(scope, receive, send)


def create_app(settings: Settings | None = None) -> Collector:
    """Return the application; without an argument the settings come from file and environment (uvicorn's factory)."""
    harden_process()
    die_with_parent()
    return Collector(settings or load())
