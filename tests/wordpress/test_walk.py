"""A walk through a real WordPress behind a real nginx: what a person did against the rows that are stored."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pipeline.embedding.platforms import PLATFORMS
from pipeline.embedding.snippet import Wish, snippet
from pipeline.settings.site import Site
from support.command import free_port
from support.nginx import Nginx, make_certificate, shipped
from support.system import System
from support.waiting import wait_until
from support.wordpress import WordPress

HERE = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
SITE = "https://clinic.example"
COLUMNS = "kind, mode, page_host, page, page_role, status, referrer_host, referrer_page, visitor_kind, cookie_state, campaign, paid, ad"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36"
)

Expected = dict[str, Any]


class Walk:
    """The steps of a walk, each with the rows that it should bring and those that it brought."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen = len(self.rows())
        self.lines: list[tuple[str, str, str]] = []

    def rows(self) -> list[dict[str, Any]]:
        query = f"SELECT {COLUMNS} FROM pixel.events ORDER BY received_at, event_id"
        return [dict(zip(COLUMNS.split(", "), row, strict=True)) for row in self._system.rows(query)]

    def step(self, name: str, expected: list[Expected], act: Callable[[], object]) -> None:
        """Do something and wait for its rows; a row too many is seen in this step or in the next one."""
        before = self._seen
        act()
        with suppress(AssertionError):  # the table tells which row is missing
            wait_until(lambda: len(self.rows()) >= before + len(expected), name, seconds=20)
        # The image of an ad block and the script of its page are sent in any order.
        found = sorted(self.rows()[before:], key=itemgetter("kind"))
        self._seen += len(found)
        width = max(len(found), len(expected))
        for wanted, row in zip(_filled(expected, width), _filled(found, width), strict=True):
            names = wanted or row
            self.lines.append(
                (
                    name,
                    _text({key: wanted.get(key) for key in names} if wanted else {}),
                    _text({key: row.get(key) for key in names} if row else {}),
                )
            )

    @property
    def table(self) -> str:
        head = "| step | expected | stored | |\n|---|---|---|---|\n"
        return head + "\n".join(
            f"| {name} | {expected} | {stored} | {'right' if expected == stored else 'WRONG'} |"
            for name, expected, stored in self.lines
        )


def _filled(rows: list[dict[str, Any]], width: int) -> list[dict[str, Any]]:
    return rows + [{}] * (width - len(rows))


def _text(row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in row.items()) or "no row"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    site = {
        "id": "clinic",
        "hosts": ["clinic.example"],
        "sensitive": {"services/sensitive": ["/services/onkologiya"]},
        "page_parameters": ["p"],
    }
    running = System(tmp_path_factory.mktemp("system"), sites=[site])
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def wordpress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WordPress]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed (Debian package chromium)")
    wish = Wish(site="clinic", collector="https://stats.clinic.example", ads=True)
    image = next(text for name, _, text in snippet(wish) if name == "ad block on a foreign page")
    with WordPress(tmp_path_factory.mktemp("wordpress"), HERE / "setup.php", in_article=image) as wordpress:
        yield wordpress


