"""The door of every page: host, session, role, form. What does not pass is answered here, and no page is asked.

Owns the order of the checks (`answer`), the cookie and the threads of pages. Rules:

* The host must be one of ours: a page of a foreign name that leads to this machine (DNS rebinding) reads nothing.
* A POST counts only if a page of ours sent it: the browser says so (Sec-Fetch-Site, Origin), and the form has the word of the session.
* A section that the role does not open is answered as if it were not there.
* The header of a proxy names a person only if the settings have it and the proxy is trusted; role and sites are always ours.
* An error is a page that says what to do; an unforeseen one is logged by type and place, never with what the browser sent. Each refusal is
  counted by its reason.
* Pages, and signing in, have threads of their own: a database that is slow keeps nobody from signing in.
"""

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dashboards.access import passwords
from dashboards.access.limits import FREE_OF_ADDRESS, FREE_OF_NAME, Brake, Lanes
from dashboards.access.links import Links
from dashboards.access.people import People
from dashboards.access.roles import Section, may_open
from dashboards.access.sessions import LONGEST, Session, Sessions
from dashboards.access.store import access_file
from dashboards.access.tally import Tally
from dashboards.render import HEADERS, page, refusal
from dashboards.sent import (
    Refusal,
    address_of,
    cookie_of,
    form_of,
    is_from_us,
    language_of,
    own_path,
    path_of,
    query_of,
    signed_on,
)
from dashboards.view import View, answer_of
from dashboards.words.catalogue import Language
from pipeline.errors import PixelError, type_and_place
from pipeline.settings.model import Settings

COOKIE: Final = "clinic-pixel"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
TOKEN: Final = "form"  # noqa: S105 - the name of a field
PAGE_THREADS: Final = 32
SIGN_IN_THREADS: Final = 4
log = logging.getLogger(__name__)

Show = Callable[[View], Response]
Form = Mapping[str, str] | Refusal


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
    signed_on: str = ""
    """Who a trusted proxy says it is, '' without one."""


