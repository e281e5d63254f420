"""The legal mapping: both languages say the same, and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline.cli import build_app
from pipeline.inventory.columns import inventory
from pipeline.settings.model import Settings
from pipeline.settings.sections import Retention
from pipeline.settings.site import Site

ROOT = Path(__file__).parents[2]
ENGLISH, RUSSIAN = ((ROOT / "docs" / name).read_text() for name in ("legal-mapping.md", "legal-mapping.ru.md"))
PARTS = {
    ENGLISH: ("**The software", "**Proof", "**The operator"),
    RUSSIAN: ("**Программа", "**Доказательство", "**Оператор"),
}


def clauses(text: str) -> dict[str, str]:
    """Return the section of each clause."""
    pieces = re.split(r"^## (\d[\d.-]*) ", text, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def named(text: str) -> list[str]:
    """Return everything a text quotes as code, in order."""
    return re.findall(r"`([^`]+)`", text)


def test_both_languages_have_the_same_clauses_with_the_same_names() -> None:
    english, russian = clauses(ENGLISH), clauses(RUSSIAN)
    assert list(english) == list(russian)
    for clause, text in english.items():
        assert sorted(named(text)) == sorted(named(russian[clause])), clause


def test_every_clause_of_the_inventory_is_explained() -> None:
    known = {column.clause for column in inventory().columns} | {place.clause for place in inventory().places}
    assert known - {"9.1"} <= set(clauses(ENGLISH))
    assert "9.1-9.3" in clauses(ENGLISH)


@pytest.mark.parametrize("text", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_every_clause_says_what_the_software_does_what_shows_it_and_what_the_operator_does(text: str) -> None:
    for clause, section in clauses(text).items():
        for part in PARTS[text]:
            assert part in section, f"{clause}: {part}"


def test_every_file_that_is_named_is_there() -> None:
    files = [name for name in named(ENGLISH) if name.startswith(("tests/", "pipeline/", "sql/", "collector/"))]
    assert len(files) > 30
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_setting_that_is_named_is_there() -> None:
    for name in named(ENGLISH):
        if match := re.fullmatch(r"(privacy|fraud)\.(\w+)(?: = \w+)?", name):
            assert match[2] in type(getattr(Settings(), match[1])).model_fields, name
    assert {"consent", "cookies", "query", "templates", "sensitive"} <= set(Site.model_fields) & set(named(ENGLISH))


def test_every_command_that_is_named_is_there() -> None:
    commands = set(get_command(build_app()).commands)
    assert {"doctor", "reveal", "exposure"} <= commands & set(named(ENGLISH))


@pytest.mark.parametrize("text", [ENGLISH, RUSSIAN], ids=["en", "ru"])
def test_the_terms_are_those_in_force_by_default(text: str) -> None:
    section = " ".join(clauses(text)["5.1"].split())
    terms = Retention()
    found = [int(number) for number in re.findall(r"\b(\d+) (?:days|months|дней|месяцев)", section)]
    assert found == [terms.rows_days, terms.keys_days, terms.numbers_months, terms.quarantine_days]
