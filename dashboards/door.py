"""The door of every page: host, session, role, form. What does not pass is answered here, and no page is asked.

Owns the order of the checks (`answer`) and the cookie. Rules:

* The host must be one of ours: a page of a foreign name that leads to this machine (DNS rebinding) reads nothing.
* A POST counts only if a page of ours sent it: the browser says so (Sec-Fetch-Site, Origin), and the form has the word of the session.
* A section that the role does not open is answered as if it were not there.
* An error is a page that says what to do; an unforeseen one is logged by type and place, never with what the browser sent.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.access.brake import Brake
from dashboards.access.links import Links
from dashboards.access.people import People
from dashboards.access.roles import Section, may_open
from dashboards.access.sessions import LONGEST, Session, Sessions
from dashboards.access.store import access_file
from dashboards.render import page
from dashboards.view import PageError, View
from dashboards.words.catalogue import Language, preferred
from pipeline.errors import Fatal, Retryable, type_and_place
from pipeline.settings.model import Settings

LARGEST_BODY: Final = 64 * 1024
LARGEST_QUERY: Final = 8 * 1024
COOKIE: Final = "clinic-pixel"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
TOKEN: Final = "form"  # noqa: S105 - the name of a field
log = logging.getLogger(__name__)

Show = Callable[[View], Response]


class Page(NamedTuple):
    """A page: its path with the names of its parts, its section, what shows it, and what takes its form."""

    path: str
    section: Section
    show: Show | None
    send: Show | None = None


class Asked(NamedTuple):
    """A request without a session: what signing in needs to know."""

    settings: Settings
    language: Language
    query: Mapping[str, str]
    form: Mapping[str, str]
    address: str
    is_https: bool


class Door:
    """The checks before a page, and the tables that they ask."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        file = access_file(settings)
        self.people, self.sessions, self.links, self.brake = People(file), Sessions(file), Links(file), Brake()
        own = {settings.dashboards.host, *LOOPBACK}
        public = urlsplit(settings.dashboards.public_url or "").hostname
        self._hosts = {*own, public} if public else own

    async def answer(self, request: Request, of: Page) -> Response:
        """Answer a request for a page."""
        form = await _form(request) if request.method == "POST" else {}
        try:
            return await run_in_threadpool(self._answer, request, of, form)
        except Exception as error:  # noqa: BLE001 - the last guard: a page, never a trace
            log.error("unforeseen %s", type_and_place(error))  # noqa: TRY400 - a trace may quote what the browser sent
            return _error(language_of(request), 500, "unforeseen")

    def asked(self, request: Request, form: Mapping[str, str]) -> Asked | Response:
        """Return what a page without a session may know, or the answer to a request that nobody of ours sent."""
        language = language_of(request)
        if not self._is_our_host(request):
            return _error(language, 421, "wrong_host")
        if len(request.scope["query_string"]) > LARGEST_QUERY:
            return _error(language, 414, "too_long")
        if request.method == "POST" and not _is_from_us(request):
            return _error(language, 403, "foreign_form")
        address = request.client.host if request.client else ""
        query = dict(parse_qsl(request.url.query, max_num_fields=100, errors="replace")) if request.url.query else {}
        return Asked(self.settings, language, query, form, address, self.is_https(request))

    def session_of(self, request: Request) -> Session | None:
        """Return the session in force of a request."""
        token = cookie_of(request, COOKIE)
        return self.sessions.find(token) if token and len(token) < 100 and token.isascii() else None

    def is_https(self, request: Request) -> bool:
        """Return whether browsers reach the pages by https."""
        return (self.settings.dashboards.public_url or "").startswith("https:") or request.url.scheme == "https"

    def keep(self, answer: Response, token: str, *, is_https: bool) -> Response:
        """Give the token of a session to the browser."""
        answer.set_cookie(COOKIE, token, max_age=LONGEST, path="/", secure=is_https, httponly=True, samesite="strict")
        return answer

    def _answer(self, request: Request, of: Page, form: Mapping[str, str]) -> Response:
        asked = self.asked(request, form)
        if isinstance(asked, Response):
            return asked
        session = self.session_of(request)
        if session is None:
            return self._to_sign_in(request, asked)
        if not may_open(session.person.role, of.section):
            return _error(asked.language, 404, "no_such_page")
        take = of.send if request.method == "POST" else of.show
        if take is None:
            return _error(asked.language, 405, "no_such_page")
        if request.method == "POST" and not hmac.compare_digest(form.get(TOKEN, "").encode(), session.form.encode()):
            return _error(asked.language, 403, "foreign_form")
        view = View(
            self.settings, asked.language, of.section, session, asked.query, request.path_params, request.url.path, form
        )
        answer = _taken(take, view)
        if "lang" in asked.query:
            answer.set_cookie("lang", asked.language, max_age=400 * 86400, path="/", samesite="strict", httponly=True)
        return answer

    def _to_sign_in(self, request: Request, asked: Asked) -> Response:
        if request.method != "GET":
            return _error(asked.language, 401, "signed_out")
        # A link in a mail: the browser holds the cookie back until a page of ours leads on (SameSite=Strict).
        if request.headers.get("sec-fetch-site") == "cross-site":
            return page("onward.html", asked.language, address=own_path(str(request.url.path), request.url.query))
        here = own_path(request.url.path, request.url.query)
        return RedirectResponse(f"/sign-in?next={_quoted(here)}" if here != "/" else "/sign-in", status_code=303)

    def _is_our_host(self, request: Request) -> bool:
        hosts = request.headers.getlist("host")
        name = hosts[0].lower() if len(hosts) == 1 else ""
        return (name if name.endswith("]") else re.sub(r":\d+$", "", name)) in self._hosts


def language_of(request: Request) -> Language:
    """Return the language of the answer: of the address, of the browser's choice before, else what the browser prefers."""
    chosen = request.query_params.get("lang") or cookie_of(request, "lang")
    if chosen in ("en", "ru"):
        return "ru" if chosen == "ru" else "en"
    return preferred(request.headers.get("accept-language", ""))


def cookie_of(request: Request, name: str) -> str:
    """Return the value of a cookie, '' where there is none."""
    try:
        found = SimpleCookie(request.headers.get("cookie", "")[:8192]).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def own_path(path: str, query: str = "") -> str:
    """Return a path of ours, '/' for anything that could lead elsewhere."""
    whole = f"{path}?{query}" if query else path
    is_ours = whole.startswith("/") and not whole.startswith(("//", "/\\")) and whole.isascii() and whole.isprintable()
    return whole if is_ours and "\\" not in whole and len(whole) <= LARGEST_QUERY else "/"


def _quoted(path: str) -> str:
    return quote(path, safe="/")


def _taken(take: Show, view: View) -> Response:
    try:
        return take(view)
    except PageError as error:
        return view.show("error.html", status=error.status, title=error.text, told=error.values)
    except Retryable as error:
        return view.show("error.html", status=503, title="database_away", told={"error": str(error)})
    except Fatal as error:
        return view.show("error.html", status=500, title="set_up_wrong", told={"error": str(error)})


def _error(language: Language, status: Literal[401, 403, 404, 405, 414, 421, 500], text: str) -> Response:
    return page("outside.html", language, status=status, title=text)


def _is_from_us(request: Request) -> bool:
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        return False
    own = f"{request.headers.get('host', '')}"
    return site in (None, "same-origin") and (origin is None or urlsplit(origin).netloc == own)


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return {}
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}
