"""Every page with content in Russian: no sentence or word of it is English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboards.app import PAGES
from dashboards.pages.report import reports
from pipeline.database.access import USERS
from pipeline.inventory.columns import inventory
from pipeline.settings.model import Settings
from support.dashboards import Browser
from support.reviewing import PURPOSE
from support.russian import foreign_words
from support.showroom import CLOSED, REQUEST, Showroom, give_purpose, showroom

STORED = (
    *REQUEST.values(),
    *CLOSED.values(),
    PURPOSE,
    "a test of our own, asked for files with passwords",  # reasons of verdicts
    "confirmed, innocent, likely, unclear",  # facts of the audit, as they were recorded
    "anna, first (pages), clinic, branch, localhost",  # persons, sites and hosts
    "confirm, cancel, form, done",  # roles of pages, as the settings name them
    "RUB",  # the currency of the settings
    "dotfile",  # kinds of attacks of the advice, which is the same for programs
    "Yandex Browser, AS25513 MGTS",
    "release 1.4, list tor 2026-11",  # marks, as their authors wrote them
    "request code",  # a fact of the audit
    "RU",
)
"""What people wrote and what was measured: it has the language of its authors."""
NAMES = (*(f"{each.table} {each.name}" for each in inventory().columns), *USERS)
"""Names of tables, columns and users of the database, which are the same in every language."""


@pytest.fixture(scope="module")
def room(clickhouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    """Every page with content."""
    with showroom(clickhouse, tmp_path_factory.mktemp("russian")) as made:
        yield made


@pytest.fixture(scope="module")
def browser(room: Showroom) -> Browser:
    """Somebody who may open everything and reads Russian."""
    made = room.pages.browser("admin", name="anna")
    made.get("/?lang=ru")
    give_purpose(made, room.cases["new"])
    return made


def found(browser: Browser, address: str) -> list[str]:
    """Return the foreign words of a page, each with its text; a page that only leads on is followed."""
    answer = browser.get(address)
    if answer.status == 303:
        answer = browser.get(answer.headers["location"])
    assert answer.status == 200, address
    assert '<html lang="ru">' in answer.text
    words = foreign_words(answer.text, (*STORED, *NAMES) if address.startswith("/privacy") else STORED)
    return [f"{address}: {word}: {text}" for word, text in words.items()]


def test_no_page_has_an_english_word(room: Showroom, browser: Browser) -> None:
    assert len(room.addresses()) == sum(not of.path.endswith(".{form}") for of in PAGES)
    words = [line for address in room.addresses() for line in found(browser, address)]
    assert not words, "\n".join(words)


def test_no_report_has_an_english_word(browser: Browser) -> None:
    shown = [f"/technical/{each.name}?since=28d" for each in reports() if each.purpose == "technical"]
    shown += [f"/privacy/reports/{each.name}" for each in reports() if each.purpose == "privacy"]
    words = [line for address in shown for line in found(browser, address)]
    assert not words, "\n".join(words)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<p>Сборщик принимает обращения.</p>", set()),
        ("<p>Сборщик accepts hits.</p>", {"accepts", "hits"}),
        ("<p title='address of the page'>Страница</p>", {"address", "of", "the", "page"}),
        ("<p>Задайте collector.public_url в pixel.toml, как <code>url = none</code></p>", set()),
        ("<p>Ошибка: <span lang='en'>journal: line 7 is damaged</span> — в журнале</p>", set()),
        ("<p>cookie и https, `clinic-pixel problems show`, /technical/pages</p>", set()),
        ("<p>Anna</p><br><p>letter</p>", {"letter"}),
    ],
)
def test_an_english_word_is_found_where_a_reader_meets_it(page: str, words: set[str]) -> None:
    assert set(foreign_words(page, ("Anna",))) == words
