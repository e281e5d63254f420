"""The words of every signal in both languages: real signs beside `golden/reasons.txt`, small and large numbers, and names as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from pipeline.fraud.day import Found, Normal
from pipeline.fraud.sentences import harm_of, innocent, reason, reasons, without_usual
from pipeline.scoring.rules import all_signals

HERE = Path(__file__).parent / "golden"
SIGNS: Mapping[str, Mapping[str, object]] = json.loads((HERE / "found.json").read_text(encoding="utf-8"))
"""A sign of each signal as ClickHouse measured it over the made rows of the tests of the signals."""
GOLDEN = HERE / "reasons.txt"
LANGUAGES = ("en", "ru")


def sign(signal: str, value: float, evidence: Mapping[str, str], *, is_own: bool = False) -> Found:
    half, most = all_signals()[signal].usual
    usual = Normal(half, most, most, is_own=is_own)
    return Found(signal, value, 1.0, usual, "", evidence, 1, 0, IPv6Address("::"), date(2026, 11, 28))


def measured(signal: str) -> Found:
    evidence = SIGNS[signal]["evidence"]
    assert isinstance(evidence, dict)
    return sign(signal, float(str(SIGNS[signal]["value"])), evidence)


def with_numbers(signal: str, number: int) -> Found:
    """Return the sign with this number in place of each of its numbers."""
    known = measured(signal)
    told = {
        name: re.sub(r"-?\d+(\.\d+)?", str(number), text) if text.replace(".", "").isdigit() else text
        for name, text in known.evidence.items()
    }
    return known._replace(value=float(number), evidence=told)


def golden_text() -> Iterator[str]:
    """Yield each signal: its title, its reason as it was measured and with ones and 1,022 for its numbers, its innocent explanation."""
    for name in sorted(all_signals()):
        yield f"# {name}"
        for language in LANGUAGES:
            words = getattr(all_signals()[name], language)
            yield f"{language}  {words.title}"
            yield f"    {reason(measured(name), language)}"
            plain = (without_usual(reason(with_numbers(name, number), language), language) for number in (1, 1022))
            yield from (f"    {text}" for text in dict.fromkeys(plain) if text != reason(measured(name), language))
            yield f"    ({words.innocent})"


def test_every_reason_is_the_golden_one() -> None:
    text = "\n".join(golden_text()) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8"), "read the new words in both languages, then write them there"


def test_every_signal_has_a_measured_sign() -> None:
    assert sorted(SIGNS) == sorted(all_signals())


@pytest.mark.parametrize("name", sorted(all_signals()))
def test_a_number_chooses_one_of_two_english_and_three_russian_forms(name: str) -> None:
    for words, least, most in ((all_signals()[name].en, 2, 2), (all_signals()[name].ru, 3, 3)):
        for forms in re.findall(r"{\w+:([^}]*)}", words.reason):
            assert least <= len(forms.split("|")) <= most


@pytest.mark.parametrize(
    ("number", "russian"),
    [
        (1, "1 попытка"),
        (2, "2 попытки"),
        (5, "5 попыток"),
        (11, "11 попыток"),
        (21, "21 попытка"),
        (1.5, "1,5 попытки"),
    ],
)
def test_russian_words_follow_their_number(number: float, russian: str) -> None:
    text = reason(sign("F17", number, {"in_10m": f"{number:g}", "attempts": "30", "kinds": "sql", "pages": "/a"}), "ru")
    assert text.startswith(f"{russian} атаки за 10 минут (SQL-инъекция)")


def test_a_name_that_looks_like_a_number_stays_as_it_is() -> None:
    told = {"source": "20261128", "clicks": "20000", "impressions": "150000", "rate": "13.333", "usual_rate": "1.8"}
    text = reason(sign("F40", 1e-11, told), "ru")
    assert text.startswith("20261128: ")
    assert "13,33 %" in text
    assert "20261128" in reason(sign("F40", 1e-11, told), "en")
    assert "20,000 clicks on 150,000 impressions (13.33 %" in reason(sign("F40", 1e-11, told), "en")


def test_braces_of_a_visitor_are_text() -> None:
    text = reason(sign("F18", 12, {"page": "/{value:x|y}/{0}"}), "en")
    assert text.startswith("/{value:x|y}/{0}: 12 repeats")


def test_a_name_with_a_point_at_its_end_gives_the_sentence_no_second_one() -> None:
    assert reason(sign("F05", 1, {"network": "LeaseWeb Netherlands B.V."}), "en").endswith("Netherlands B.V.")


def test_a_campaign_of_which_nothing_is_kept_is_not_named() -> None:
    told = {"in_10_min": "1", "click_kind": "yclid"}
    assert "campaigns: -." in reason(sign("F42", 4, {**told, "campaign": "*"}), "en")
    assert "campaigns: checkup." in reason(sign("F42", 4, {**told, "campaign": "*, checkup"}), "en")


def test_usual_values_stand_beside_the_value_and_say_where_they_are_from() -> None:
    told = {"minutes": "30"}
    shipped, own = sign("F14", 101, told), sign("F14", 101, told, is_own=True)
    assert reason(shipped, "en").endswith("(shipped value, not yet calibrated).")
    assert "shipped" not in reason(own, "en")
    assert without_usual(reason(own, "en"), "en") == "101 page views in one sitting of 30 minutes."
    assert without_usual(reason(own, "ru"), "ru") == "101 просмотр за один визит длиной в 30 минут."


def test_the_heaviest_three_reasons_are_told_and_each_innocent_explanation_once() -> None:
    signs = [sign("F05", 1, {"network": "A"}), measured("F17"), measured("F14"), measured("F06"), measured("F09")]
    told = reasons(signs, {"F05": 15, "F17": 60, "F14": 35, "F06": 0, "F09": 8}, "en")
    assert [text.split()[0] for text in told] == ["2", "101", "A"]
    assert len(innocent(["F17", "F57", "F05"], "ru")) == 2


def test_harm_is_told_in_money_or_in_clicks() -> None:
    assert harm_of(1, "clicks", "en") == "1 paid click"
    assert harm_of(1200, "clicks", "en") == "1,200 paid clicks"
    assert harm_of(22, "clicks", "ru") == "22 платных клика"
    assert harm_of(780.5, "RUB", "ru") == "780,5 RUB"