@pytest.fixture(scope="module")
def port(wordpress: WordPress, system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of nginx, which serves WordPress, the collector's own host, and the collector below /px/."""
    home, port = tmp_path_factory.mktemp("nginx"), free_port()
    certificate, key = make_certificate(home)
    upstream = f"http://127.0.0.1:{system.settings.collector.port}"
    lines = {name: text for name, _, text in snippet(Wish(site="clinic", collector=f"{SITE}/px", upstream=upstream))}
    listen = f"127.0.0.1:{port} ssl http2"
    site = f"""include /etc/nginx/mime.types;
        server {{
            listen {listen}; server_name clinic.example; ssl_certificate {certificate}; ssl_certificate_key {key};
            {wordpress.server()}
            {lines["nginx"]}
        }}"""
    with Nginx(home / "nginx", port, site + "\n" + shipped(home, system.settings.collector.port, listen=listen)):
        yield port


@pytest.fixture(scope="module")
def browser(port: int) -> Iterator[Browser]:
    rules = f"MAP clinic.example 127.0.0.1:{port}, MAP stats.clinic.example 127.0.0.1:{port}, MAP * ~NOTFOUND"
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--ignore-certificate-errors",
        f"--host-resolver-rules={rules}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


def plugin(site: Site, collector: str) -> str:
    """Return the must-use plugin as `snippet --platform wordpress` prints it."""
    return PLATFORMS["wordpress"](Wish(site=site.id, collector=collector, keep=site.kept_parameters)).text


def view(page: str, **more: object) -> Expected:
    return {"kind": "pageview", "mode": "js", "page_host": "clinic.example", "page": page, "status": 0, **more}


def inner(page: str, before: str, **more: object) -> Expected:
    return view(page, referrer_host="clinic.example", referrer_page=before, **more)


def person(walk: Walk, context: BrowserContext, sent: list[str]) -> None:
    """A patient: from an ad to a form, a dead link, a search and a comment."""
    context.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))
    page = context.new_page()

    def follow(path: str) -> Callable[[], object]:
        return lambda: page.evaluate("path => { location.href = path }", path)

    known = {"visitor_kind": "cookie", "cookie_state": "returning"}
    ad = "/?utm_source=yandex&utm_medium=cpc&utm_content=ivan.petrov%40mail.example&yclid=123456"
    campaign = {"utm_source": "yandex", "utm_medium": "cpc"}
    walk.step(
        "the front page from an ad",
        [view("/", campaign=campaign, paid=True, cookie_state="new", referrer_host="")],
        lambda: page.goto(SITE + ad),
    )
    wait_until(context.cookies, "the id cookie")
    walk.step("a Cyrillic address", [inner("/услуги", "/", **known)], follow("/услуги/"))
    small = "/%d0%b2%d1%80%d0%b0%d1%87%d0%b8/"
    walk.step("the same in small escapes", [inner("/врачи", "/услуги", **known)], follow(small))
    walk.step("and in capitals", [inner("/врачи", "/врачи", **known)], follow(small.upper()))
    nobody = {"visitor_kind": "none", "cookie_state": "none", "referrer_page": ""}
    hidden = "/services/~sensitive"
    walk.step("a sensitive page", [view(hidden, **nobody)], follow("/services/onkologiya/"))
    walk.step("a page below it", [view(hidden, **nobody)], follow("/services/onkologiya/himioterapiya/"))
    walk.step("a page after it", [inner("/kontakty", "", **known)], follow("/kontakty/"))

    def fill_in() -> None:
        page.fill("[name=fio]", "Иван Петров")
        page.fill("[name=phone]", "+7 916 123-45-67")
        page.click("#send")

    walk.step("a form with a name in its query", [inner("/spasibo", "/kontakty", campaign={}, **known)], fill_in)
    walk.step("back to the form", [view("/kontakty", **known)], lambda: page.goto(SITE + "/kontakty/"))
    walk.step("a dead link", [inner("/net-takoy", "/kontakty", **known) | {"status": 404}], lambda: page.click("#dead"))
    walk.step("a dead link with a number", [inner("/?p=17", "/net-takoy") | {"status": 404}], follow("/?p=17"))
    search = {"mode": "server", "page_host": "clinic.example", "page": "/search", "status": 0}
    walk.step("a search", [search], follow("/?s=диабет"))
    shown = {"kind": "impression", "mode": "img", "page": "/akciya", "ad": "spring-checkup"}
    walk.step("an ad image in an article", [shown, inner("/akciya", "/")], follow("/akciya/"))
    walk.step("an article", [inner("/diabet", "/akciya")], follow("/diabet/"))

    def comment() -> None:
        page.fill("#comment", "Спасибо.")
        page.fill("#author", "Иван Петров")
        page.fill("#email", "ivan.petrov@mail.example")
        page.click("#submit")
        page.wait_for_url("**#comment-*")

    walk.step("a comment, which leads back to the article", [inner("/diabet", "/diabet", **known)], comment)


def staff(context: BrowserContext) -> None:
    """Somebody of the clinic: logs in, looks at the site and at its preview."""
    page = context.new_page()
    page.goto(SITE + "/wp-login.php")
    page.fill("#user_login", "glavvrach")
    page.fill("#user_pass", "a long password of a test")
    page.click("#wp-submit")
    page.wait_for_url("**/wp-admin/**")
    for path in ("/", "/diabet/", "/net-takoy/"):
        page.goto(SITE + path)
        page.wait_for_load_state("networkidle")


def opened(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(SITE + path)
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.slow
def test_a_walk_through_wordpress_is_stored_as_a_person_would_tell_it(
    system: System, wordpress: WordPress, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    walk, sent, site = Walk(system), list[str](), system.settings.sites[0]

    def context(**how: Any) -> BrowserContext:
        return browser.new_context(ignore_https_errors=True, locale="ru-RU", **how)

    wordpress.plugin(plugin(site, "https://stats.clinic.example"))
    wordpress.theme("twentytwentythree")
    with context() as patient:
        person(walk, patient, sent)
    with context() as doctor:
        walk.step("the staff, logged in", [], lambda: staff(doctor))
    with context(java_script_enabled=False) as plain:
        without = {"mode": "noscript", "referrer_host": "", "campaign": {}}
        walk.step(
            "without JavaScript", [view("/spasibo") | without], lambda: opened(plain, "/spasibo/?fio=Иван+Петров")
        )
        walk.step(
            "its error page", [view("/net-takoy") | without | {"status": 404}], lambda: opened(plain, "/net-takoy/")
        )

    wordpress.theme("twentytwentyone")
    with context(user_agent=ANDROID) as phone:
        walk.step("a classic theme", [view("/услуги", cookie_state="new")], lambda: opened(phone, "/услуги/"))
        walk.step("its error page", [view("/net-takoy") | {"status": 404}], lambda: opened(phone, "/net-takoy/"))

    wordpress.plugin(plugin(site, f"{SITE}/px"))
    with context() as own:
        walk.step("the site's own host", [view("/врачи", cookie_state="new")], lambda: opened(own, "/врачи/"))
        again = view("/kontakty", visitor_kind="cookie", cookie_state="returning")
        walk.step("the visitor again", [again], lambda: opened(own, "/kontakty/"))
    with context(java_script_enabled=False) as plain:
        last = view("/diabet") | {"mode": "noscript"}
        walk.step("the site's own host without JavaScript", [last], lambda: opened(plain, "/diabet/"))

    with capsys.disabled():
        sys.stdout.write(f"\n{walk.table}\n")
    assert [line for line in walk.lines if line[1] != line[2]] == []
    of_the_form = ("fio", "phone", "Иван", "%D0%98%D0%B2", "123-45-67")
    to_collector = [text for text in sent if "stats.clinic.example" in text]
    assert to_collector
    assert [text for text in to_collector if any(word in text for word in of_the_form)] == []
