"""`/privacy`, its two buttons and `/.well-known/gpc.json`: a visitor's information and choices; `/` leads to the page.

Owns the page's headers, the state of the visitor's browser and the check of the buttons. Rules:

* A GET changes nothing: only a POST sets or removes a cookie, and its answer redirects back to the page.
* A button counts only if it was pressed on this page: a browser says so in Sec-Fetch-Site, an older one in Origin. The
  button that allows counting again also needs the opt-out cookie, which SameSite keeps out of a form on another site.
* The page repeats nothing that a visitor sent, except the request code, which only the holder of the id cookie gets.
* A refusal is counted under the same closed list of reasons as at the pixel; a view of the page is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec
from jinja2 import Environment, StrictUndefined
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from collector.endpoints.privacy_words import LANGUAGES, Words, asked_language, preferred_language, public_hosts
from collector.http.body import read_body
from collector.http.request import Headers, check_limits, make_hit
from collector.process import Process
from pipeline.edge.clients import Sender
from pipeline.edge.steps import uses_https
from pipeline.errors import Reason, Refused
from pipeline.event import Hit
from pipeline.headers import cookies
from pipeline.inventory.columns import Language
from pipeline.keys.directory import KeyName
from pipeline.settings.model import Settings
from pipeline.subjects import request_code

GPC_SINCE: Final = "2026-11-22"  # the day of the last change of our support; the specification requires it

_POLICY: Final = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_GPC: Final = Response(
    msgspec.json.encode({"gpc": True, "lastUpdate": GPC_SINCE}),
    media_type="application/json",
    headers={"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"},
)
_REFUSED: Final = "Это не удалось. Откройте /privacy и нажмите кнопку там.\nThat did not work. Open /privacy and press the button there.\n"
_MAIL: Final = re.compile(r"[^@\s:/?]+@[^@\s:/?]+")

_BETWEEN: Final = re.compile(r"[,;\n]")


class Browser(NamedTuple):
    """The state of the visitor's browser, as its request shows it."""

    opted_out: bool
    gpc: bool
    dnt: bool
    identifier: cookies.IdCookie | None
    remembers: bool
    """Whether the browser would keep our cookies: over https, or on this machine."""

    @classmethod
    def of(cls, hit: Hit, *, is_https: bool) -> Browser:
        """Read the state from a request."""
        sent = cookies.read(hit.cookie, (cookies.ID_COOKIE, cookies.OPT_OUT_COOKIE))
        return cls(
            opted_out=cookies.OPT_OUT_COOKIE in sent,
            gpc=hit.gpc,
            dnt=hit.dnt,
            identifier=cookies.parse_id(sent.get(cookies.ID_COOKIE, ""), now_s=hit.received_ms // 1000),
            remembers=cookies.may_set(hit.host, is_https=is_https),
        )


class PrivacyPage:
    """The page in both languages, ready to be filled with a browser's state."""

    def __init__(self, settings: Settings) -> None:
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        source = (files("collector") / "templates" / "privacy.html").read_text(encoding="utf-8")
        self._template = environment.from_string(source)
        self._words = {language: Words(language, settings) for language in LANGUAGES}
        by_consent: dict[str, list[str]] = {}
        for site in settings.sites:
            by_consent.setdefault(site.consent, []).extend(site.hosts)
        privacy = settings.privacy
        self._facts = {
            "consents": {kind: ", ".join(public_hosts(hosts)) for kind, hosts in sorted(by_consent.items())},
            "sensitive": any(site.sensitive for site in settings.sites),
            "fraud": settings.fraud.enabled,
            "claims": settings.fraud.enabled and bool(settings.fraud.claim_key),
            "name": _name(settings),
            "operator": privacy.operator,
            "contact": [(text, f"mailto:{text}" if _MAIL.fullmatch(text) else "") for text in _parts(privacy.contact)],
            "policy_url": privacy.policy_url,
        }

    def show(self, language: Language, browser: Browser, code: str) -> str:
        """Return the HTML; `code` is '' if there is none to show."""
        words = self._words[language]
        identifier = browser.identifier
        since = date(1970, 1, 1) + timedelta(identifier.day) if identifier else None
        return self._template.render(
            self._facts,
            language=language,
            languages=[(other, self._words[other].say("language")) for other in LANGUAGES],
            say=words.say,
            all_of=words.all_of,
            kept=words.kept,
            browser=browser,
            since=words.day(since) if since else "",
            until=words.day(since + timedelta(cookies.LIFE_DAYS)) if since else "",
            code=code,
        )


class _PageRoute:
    """One route: its methods, its limits, and refusals that are counted and answered in plain text."""

    def __init__(self, process: Process, page: PrivacyPage, post: str = "") -> None:
        self._process, self._page, self._post = process, page, post

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        answer: Response
        try:
            now_ms = self._process.moment()
            if scope["method"] not in self._methods:
                raise Refused(Reason.BAD_METHOD)  # noqa: TRY301 - counted below like every refusal
            if self._post:
                await read_body(receive)
            answer = self._answer(scope, now_ms)
        except Exception as error:  # noqa: BLE001 - the edge never answers 500: see `Process.refuse`
            refused = self._process.refuse(error)
            allow = {"allow": ", ".join(self._methods)} if refused.reason is Reason.BAD_METHOD else {}
            answer = PlainTextResponse(_REFUSED, refused.status, {**_HEADERS, **allow})
        await answer(scope, receive, send)

    @property
    def _methods(self) -> tuple[str, ...]:
        return ("POST",) if self._post else ("GET", "HEAD")

    def _answer(self, scope: Scope, now_ms: int) -> Response:
        headers = check_limits(scope)
        hit = make_hit(scope, headers, received_ms=now_ms)
        client = self._process.tables.client(Sender(hit.peer, hit.forwarded_for, hit.is_replay))
        browser = Browser.of(hit, is_https=uses_https(hit, client))
        asked = asked_language(scope["query_string"])
        if self._post:
            _check_pressed_here(headers, hit)
            return _decided(self._post, browser, asked)
        language = asked or preferred_language(headers.get(b"accept-language", b"").decode("latin-1"))
        code = _request_code(self._process, browser, now_ms)
        return Response(
            self._page.show(language, browser, code),
            media_type="text/html",
            headers={**_HEADERS, "content-language": language},
        )


def privacy_routes(process: Process) -> list[Route]:
    """Return the five routes."""
    page = PrivacyPage(process.settings)

    def gpc(_: object) -> Response:
        return _GPC

    def root(_: object) -> Response:
        # A relative address repeats nothing of the request, and is right below a path such as /px/ too.
        return Response(status_code=303, headers={**_HEADERS, "location": "privacy"})

    return [
        Route("/", root),
        Route("/privacy", _PageRoute(process, page)),
        Route("/privacy/opt-out", _PageRoute(process, page, "opt-out")),
        Route("/privacy/opt-in", _PageRoute(process, page, "opt-in")),
        Route("/.well-known/gpc.json", gpc),
    ]


def _name(settings: Settings) -> str:
    """Return the name at the top of the page: the first line of the operator's, else the first public host of each site."""
    lines = settings.privacy.operator.strip().splitlines()
    return lines[0] if lines else ", ".join(public_hosts(public_hosts(site.hosts)[0] for site in settings.sites))


def _parts(contact: str) -> list[str]:
    """Return the mail addresses and telephone numbers of a contact."""
    return [text for part in _BETWEEN.split(contact) if (text := part.strip())]


def _check_pressed_here(headers: Headers, hit: Hit) -> None:
    """Refuse a button that was pressed on another page (Fetch Metadata; an Origin of "null" names no page).

    The page's own Referrer-Policy makes its Origin "null", and a proxy may drop the port: only names are compared.
    """
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin", b"null")
    pressed_on_host = origin == b"null" or _host_of(origin) == hit.host
    if not (site in (b"same-origin", b"none") if site is not None else pressed_on_host):
        raise Refused(Reason.FOREIGN_ORIGIN)


def _host_of(origin: bytes) -> str:
    name = origin.decode("latin-1").lower().partition("://")[2]
    return name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]


def _decided(choice: str, browser: Browser, asked: Language | None) -> Response:
    answer = Response(
        status_code=303, headers={**_HEADERS, "location": "../privacy" + (f"?lang={asked}" if asked else "")}
    )
    if choice == "opt-out":
        answer.headers.append("set-cookie", cookies.set_opt_out())
        answer.headers.append("set-cookie", cookies.expire(cookies.ID_COOKIE))
    elif browser.opted_out:
        answer.headers.append("set-cookie", cookies.expire(cookies.OPT_OUT_COOKIE))
    return answer


def _request_code(process: Process, browser: Browser, now_ms: int) -> str:
    if browser.identifier is None or browser.opted_out:
        return ""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)

    def year_key(year: int) -> bytes | None:
        # Ask for last year's key only if it exists: for a destroyed one the keyring would log an error or make a new key.
        first = date(year, 1, 1)
        if year != now.year and not process.keys.files.exists(KeyName.of_year(first)):
            return None
        return process.keys.visitor_key(first, today=now.date())

    return request_code.make(browser.identifier, year_key, now=now)
