"""The dashboards on a free port, and a browser without JavaScript: it keeps cookies and sends forms."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import urllib3
import uvicorn

from dashboards.access.people import People, Person
from dashboards.access.roles import Role
from dashboards.access.sessions import Sessions
from dashboards.access.store import access_file
from dashboards.server import configuration
from pipeline.settings.model import Settings
from support.command import free_port

PASSWORD = "four words nobody guesses"


class Pages:
    """Dashboards that answer; `people` adds who may sign in."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.settings = settings
        self.url = f"http://localhost:{port}"
        self.people = People(access_file(settings))

    def begun(self, name: str) -> Browser:
        """Return a browser with a new session of somebody who is known, without the time that a password takes."""
        browser = Browser(self.url)
        browser.cookies["clinic-pixel"] = Sessions(access_file(self.settings)).begin(name)
        assert browser.cookies["clinic-pixel"], name
        return browser

    def word(self, browser: Browser) -> str:
        """Return what each form of a browser's session must send."""
        session = Sessions(access_file(self.settings)).find(browser.cookies["clinic-pixel"])
        assert session is not None
        return session.form

    def browser(self, role: Role | None = None, *sites: str, name: str = "") -> Browser:
        """Return a browser, signed in as somebody of a role."""
        browser = Browser(self.url)
        if role is not None:
            name = name or f"{role}-{len(self.people.all())}"
            self.people.add(Person(name, role, sites), PASSWORD)
            signed_in = browser.sign_in(name, PASSWORD)
            assert signed_in.status == 303, signed_in.words
        return browser


class Answer:
    """An answer, read."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self.status, self.headers = answer.status, answer.headers
        self.text = answer.data.decode()

    @property
    def words(self) -> str:
        """The text without its tags."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


class Browser:
    """Keeps cookies; each request says that it comes from a page of ours, unless told otherwise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self._pool = urllib3.PoolManager(retries=False)

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page."""
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Answer:
        """Send a form as it is given."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return self._ask("POST", path, form, {**own, **headers})

    def send(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form with the word that the page at the path has in its forms."""
        found = re.search(r'name="form" value="([^"]+)"', self.get(path).text)
        return self.post(path, {**form, "form": found[1] if found else ""})

    def sign_in(self, name: str, password: str) -> Answer:
        """Sign in."""
        return self.post("/sign-in", {"name": name, "password": password})

    def _ask(self, method: str, path: str, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> Answer:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form) if form is not None else None
        answer = self._pool.request(method, self.url + path, body=body, headers=sent, redirect=False)
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return Answer(answer)


@contextmanager
def serving(settings: Settings, data: Path | None = None) -> Iterator[Pages]:
    """Serve the dashboards; `data` keeps people and sessions apart from those of other tests on one database."""
    port = free_port()
    own = settings.model_copy(update={"dashboards": settings.dashboards.model_copy(update={"port": port})})
    if data is not None:
        own = own.model_copy(update={"data": data})
    config = configuration(own)
    config.port = port
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Pages(own, port)
    finally:
        server.should_exit = True
        thread.join(10)
