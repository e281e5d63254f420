"""The ASGI application of the dashboards.

Owns the list of all pages (`PAGES`): each has a section, and `door` lets nobody in whose role does not open it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from dashboards.door import Door, Page
from dashboards.office import embed, exposure, health, privacy, requests, tag
from dashboards.pages import case, evidence, fraud, overview, problem, report, sign_in, technical
from dashboards.render import refusal
from dashboards.sent import language_of
from pipeline.errors import type_and_place
from pipeline.settings.model import Settings

log = logging.getLogger(__name__)

PAGES: Final = (
    Page("/", "overview", overview.show),
    Page("/technical", "technical", technical.show),
    Page("/technical/problems/{id}", "technical", problem.show, problem.change),
    Page("/technical/{name}", "technical", report.show),
    Page("/reports/technical/{name}.{form}", "technical", report.download),
    Page("/fraud", "fraud", fraud.show),
    Page("/fraud/totals", "fraud", fraud.show_totals),
    Page("/fraud/signals", "fraud", fraud.show_signals),
    Page("/fraud/advice", "fraud", evidence.show_advice),
    Page("/fraud/cases/{id}", "fraud", case.show, case.send),
    Page("/reports/fraud/{name}.{form}", "fraud", fraud.download),
    Page("/health", "health", health.show),
    Page("/privacy", "privacy", privacy.show),
    Page("/privacy/inventory", "privacy", privacy.show_inventory),
    Page("/privacy/keys", "privacy", privacy.show_keys),
    Page("/privacy/audit", "privacy", privacy.show_audit),
    Page("/privacy/requests", "privacy", requests.show, requests.open_request),
    Page("/privacy/request", "privacy", requests.show_request, requests.act),
    Page("/privacy/exposure", "privacy", exposure.show, exposure.send),
    Page("/privacy/reports/{name}", "privacy", report.show),
    Page("/reports/privacy/{name}.{form}", "privacy", report.download),
    Page("/embed", "embed", embed.show),
    Page("/embed/check", "embed", tag.show, tag.send),
    Page("/embed/wait", "embed", embed.wait),
)


def application(settings: Settings) -> Starlette:
    """Return the application."""
    door = Door(settings)
    routes: list[Route | Mount] = [Route(of.path, _endpoint(door, of), methods=["GET", "POST"]) for of in PAGES]
    # Pages are not compressed: the length of one that shows what somebody sent would tell of the words of forms beside it.
    static = Mount("/static", GZipMiddleware(_Static(packages=[("dashboards", "static")]), minimum_size=500))
    made = _Dashboards(
        routes=[*sign_in.sign_in_routes(door), static, *routes],
        exception_handlers={404: _nothing, 405: _nothing, Exception: _failed},
    )
    made.router.redirect_slashes = False
    return made


class _Dashboards(Starlette):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - answered by `_failed`; uvicorn would log the text, which may quote what a browser sent
            log.error("unforeseen %s", type_and_place(error))  # noqa: TRY400 - as above


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Any) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "public, max-age=3600"
        answer.headers["x-content-type-options"] = "nosniff"
        return answer


def _endpoint(door: Door, of: Page) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def endpoint(request: Request) -> Response:
        return await door.answer(request, of)

    return endpoint


async def _nothing(request: Request, error: Exception) -> Response:
    answer = refusal(language_of(request), getattr(error, "status_code", 404), "no_such_page")
    if allowed := (getattr(error, "headers", None) or {}).get("Allow"):
        answer.headers["allow"] = allowed
    return answer


async def _failed(request: Request, _: Exception) -> Response:
    return refusal(language_of(request), 500, "unforeseen")