class Door:
    """The checks before a page, and the tables that they ask."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        file = access_file(settings)
        self.people, self.sessions, self.links = People(file), Sessions(file), Links(file)
        self.names, self.addresses = Brake(FREE_OF_NAME), Brake(FREE_OF_ADDRESS)
        self.lanes, self.tally = Lanes(), Tally()
        self._page_threads, self._sign_in_threads = CapacityLimiter(PAGE_THREADS), CapacityLimiter(SIGN_IN_THREADS)
        own = {settings.dashboards.host, *LOOPBACK}
        public = urlsplit(settings.dashboards.public_url or "").hostname
        self._hosts = {*own, public} if public else own
        passwords.prepare()

    async def answer(self, request: Request, of: Page) -> Response:
        """Answer a request for a page."""
        return await self._guarded(request, lambda form: self._answer(request, of, form), self._page_threads)

    async def answer_outside(self, request: Request, take: Callable[[Request, Form], Response]) -> Response:
        """Answer a request for a page that needs no session."""
        return await self._guarded(request, lambda form: take(request, form), self._sign_in_threads)

    async def _guarded(self, request: Request, take: Callable[[Form], Response], threads: CapacityLimiter) -> Response:
        try:
            form = await form_of(request)
            answer = await to_thread.run_sync(take, form, limiter=threads)
        except (
            PixelError
        ) as error:  # of the file of people and sessions: those of the database are answered by the page
            self.tally.count("access_away", str(error))
            answer = refusal(language_of(request), 503, "access_away")
        except Exception as error:  # noqa: BLE001 - the last guard: a page, never a trace
            log.error("unforeseen %s", type_and_place(error))  # noqa: TRY400 - a trace may quote what the browser sent
            answer = refusal(language_of(request), 500, "unforeseen")
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    def asked(self, request: Request, form: Form) -> Asked | Response:
        """Return what a page without a session may know, or the answer to a request that nobody of ours sent."""
        language = language_of(request)
        if not self._is_our_host(request):
            return self.refuse(language, 421, "wrong_host")
        query = query_of(request)
        if isinstance(query, Refusal):
            return self.refuse(language, *query)
        if request.method == "POST" and not is_from_us(request, is_https=self.is_https(request)):
            return self.refuse(language, 403, "foreign_form")
        name = self._signed_on(request)
        if isinstance(name, Refusal):
            return self.refuse(language, *name)
        if isinstance(form, Refusal):
            return self.refuse(language, *form)
        address = address_of(request, self.settings.dashboards)
        return Asked(self.settings, language, query, form, address, self.is_https(request), name)

    def refuse(self, language: Language, status: int, text: str) -> Response:
        """Answer with a page that says why nothing was done, and count it."""
        self.tally.count(text)
        return refusal(language, status, text)

    def session_of(self, request: Request) -> Session | None:
        """Return the session in force of a request; numbers that our script renews keep no session of somebody who went away."""
        token = cookie_of(request, _cookie(is_https=self.is_https(request)))
        if not token or len(token) >= 100 or not token.isascii():
            return None
        return self.sessions.find(token, is_by_itself=request.headers.get("sec-fetch-dest") == "empty")

    def is_https(self, request: Request) -> bool:
        """Return whether the browser reached the pages by https, directly or through a proxy."""
        by_proxy = (self.settings.dashboards.public_url or "").startswith("https:") and _host(request) not in LOOPBACK
        return by_proxy or request.scope["scheme"] == "https"

    def keep(self, answer: Response, token: str, *, is_https: bool) -> Response:
        """Give the token of a session to the browser; '' takes it away."""
        answer.set_cookie(
            _cookie(is_https=is_https), token, max_age=LONGEST if token else 0,
            path="/", secure=is_https, httponly=True, samesite="strict",
        )  # fmt: skip
        return answer

    def _answer(self, request: Request, of: Page, form: Form) -> Response:
        asked = self.asked(request, form)
        if isinstance(asked, Response):
            return asked
        session, begun = self._session(request, asked)
        if session is None:
            return self._to_sign_in(request, asked)
        with self.lanes.lane(session.person.name) as has_lane:
            if has_lane:
                answer = self._of_person(request, of, asked, session)
            else:
                answer = self.refuse(asked.language, 429, "crowded")
        if begun:
            self.keep(answer, begun, is_https=asked.is_https)
        return answer

    def _of_person(self, request: Request, of: Page, asked: Asked, session: Session) -> Response:
        if not may_open(session.person.role, of.section):
            return refusal(asked.language, 404, "no_such_page")
        take = of.send if request.method == "POST" else of.show
        if take is None:
            answer = refusal(asked.language, 405, "no_such_page")
            answer.headers["allow"] = "GET, HEAD" if of.send is None else "POST"
            return answer
        word = asked.form.get(TOKEN, "").encode()
        if request.method == "POST" and not hmac.compare_digest(word, session.form.encode()):
            return self.refuse(asked.language, 403, "foreign_form")
        parts = request.path_params
        view = View(
            self.settings, asked.language, of.section, session, asked.query, parts, path_of(request), asked.form
        )
        answer, trouble = answer_of(take, view)
        if trouble:
            self.tally.count(trouble)
        if "lang" in asked.query:
            answer.set_cookie(
                "lang", asked.language, max_age=400 * 86400,
                path="/", secure=asked.is_https, samesite="strict", httponly=True,
            )  # fmt: skip
        return answer

    def _session(self, request: Request, asked: Asked) -> tuple[Session | None, str]:
        """Return the session, and its token where a name signed on by the proxy began it just now."""
        session = self.session_of(request)
        if not asked.signed_on or (session and session.person.name == asked.signed_on):
            return session, ""
        if session:  # somebody else signed on at the proxy
            self.sessions.end(session)
        if request.method == "POST":
            return None, ""
        token = self.sessions.begin(asked.signed_on)
        return self.sessions.find(token) if token else None, token

    def _signed_on(self, request: Request) -> str | Refusal:
        name = signed_on(request, self.settings.dashboards)
        return (
            Refusal(403, "sign_on_unknown")
            if isinstance(name, str) and name and self.people.find(name) is None
            else name
        )

    def _to_sign_in(self, request: Request, asked: Asked) -> Response:
        if request.method == "POST":
            return refusal(asked.language, 401, "signed_out")
        here = own_path(path_of(request), request.scope["query_string"].decode(errors="replace"))
        # A link in a mail: the browser holds the cookie back until a page of ours leads on (SameSite=Strict).
        if request.headers.get("sec-fetch-site") == "cross-site":
            return page("onward.html", asked.language, address=here)
        return RedirectResponse(f"/sign-in?next={quote(here)}" if here != "/" else "/sign-in", status_code=303)

    def _is_our_host(self, request: Request) -> bool:
        return len(request.headers.getlist("host")) == 1 and _host(request) in self._hosts


def _cookie(*, is_https: bool) -> str:
    # A browser takes a name with this prefix from this very host alone: no neighbour under the domain can plant a session.
    return f"__Host-{COOKIE}" if is_https else COOKIE


def _host(request: Request) -> str:
    name = request.headers.get("host", "").lower()
    return name if name.endswith("]") else re.sub(r":\d+$", "", name)
