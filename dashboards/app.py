"""The ASGI application of the dashboards.

Owns the list of all pages (`PAGES`): each has a section, and `door` lets nobody in whose role does not open it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dashboards.door import Door, Page, language_of
from dashboards.pages import overview, problem, report, sign_in, technical
from dashboards.render import page
from pipeline.settings.model import Settings

PAGES: Final = (
    Page("/", "overview", overview.show),
    Page("/technical", "technical", technical.show),
    Page("/technical/problems/{id}", "technical", problem.show, problem.change),
    Page("/technical/{name}", "technical", report.show),
    Page("/reports/technical/{name}.{form}", "technical", report.download),
)


def application(settings: Settings) -> Starlette:
    """Return the application."""
    door = Door(settings)
    routes: list[Route | Mount] = [Route(of.path, _endpoint(door, of), methods=["GET", "POST"]) for of in PAGES]
    static = Mount("/static", _Static(packages=[("dashboards", "static")]))
    made = Starlette(
        routes=[*sign_in.sign_in_routes(door), static, *routes], exception_handlers={404: _nothing, 405: _nothing}
    )
    made.router.redirect_slashes = False
    return made


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
    return page("outside.html", language_of(request), status=getattr(error, "status_code", 404), title="no_such_page")
