"""A path is stored with known pages and published names as they are, and without identifiers in the unknown rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.scrub.paths import KnownPaths, PathRules, plain_path, scrub_file, scrub_path

DATA = Path(__file__).parents[1] / "data"


def table(name: str) -> list[tuple[str, str]]:
    """Return the rows (kind, path) of a table of paths."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [(kind, path) for kind, path in (line.split("\t") for line in lines if not line.startswith("#"))]


IDENTIFIERS = table("identifiers_in_paths.tsv")
ORDINARY = table("ordinary_paths.tsv")
COME_THROUGH = {"/spravka/kim-en-suk", "/patient/nguyen-thi-hoa", "/karta/sidorenkoalla"}
"""No rule knows names of two or three letters, or two names without anything between them."""
LOST = {
    "/zapis/terapevt/2026-12-03": "/zapis/terapevt/*",
    "/licenzii/lo-77-01-020415.pdf": "/licenzii/*",
}
"""Public paths that look like a person's: without a list of known paths they are stored so."""


@pytest.mark.parametrize(("kind", "path"), IDENTIFIERS)
def test_an_identifier_in_an_unknown_path_is_not_stored(kind: str, path: str) -> None:
    stored = scrub_path(path)
    assert ("*" in stored.text) is (path not in COME_THROUGH), kind
    assert scrub_path(stored.text).text == stored.text


def test_the_table_holds_every_kind() -> None:
    assert len(IDENTIFIERS) == 200
    assert len(Counter(kind for kind, _ in IDENTIFIERS)) == 11
    assert len(ORDINARY) == 150


@pytest.mark.parametrize(("kind", "path"), ORDINARY)
def test_an_ordinary_path_stays_useful_without_a_list(kind: str, path: str) -> None:
    stored = scrub_path(path).text
    assert stored == LOST.get(path, stored), kind
    assert ("*" in stored) is (path in LOST)
    assert scrub_path(stored).text == stored


@pytest.mark.parametrize(("kind", "path"), ORDINARY)
def test_a_known_path_is_stored_as_it_is(kind: str, path: str) -> None:
    rules = PathRules(KnownPaths.of(path for _, path in ORDINARY))
    assert scrub_path(path, rules).text == plain_path(path).lower(), kind


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("/vrachi/akhmetova-gulnara/zapis/12345", "/vrachi/akhmetova-gulnara/zapis/*"),
        ("/vrachi/akhmetova-gulnara", "/vrachi/akhmetova-gulnara"),
        ("/VRACHI/Akhmetova-Gulnara/", "/vrachi/akhmetova-gulnara"),
        ("/doc-2041/karta", "/doc-2041/karta"),
        ("/doc-2041/2042", "/doc-2041/*"),
        ("/doc-20412", "/*"),
        ("/d/petrov", "/d/petrov"),
        ("/", "/"),
    ],
)
def test_an_unknown_path_keeps_its_longest_known_prefix(raw: str, stored: str) -> None:
    known = KnownPaths.of(["/vrachi/akhmetova-gulnara", "/doc-2041/", "/d/petrov"])
    assert scrub_path(raw, PathRules(known, staff=())).text == stored


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("/vrachi/ivanova-mariya-sergeevna", "/vrachi/ivanova-mariya-sergeevna"),
        ("/o-klinike/vrachi/ivanova-mariya.html", "/o-klinike/vrachi/ivanova-mariya.html"),
        ("/vrachi/nevrologi/ivanova-mariya", "/vrachi/nevrologi/ivanova-mariya"),
        ("/vrachi/otzyv/ivanova-mariya", "/vrachi/otzyv/*"),
        ("/vrachi/ivanova-mariya/petrov-ivan", "/vrachi/ivanova-mariya/*"),
        ("/vrachi/ivanova-mariya-1985", "/vrachi/*"),
        ("/vrachi/ivanova@mail.example", "/vrachi/*"),
        ("/врачи/Иванова-Мария", "/врачи/иванова-мария"),
        ("/pacienty/ivanova-mariya", "/pacienty/*"),
    ],
)
def test_one_slug_of_letters_below_a_staff_section_is_a_published_name(raw: str, stored: str) -> None:
    assert scrub_path(raw).text == stored


def test_the_staff_sections_are_those_of_the_site() -> None:
    rules = PathRules(staff=("kollegi",))
    assert scrub_path("/kollegi/ivanova-mariya", rules).text == "/kollegi/ivanova-mariya"
    assert scrub_path("/vrachi/ivanova-mariya", rules).text == "/vrachi/*"


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("/novosti/2026/11/27/otkrytie", "/novosti/2026/11/otkrytie"),
        ("/2026/11/27/otkrytie", "/2026/11/otkrytie"),
        ("/novosti/otkrytie-27.11.2026", "/novosti/otkrytie-2026-11"),
        ("/novosti/27-NOYABRYA-2026", "/novosti/2026-11"),
        ("/novosti/27-11-1985", "/novosti/*"),
        ("/pacient/27-11-2015", "/pacient/*"),
        ("/novosti/79161234567", "/novosti/*"),
        ("/novosti/10482-otkrytie", "/novosti/10482-otkrytie"),
        ("/karta/2012", "/karta/*"),
        ("/ceny/2026", "/ceny/2026"),
        ("/ivanova-2012", "/*"),
        ("/gripp-2026-2027", "/gripp-2026-2027"),
    ],
)
def test_a_date_stays_as_year_and_month_where_pages_are_dated(raw: str, stored: str) -> None:
    assert scrub_path(raw).text == stored


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("app.3f2a9c1b.js", "app.*.js"),
        ("main.min.js", "main.min.js"),
        ("ivan-petrov.js", "*.js"),
        ("79161234567", "*"),
        ("", ""),
    ],
)
def test_the_hash_in_the_name_of_a_script_is_left_out(raw: str, stored: str) -> None:
    assert scrub_file(raw).text == stored


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("ivan.petrov.js", "*"),
        ("7.916.123.45.67.js", "*"),
        ("12.03.85.js", "*"),
        ("maria.ivanova", "*"),
        ("jquery.3.7.1.min.js", "jquery.3.7.1.min.js"),
    ],
)
def test_an_identifier_between_the_dots_of_a_script_is_left_out(raw: str, stored: str) -> None:
    assert scrub_file(raw).text == stored


def test_a_segment_too_long_for_a_page_is_not_stored() -> None:
    assert scrub_path("/uslugi/" + "z" * 201).text == "/uslugi/*"
    assert scrub_path("/uslugi/" + "z" * 200).text == "/uslugi/" + "z" * 200


def test_the_rest_of_an_endless_path_is_not_stored() -> None:
    assert scrub_path("/a" * 33).text == "/a" * 32 + "/*"
    assert scrub_path("/a" * 32).text == "/a" * 32
