"""The demo clinic's web server: its pages, and the place of the tag on each page.

Owns the routes. The lines of the tag are those of `pipeline.embedding.snippet`, so the demo contains the same lines
that a page owner pastes. A page sends requests only to this host and to the collector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from collector.demo.content import DOCTORS, SERVICES, TIMES
from pipeline.embedding.snippet import Wish, snippet
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

HERE = Path(__file__).parent
SITEMAPS: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
PUBLIC: Final = ("/", "/en", "/doctors", "/services", "/prices", "/booking")


class Pages:
    """The pages of the clinic with their tag."""

    def __init__(self, wish: Wish) -> None:
        self._lines = {lines.name: lines.text for lines in snippet(wish)}
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.globals |= {"services": SERVICES, "doctors": DOCTORS, "times": TIMES}
        self._templates.globals["privacy"] = f"{wish.collector.rstrip('/')}/privacy"

    def show(
        self, request: Request, template: str, *, tag: str = "tag", status: int = 200, **facts: object
    ) -> Response:
        """Return a page; `tag` names the lines of the snippet that it contains."""
        # The values of a server-side template: the page's own address and the Referer header.
        line = self._lines[tag].replace("{{page}}", _encoded(str(request.url)))
        line = line.replace("{{previous}}", _encoded(request.headers.get("referer", "")))
        ad = self._lines["ad block on a foreign page"]
        page = self._templates.get_template(template)
        text = page.render(tag=Markup(line), foreign_ad=Markup(ad), here=request.url.path, **facts)  # noqa: S704 - our own lines
        return HTMLResponse(text, status)


def demo_app(wish: Wish) -> Starlette:
    """Return the demo clinic with a tag of these options."""
    pages = Pages(wish)
    doctors = {doctor.slug: doctor for doctor in DOCTORS}
    services = {service.slug: service for service in SERVICES}

    def plain(template: str, tag: str = "tag") -> Callable[[Request], Response]:
        return lambda request: pages.show(request, template, tag=tag)

    def doctor(request: Request) -> Response:
        return pages.show(request, "doctor.html", doctor=_of(doctors, request))

    def service(request: Request) -> Response:
        return pages.show(request, "service.html", service=_of(services, request))

    def booked(_: Request) -> Response:
        return RedirectResponse("/booking/done", 303)

    def refused_login(request: Request) -> Response:
        return pages.show(request, "login.html", failed=True)

    def missing(request: Request, _: Exception) -> Response:
        return pages.show(request, "404.html", tag="error template", status=404)

    def sitemap(request: Request) -> Response:
        paths = [*PUBLIC, *(f"/doctors/{name}" for name in doctors), *(f"/services/{name}" for name in services)]
        base = str(request.base_url).rstrip("/")
        entries = "".join(f"<url><loc>{escape(base + path)}</loc></url>" for path in paths)
        return Response(
            f'<?xml version="1.0"?><urlset xmlns="{SITEMAPS}">{entries}</urlset>', media_type="application/xml"
        )

    return Starlette(
        routes=[
            Route("/sitemap.xml", sitemap),
            Route("/", plain("home.html")),
            Route("/en", plain("en.html")),
            Route("/doctors", plain("doctors.html")),
            Route("/doctors/{slug}", doctor),
            Route("/services", plain("services.html")),
            Route("/services/{slug}", service),
            Route("/prices", plain("prices.html", "image from a server-side template")),
            Route("/print", plain("print.html", "image without script")),
            Route("/partner", plain("partner.html")),
            Route("/booking", plain("booking.html")),
            Route("/booking", booked, methods=["POST"]),
            Route("/booking/done", plain("booked.html")),
            Route("/login", lambda request: pages.show(request, "login.html", failed=False)),
            Route("/login", refused_login, methods=["POST"]),
            Route("/my{rest:path}", plain("my.html")),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={404: missing},
    )


def serve(settings: Settings, site: Site, collector: str) -> None:
    """Serve the demo clinic until a signal."""
    import uvicorn

    wish = Wish(site=site.id, collector=collector, consent=site.consent, keep=site.kept_parameters, ads=True)
    uvicorn.run(
        demo_app(wish),
        host=settings.demo.host,
        port=settings.demo.port,
        access_log=False,
        log_level="warning",
        ws="none",
    )


def _of(known: Mapping[str, object], request: Request) -> object:
    found = known.get(request.path_params["slug"])
    if found is None:
        raise HTTPException(404)
    return found


def _encoded(text: str) -> str:
    return quote(text, safe="")
