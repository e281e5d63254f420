"""/privacy in a real browser: what a person can do there, with and without JavaScript, and what other sites cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from collector.endpoints.privacy_words import LANGUAGES, Words
from pipeline.headers.cookies import ID_COOKIE, LIFE_DAYS, OPT_OUT_COOKIE
from support.edge import Edge, Served

Open = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, edge: Edge) -> Iterator[Open]:
    """Open /privacy in a browser without a past; whatever the page complains of fails the test at its end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**how: object) -> Page:
        contexts.append(chromium.new_context(**{"locale": "ru-RU", **how}))  # type: ignore[arg-type]
        contexts[-1].set_default_timeout(15_000)
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{edge.url}/privacy")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def hit(page: Page, edge: Edge) -> None:
    page.request.get(f"{edge.url}/p.gif?s=clinic&u={edge.url}/")


def cookies_of(page: Page) -> dict[str, object]:
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("script", [True, False], ids=["with_script", "without_script"])
def test_a_person_opts_out_and_in_again(visit, edge, language, script):
    words = Words(language, edge.settings)
    page = visit(locale={"ru": "ru-RU", "en": "en-GB"}[language], java_script_enabled=script)
    verdict = page.get_by_role("status")
    assert verdict.inner_text() == words.say("fresh")
    hit(page, edge)
    page.reload()
    assert verdict.inner_text() == words.say("known")
    assert page.locator("#request-code").is_visible()
    page.get_by_role("button", name=words.say("opt_out")).click()
    page.wait_for_url("**/privacy?lang=*")
    assert verdict.inner_text() == words.say("opted_out")
    assert set(cookies_of(page)) == {OPT_OUT_COOKIE}
    hit(page, edge)
    assert set(cookies_of(page)) == {OPT_OUT_COOKIE}
    assert edge.events()[-1].visitor == 0
    page.get_by_role("button", name=words.say("opt_in")).click()
    page.get_by_role("button", name=words.say("opt_out")).wait_for()
    assert cookies_of(page) == {}
    hit(page, edge)
    assert set(cookies_of(page)) == {ID_COOKIE}


def test_the_id_is_set_once_and_no_visit_prolongs_it(visit, edge):
    page = visit()
    hit(page, edge)
    first = cookies_of(page)[ID_COOKIE]
    hit(page, edge)
    page.reload()
    hit(page, edge)
    assert cookies_of(page) == {ID_COOKIE: first}
    assert [event.cookie_state for event in edge.events()] == ["new", "returning", "returning"]
    days = (first["expires"] - page.evaluate("Date.now() / 1000")) / 86_400
    assert LIFE_DAYS - 1 < days <= LIFE_DAYS


def test_the_code_is_copied_by_its_button_which_only_a_script_shows(visit, edge):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    hit(page, edge)
    page.reload()
    words = Words("ru", edge.settings)
    page.get_by_role("button", name=words.say("copy")).click()
    page.get_by_role("button", name=words.say("copied")).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#request-code").inner_text()
    plain = visit(java_script_enabled=False)
    hit(plain, edge)
    plain.reload()
    assert plain.locator("#request-code").is_visible()
    assert not plain.locator("[data-copy]").is_visible()


def test_a_signal_is_answered_in_words(visit, edge):
    page = visit(extra_http_headers={"Sec-GPC": "1"})
    assert page.get_by_role("status").inner_text() == Words("ru", edge.settings).say("signal")
    hit(page, edge)
    assert cookies_of(page) == {}


@contextmanager
def elsewhere(target: str) -> Iterator[str]:
    """A page on another site with a form that would press one of our buttons."""
    form = f'<form method="post" action="{target}"><button>Win</button></form><iframe src="{target}"></iframe>'

    def show(_: object) -> HTMLResponse:
        return HTMLResponse(form)

    with Served(Starlette(routes=[Route("/", show)])) as served:
        yield f"http://127.0.0.1:{served.port}/"


@pytest.mark.parametrize("button", ["opt-out", "opt-in"])
def test_a_form_on_another_site_presses_no_button(chromium, edge, button):
    with chromium.new_context() as context, elsewhere(f"{edge.url}/privacy/{button}") as address:
        page = context.new_page()
        page.goto(f"{edge.url}/privacy")
        if button == "opt-in":
            page.locator("form button").click()
            page.wait_for_url("**/privacy?lang=*")
        else:
            hit(page, edge)
        before = cookies_of(page)
        assert len(before) == 1
        page.goto(address)
        with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            page.get_by_role("button").click()
        assert answer.value.status == 403
        assert cookies_of(page) == before


def test_no_other_page_frames_this_one(chromium, edge):
    with chromium.new_context() as context, elsewhere(f"{edge.url}/privacy") as address:
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert any("frame-ancestors" in text for text in refused)


@pytest.mark.parametrize("width", [320, 375, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_off_the_screen_and_every_button_is_large_enough(visit, edge, width, scheme):
    page = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    hit(page, edge)
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.get_by_role("button").all():
        assert button.bounding_box()["height"] >= 44
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 18


CLINIC_OF_LONG_NAME = {
    "operator": "ООО «Многопрофильная клиника семейной медицины доктора Преображенского», г. Москва, ул. Пречистенка, 24",
    "contact": "personal-data@clinic.example, +7 495 000-00-00",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", ["fresh", "known", "signal", "opted out"])
@pytest.mark.parametrize("script", [True, False], ids=["with_script", "without_script"])
def test_button_and_contact_are_in_the_first_screen_of_a_phone(chromium, tmp_path, language, state, script):
    sections = {"privacy": CLINIC_OF_LONG_NAME}
    headers = {"Sec-GPC": "1"} if state == "signal" else {}
    phone = {"width": 390, "height": 844}
    with (
        Edge(tmp_path / "var", **sections) as edge,
        chromium.new_context(viewport=phone, java_script_enabled=script, extra_http_headers=headers) as context,
    ):
        page = context.new_page()
        if state in ("known", "opted out"):
            hit(page, edge)
        page.goto(f"{edge.url}/privacy?lang={language}")
        assert page.locator("#request-code").count() == (state in ("known", "opted out"))
        if state == "opted out":
            page.locator("form button").click()
            page.get_by_role("button", name=Words(language, edge.settings).say("opt_in")).wait_for()
        name = page.get_by_text(CLINIC_OF_LONG_NAME["operator"]).first.bounding_box()
        button = page.locator("form button").bounding_box()
        contact = page.locator("#contact").bounding_box()
        assert 0 <= name["y"] < page.locator("h1").bounding_box()["y"]
        assert name["y"] < button["y"] < contact["y"] < button["y"] + 80
        assert contact["y"] + contact["height"] <= phone["height"]
        assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
