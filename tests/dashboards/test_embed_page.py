"""The lines to paste, the check of a page, and the wait for the first visit."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dashboards.words.catalogue import Words
from pipeline.embedding.platforms import PLATFORMS, Choice, chosen_lines
from pipeline.settings.sections import Demo
from pipeline.settings.site import DEMO_SITE, Site
from support.command import free_port
from support.dashboards import Pages
from support.edge import Served
from support.office import office
from support.server import Rows

OTHER = Site(id="other", hosts=("other.example",))


def pasted(text: str) -> list[str]:
    """Return the texts that a page offers to copy."""
    return [unescape(each) for each in re.findall(r'<pre id="line_[^>]*>(.*?)</pre>', text, re.DOTALL)]


@pytest.mark.parametrize(
    ("query", "choice"),
    [
        ("", Choice()),
        ("consent=wait&errors=on&vitals=on&sample=0.5&release=v7&ads=on", Choice(consent="wait", technical="errors vitals", sample=0.5, release="v7", ads=True)),
        ("platform=wordpress", Choice(platform="wordpress")),
        ("platform=php&ads=on", Choice(platform="php")),
        ("release=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", Choice(release='"><script>alert(1)</script>')),
    ],
)  # fmt: skip
def test_the_lines_of_the_page_are_those_of_the_command(pages: Pages, query: str, choice: Choice) -> None:
    answer = pages.browser("owner").get(f"/embed?{query}")
    lines = chosen_lines(pages.settings, DEMO_SITE, choice, datetime.now(UTC).date())
    assert pasted(answer.text) == [each.text for each in lines]
    assert "<script>alert" not in answer.text


def test_every_line_is_told_in_both_languages_and_in_english_as_the_command_tells_it(pages: Pages) -> None:
    today, english, russian = datetime.now(UTC).date(), Words("en"), Words("ru")
    choices = [Choice(ads=True), *(Choice(platform=name) for name in PLATFORMS)]
    for lines in (each for choice in choices for each in chosen_lines(pages.settings, DEMO_SITE, choice, today)):
        key = "line_" + re.sub(r"[^a-z0-9]+", "_", lines.name.lower())
        assert (english.say(key), english.say(f"{key}_where")) == lines[:2]
        assert re.search("[а-я]|^gpc.json|^Content|^nginx|^PHP|^Turbo", russian.say(key))
        assert re.search("[а-я]", russian.say(f"{key}_where"))


@pytest.mark.parametrize("query", ["consent=maybe", "platform=joomla", "sample=2", "sample=much", "sample=nan"])
def test_a_choice_that_there_is_not_is_a_clear_page(pages: Pages, query: str) -> None:
    answer = pages.browser("owner").get(f"/embed?{query}")
    assert answer.status == 400
    assert "This cannot be chosen" in answer.words


def test_no_link_puts_another_address_of_the_collector_into_the_lines(pages: Pages) -> None:
    assert "evil.example" not in "".join(pasted(pages.browser("owner").get("/embed?url=https://evil.example").text))


@pytest.mark.parametrize(
    ("role", "status"), [("ops", 200), ("owner", 200), ("admin", 200), ("security", 404), ("privacy", 404)]
)
@pytest.mark.parametrize("path", ["/embed", "/embed/check", "/embed/wait?since=1"])
def test_the_section_is_open_to_those_who_embed(pages: Pages, role: str, status: int, path: str) -> None:
    answer = pages.browser(role).get(path)  # type: ignore[arg-type]
    assert answer.status == (303 if status == 200 and "wait" in path else status)


def test_an_owner_gets_lines_of_the_own_sites_alone(clickhouse, tmp_path) -> None:
    with office(clickhouse, tmp_path / "var", sites=(DEMO_SITE, OTHER)) as pages:
        browser = pages.browser("owner", "other")
        assert browser.get("/embed?site=clinic").status == 404
        assert 'data-site="other"' in pasted(browser.get("/embed").text)[0]


class Asked:
    """A site whose requests are counted; its page has a script of another place."""

    def __init__(self, script: str = "/p.js") -> None:
        self.paths: list[str] = []
        self._script = script

    def app(self) -> Starlette:
        def page(request: object) -> Response:
            self.paths.append(request.url.path)  # type: ignore[attr-defined]
            return HTMLResponse(f'<body><script async src="{self._script}" data-site="clinic"></script>')

        return Starlette(routes=[Route("/{path:path}", page)])


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:{port}/",
        "http://127.0.0.1:{port}/",
        "http://[::1]:{port}/",
        "http://clinic.example@localhost:{port}/",
        "http://localhost:{port}\\@clinic.example/",
        "http://clinic.example:{port}/",
        "http://localhost.:{port}/",
        "http://0.0.0.0:{port}/",
        "http://2130706433:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://evil.example/",
        "file:///etc/passwd",
        "http://localhost:{port}#@clinic.example/",
        "http://clinic.example\t@localhost:{port}/",
        "",
    ],
)
def test_no_other_host_or_port_is_asked(pages: Pages, address: str) -> None:
    asked = Asked()
    with Served(asked.app()) as site:
        answer = pages.browser("owner").send("/embed/check", {"url": address.format(port=site.port)})
    assert answer.status == 400
    assert "Only pages of your sites can be checked here" in answer.words
    assert asked.paths == []


def test_a_page_is_checked_and_a_file_of_its_tag_at_a_foreign_place_is_left_alone(clickhouse, tmp_path) -> None:
    elsewhere = Asked()
    with Served(elsewhere.app()) as other:
        here = Asked(f"{other.url}/p.js")
        with (
            Served(here.app(), port=free_port()) as site,
            office(clickhouse, tmp_path / "var", demo=Demo(port=site.port)) as pages,
        ):
            browser = pages.browser("owner")
            answer = browser.send("/embed/check", {"url": f"{site.url}/contacts"})
            russian = browser.send("/embed/check?lang=ru", {"url": f"{site.url}/contacts"})
    assert here.paths == ["/contacts", "/contacts"]
    assert elsewhere.paths == []
    assert "was not tried: it is neither a host of the site nor the collector" in answer.words
    assert "by the script address of the page ✓ arrives previous page" in answer.words
    assert "Что доходит" in russian.words


def test_a_page_that_is_not_there_is_told_with_its_reason(clickhouse, tmp_path) -> None:
    port = free_port()
    with office(clickhouse, tmp_path / "var", demo=Demo(port=port)) as pages:
        answer = pages.browser("owner").send("/embed/check", {"url": f"http://localhost:{port}/"})
    assert (answer.status, "is the address right and the site up?" in answer.words) == (200, True)


def test_the_wait_turns_green_with_a_visit_more_than_ones_own(clickhouse, tables: Rows, tmp_path) -> None:
    with office(clickhouse, tmp_path / "var", sites=(DEMO_SITE, OTHER)) as pages:
        browser, now = pages.browser("ops"), datetime.now(UTC)
        begun = browser.get("/embed/wait?site=clinic")
        assert begun.status == 303
        address = f"/embed/wait?site=clinic&since={int((now - timedelta(minutes=5)).timestamp())}"
        before = browser.get(address)
        assert "No hit has come yet." in before.words
        assert "The collector does not accept hits" in before.words
        assert "No hit of this site came in seven days" in before.words
        minute = now.replace(second=0, microsecond=0) - timedelta(minutes=3)
        tables.count(minute - timedelta(minutes=10), "stored", 50, site="clinic")
        tables.count(minute, "stored", 4, site="other")
        tables.count(minute, "refused", 3, reason="unknown_site")
        waiting = browser.get(address)
        assert "4 hits came for other sites" in waiting.words
        assert "3 hits were refused" in waiting.words
        assert "Hits of this site came before" in waiting.words
        tables.count(minute, "stored", 1, site="clinic")
        own = browser.get(address)
        assert "1 page view has come, as many as you made yourself" in own.words
        assert 'http-equiv="refresh"' in own.text
        tables.count(minute, "stored", 1, site="clinic")
        green = browser.get(address)
        assert "2 hits have come: somebody else than you was there." in green.words
        assert 'class="note fine"' in green.text
        assert "refresh" not in green.text
        assert "as many as you made yourself" in browser.get(f"{address}&own=2").words
        assert "на сайте были не только вы" in browser.get(f"{address}&lang=ru").words


@pytest.mark.parametrize("since", ["", "yesterday", "-5", "99999999999", "1", "1" * 40, "１２３４５６７８９"])
def test_a_wait_that_cannot_have_begun_then_begins_now(pages: Pages, since: str) -> None:
    answer = pages.browser("ops").get(
        f"/embed/wait?since={since}".encode().decode("latin-1") if since.isascii() else "/embed/wait?since=%EF%BC%91"
    )
    assert answer.status == 303
    assert abs(int(answer.headers["location"].rpartition("since=")[2]) - datetime.now(UTC).timestamp()) < 60


HOSTILE = (
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "{{7*7}}",
    "../../etc/passwd",
    "\0",
    "a" * 4000,
    "\N{RIGHT-TO-LEFT OVERRIDE}x",
    "1e999",
)


@pytest.mark.parametrize("path", ["/embed", "/embed/check", "/embed/wait", "/health", "/privacy", "/privacy/request"])
def test_a_hostile_value_is_a_clear_page_and_never_run(pages: Pages, path: str) -> None:
    browser = pages.browser("admin")
    for name in ("site", "since", "own", "sample", "platform", "consent", "release", "case", "again", "x"):
        for value in HOSTILE:
            answer = browser.get(f"{path}?{name}={quote(value)}")
            assert answer.status in (200, 303, 400, 404), (path, name, answer.status)
            assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/embed/check", "/privacy/requests", "/privacy/exposure"])
def test_a_hostile_field_of_a_form_is_a_clear_page_and_never_run(pages: Pages, path: str) -> None:
    browser = pages.browser("admin")
    for value in HOSTILE:
        form = dict.fromkeys(
            ("url", "case", "requester", "basis", "code", "since", "table", "role", "days", "noticed"), value
        )
        answer = browser.send(path, form)
        assert answer.status == 400
        assert "<script>alert" not in answer.text
