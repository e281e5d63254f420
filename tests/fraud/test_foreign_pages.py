"""What another person can make a patient's browser or address send: by the product's own edge, nobody is likely for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bench.fraud.attacks import ROLES
from bench.problems.networks import write_networks
from bench.problems.rows import Product
from bench.problems.rows import store as store_rows
from pipeline.attackers.scene import PAGES, TRAP, Client, Scene
from pipeline.fraud.kept import score_of
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.places import places
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import LOGIN, View
from support.clinic_day import SINCE
from support.server import Rows
from support.suspicion import found

START_MS = int((SINCE + timedelta(hours=10)).timestamp() * 1000)
IMAGE = {
    "Referer": "https://evil.example/",
    "Sec-Fetch-Dest": "image",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "cross-site",
}
SILENT = {name: value for name, value in IMAGE.items() if name != "Referer"}
OPENED = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"}
CALLED = {**IMAGE, "Sec-Fetch-Dest": "empty"}
ATTACKS = (
    "/.env",
    "/wp-login.php",
    "/.git/config",
    "/?q=<script>alert(1)</script>",
    "/price/?f=../../../etc/passwd",
    TRAP,
)


@pytest.fixture
def scene(clickhouse: Settings) -> Scene:
    site = DEMO_SITE.model_copy(update={"roles": (*DEMO_SITE.roles, *ROLES)})
    settings = clickhouse.model_copy(update={"sites": (site,)})
    write_networks(settings)
    known, why_not = places(settings)
    assert not why_not
    return Scene("patient", site, known, START_MS)


def patient(scene: Scene, jar: str = "patient") -> Client:
    """Return a patient's browser at home; `jar` is '' where it keeps no cookies."""
    return Client(scene.jar(jar) if jar else "", scene.browser("Chrome Windows"), scene.home())


def visit(scene: Scene, client: Client) -> list[PlannedHit]:
    """Return an ordinary visit of six pages."""
    return list(scene.hits(client, scene.chain(PAGES[:6], scene.start_ms, (20_000, 60_000), "https://yandex.ru/")))


def forced(scene: Scene, client: Client, headers: Mapping[str, str], *, cookie: bool = False) -> Iterator[PlannedHit]:
    """Yield what a foreign page makes a browser send after the visit: attack words, the trap, guessed passwords, all within a minute."""
    moment = scene.start_ms + 900_000
    pages = [*ATTACKS, *[f"/x-{number}.php" for number in range(12)], *PAGES[:20], *[LOGIN] * 8]
    views = [
        View(moment + 1_100 * place, page, status=404 if ".php" in page else 0) for place, page in enumerate(pages)
    ]
    yield from scene.hits(replace(client, jar=client.jar if cookie else "", headers=headers), views)


def bands(rows: Rows, settings: Settings, scene: Scene, hits: Sequence[PlannedHit]) -> list[str]:
    """Return the bands of all suspects of a day with these hits, as if all signals were judged."""
    settings = settings.model_copy(update={"sites": (scene.site,)})
    product = Product(settings, now_ms=START_MS + 12 * 3_600_000)
    store_rows(settings, product.rows(sorted(hits, key=lambda hit: hit.at_ms)))
    assert not product.refused
    return [score_of(suspect, all_signals()).band for suspect in found(rows.writer, *all_signals(), site=scene.site.id)]


@pytest.mark.parametrize("headers", [IMAGE, SILENT, CALLED, {}], ids=["image", "silent", "called", "neighbour"])
def test_attack_words_that_another_sends_from_a_patients_address_and_browser_make_nobody_likely(
    tables: Rows, clickhouse: Settings, scene: Scene, headers: Mapping[str, str]
) -> None:
    person = patient(scene)
    made = bands(tables, clickhouse, scene, [*visit(scene, person), *forced(scene, person, headers)])
    assert "likely" not in made
    assert "watch" in made, "a reviewer sees it"


def test_a_foreign_page_that_opens_the_pixel_with_the_patients_cookie_makes_nobody_likely(
    tables: Rows, clickhouse: Settings, scene: Scene
) -> None:
    person = patient(scene)
    assert "likely" not in bands(
        tables, clickhouse, scene, [*visit(scene, person), *forced(scene, person, OPENED, cookie=True)]
    )


@pytest.mark.parametrize("headers", [IMAGE, CALLED], ids=["image", "called"])
def test_a_patient_without_cookies_is_not_likely_for_a_foreign_page_that_the_browser_names(
    tables: Rows, clickhouse: Settings, scene: Scene, headers: Mapping[str, str]
) -> None:
    person = patient(scene, "")
    assert "likely" not in bands(tables, clickhouse, scene, [*visit(scene, person), *forced(scene, person, headers)])
    tables.clear()
    assert "likely" not in bands(tables, clickhouse, scene, [*forced(scene, person, headers)]), "who was never here"


def test_the_same_attack_from_an_address_of_its_own_is_likely(tables: Rows, clickhouse: Settings, scene: Scene) -> None:
    person, scanner = patient(scene), patient(scene, "")
    assert "likely" in bands(tables, clickhouse, scene, [*visit(scene, person), *forced(scene, scanner, {})])


def test_a_scanner_does_not_hide_behind_a_cookie_that_attacks_too_or_behind_one_odd_hit(
    tables: Rows, clickhouse: Settings, scene: Scene
) -> None:
    scanner = patient(scene)
    with_cookie = [*forced(scene, scanner, {}, cookie=True)]
    odd = list(forced(scene, replace(scanner, address=scene.home()), IMAGE))[:1]
    assert bands(tables, clickhouse, scene, [*with_cookie, *odd]).count("likely") == 1
