"""All routes of the dashboards as the application has them, with parts filled in: a new route is asked without a word here."""

from __future__ import annotations

import re
from typing import Final

from starlette.routing import Route

from dashboards.app import application
from pipeline.settings.model import Settings

PARTS: Final = {"id": "0a1b2c3d", "name": "pages", "form": "json"}
ROUTES: Final = tuple(route for route in application(Settings()).routes if isinstance(route, Route))


def path_of(route: Route, **parts: str) -> str:
    """Return an address of a route."""
    return re.sub(r"\{(\w+)\}", lambda found: {**PARTS, **parts}.get(found[1], "x"), route.path)
