"""Signing in and out, and the one-time link with which a person chooses a password.

Owns the routes without a session. Rules: a wrong name and a wrong password have one answer and take equally long; after some failures the next try
waits; who signs in gets a new token, whatever the browser sent before.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboards.access import passwords
from dashboards.access.people import NAME, Person
from dashboards.door import Asked, Door, Form
from dashboards.render import page
from dashboards.sent import own_path

SIGN_IN: Final = "/sign-in"
WELCOME: Final = "/welcome"


def sign_in_routes(door: Door) -> list[Route]:
    """Return the routes."""
    desk = _Desk(door)

    async def sign_in(request: Request) -> Response:
        return await door.answer_outside(request, desk.sign_in)

    async def sign_out(request: Request) -> Response:
        return await door.answer_outside(request, desk.sign_out)

    async def welcome(request: Request) -> Response:
        return await door.answer_outside(request, desk.welcome)

    return [
        Route(SIGN_IN, sign_in, methods=["GET", "POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route(WELCOME, welcome, methods=["GET", "POST"]),
    ]


class _Desk:
    def __init__(self, door: Door) -> None:
        self._door = door

    def sign_in(self, request: Request, form: Form) -> Response:
        asked = self._door.asked(request, form)
        if isinstance(asked, Response):
            return asked
        onward = own_path((asked.form or asked.query).get("next", "/"))
        if request.method != "POST":
            return page("sign_in.html", asked.language, onward=onward, refused="", wait=0, name="")
        name = asked.form.get("name", "").strip()[:64]
        if wait := self._door.addresses.begin(asked.address) or self._door.names.begin(name):
            self._door.tally.count("sign_in_wait")
            return page(
                "sign_in.html",
                asked.language,
                status=429,
                onward=onward,
                refused="sign_in_wait",
                wait=round(wait + 0.5),
                name=name,
            )
        known = self._door.people.signed_in(name, asked.form.get("password", ""))
        token = self._door.sessions.begin(name, known.stored) if known else ""
        if not token:
            self._door.tally.count("sign_in_wrong")
            return page(
                "sign_in.html", asked.language, status=401, onward=onward, refused="sign_in_wrong", wait=0, name=name
            )
        self._door.names.forget(name)
        self._door.addresses.take_back(asked.address)
        return self._begun(token, onward, asked)

    def sign_out(self, request: Request, form: Form) -> Response:
        asked = self._door.asked(request, form)
        if isinstance(asked, Response):
            return asked
        if session := self._door.session_of(request):
            self._door.sessions.end(session)
        return self._door.keep(RedirectResponse(SIGN_IN, status_code=303), "", is_https=asked.is_https)

    def welcome(self, request: Request, form: Form) -> Response:
        asked = self._door.asked(request, form)
        if isinstance(asked, Response):
            return asked
        token = (asked.form or asked.query).get("token", "")[:100]
        invitation = self._door.links.find(token)
        if invitation is None:
            return page("outside.html", asked.language, status=404, title="link_over")
        name = invitation.name or asked.form.get("name", "").strip()[:64]
        shown: dict[str, Any] = {"token": token, "named": invitation.name, "name": name, "shortest": passwords.SHORTEST}
        if request.method != "POST":
            return page("welcome.html", asked.language, refused="", **shown)
        password = asked.form.get("password", "")
        refused = "" if NAME.fullmatch(name) else "name_malformed"
        refused = refused or passwords.refusal(password, name)
        refused = refused or ("" if password == asked.form.get("again", "") else "passwords_differ")
        refused = refused or ("" if invitation.name or not self._door.people.find(name) else "name_taken")
        if refused:
            return page("welcome.html", asked.language, status=400, refused=refused, **shown)
        if not self._door.links.use(token):
            return page("outside.html", asked.language, status=404, title="link_over")
        person = Person(name, invitation.role, invitation.sites)
        if invitation.name:
            self._door.people.invited(person, password)
        else:
            self._door.people.add(person, password)
        return self._begun(self._door.sessions.begin(name), "/", asked)

    def _begun(self, token: str, onward: str, asked: Asked) -> Response:
        return self._door.keep(RedirectResponse(onward, status_code=303), token, is_https=asked.is_https)
