"""Sentences that are told in two languages."""

from __future__ import annotations

import re
import string
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.operations.machine_checks import SENTENCES, said
from pipeline.told import Told, in_language, russian, sentences
from support.command import command

ROOT = Path(__file__).parents[1]
ROOMS = {
    "pipeline.operations/doctor.toml": ROOT / "pipeline/operations",
    "pipeline.embedding/findings.toml": ROOT / "pipeline/embedding",
    "pipeline.database/unreachable.toml": ROOT / "pipeline/database",
    "pipeline.cluster_check/cluster.toml": ROOT / "pipeline/cluster_check",
}


def fields(text: str) -> set[str]:
    """Return the names of the values that a text takes."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("file", ROOMS)
def test_a_sentence_takes_the_same_values_in_both_languages(file: str) -> None:
    for key, both in sentences(file).items():
        forms = list(both["ru"].values()) if isinstance(both["ru"], dict) else [both["ru"]]
        assert all(fields(form) == fields(both["en"]) for form in forms), key


@pytest.mark.parametrize("file", ROOMS)
def test_a_sentence_with_plural_forms_has_those_of_russian(file: str) -> None:
    found = {key: set(both["ru"]) for key, both in sentences(file).items() if isinstance(both["ru"], dict)}
    assert {key: forms for key, forms in found.items() if forms != {"one", "few", "many", "other"}} == {}


@pytest.mark.parametrize("file", ROOMS)
def test_no_sentence_is_unused_and_none_is_missing(file: str) -> None:
    code = "\n".join(module.read_text() for module in ROOMS[file].glob("*.py"))
    beginnings = tuple(re.findall(r'f"(\w+_)\{', code))
    named = set(re.findall(r'"([a-z]\w*)"', code))
    assert [key for key in sentences(file) if key not in named and not key.startswith(beginnings)] == []


@pytest.mark.parametrize("file", ROOMS)
def test_a_russian_sentence_has_russian_words_and_the_dashes_of_print(file: str) -> None:
    for key, both in sentences(file).items():
        for form in both["ru"].values() if isinstance(both["ru"], dict) else (both["ru"],):
            assert " - " not in form, key
            assert both["en"] != form or not re.search("[a-z]", re.sub(r"\{\w+\}", "", form)), key


def test_a_sentence_is_english_for_those_who_ask_no_further() -> None:
    text = said("keys", n=3, oldest=date(2026, 11, 1))
    assert text == "3 daily keys exist, the oldest of 2026-11-01"
    assert in_language(text, "en") == text
    assert in_language(text, "ru") == "есть 3 дневных ключа, самый старый за 1 нояб. 2026"


def test_a_sentence_within_a_sentence_is_told_in_the_same_language() -> None:
    spool = said("spool", waiting=2, used=12.34, most=1024, free=20480.6)
    assert said("spool_full", spool=spool) == (
        "2 segments wait, 12 of 1,024 MB used, 20,481 MB free; hits will soon be refused with 503"
    )
    assert said("spool_full", spool=spool).of("ru") == (
        "сегментов ждёт: 2; занято 12 из 1\xa0024 МБ, на диске свободно 20\xa0481 МБ; скоро обращения будут отклоняться с кодом 503"
    )


def test_a_text_that_is_no_sentence_stays_as_it_is() -> None:
    assert in_language("journal: line 7 is damaged", "ru") == "journal: line 7 is damaged"


@pytest.mark.parametrize(
    ("value", "form", "written"),
    [
        (1234, "", "1\xa0234"),
        (1.25, "", "1,2"),
        (12.6, "", "13"),
        (0.5, "%", "50\xa0%"),
        (True, "", "True"),
        (datetime(2026, 11, 28, 9, 5, tzinfo=UTC), "", "28 нояб. 2026, 09:05"),
        (date(2026, 11, 28), "d MMM", "28 нояб."),
        (Path("/var/x"), "", "/var/x"),
    ],
)
def test_a_value_is_written_as_russians_write_it(value: object, form: str, written: str) -> None:
    assert russian(value, form) == written


def test_a_sentence_that_nobody_wrote_and_a_value_that_is_missing_are_errors() -> None:
    with pytest.raises(KeyError):
        said("no_such_sentence")
    with pytest.raises(KeyError):
        Told(SENTENCES, "site", {"site": "clinic"})


def test_doctor_speaks_russian_where_it_is_asked_to_and_english_everywhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    english = command(tmp_path / "var", "doctor", "--format", "json").stdout
    assert "no site is configured" in english
    assert not re.search("[а-яё]", english)
    assert "сайт не настроен" in command(tmp_path / "var", "doctor", "--format", "json", "--lang", "ru").stdout
    assert (
        "нужно ваше внимание, проблем:"
        in command(tmp_path / "var", "doctor", "--format", "table", "--lang", "ru").stdout
    )
