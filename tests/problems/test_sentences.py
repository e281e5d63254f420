"""The words about problems: every kind in both languages beside `golden/sentences.txt`, plural forms, hours of other zones, names as data."""

from __future__ import annotations

import difflib
import re
import string
import textwrap
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detection.watches import all_watches
from pipeline.problems.problem import Facts, Place, Problem
from pipeline.problems.sentences import LONGEST, answers, remedy, sentence, title
from pipeline.problems.words import Language, OfCause, OfWatch, about, clean, coarse, counted, percent, table

GOLDEN = Path(__file__).parent / "golden" / "sentences.txt"
LANGUAGES: tuple[Language, ...] = ("en", "ru")
BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 11, 21, 13, tzinfo=UTC)  # 14:00 in Berlin
HOUR = timedelta(hours=1)
CAUSES = ("tag_lost", "people_lost", "check_tag", "script_blocked", "privacy_default", "server_down", "collector_gap")
NAMES = {
    "site": ("", ()),
    "page": ("/zapis/", ("/", "/kontakt/")),
    "section": ("/uslugi", ("/vrachi", "/zapis")),
    "browser": ("Safari", ("Chrome", "Firefox")),
    "version": ("Chrome 143", ("Chrome 142", "Firefox 145")),
    "engine": ("WebKit", ("Blink", "Gecko")),
    "os": ("Windows", ("Android", "iOS")),
    "device": ("phone", ("pc", "tablet")),
    "country": ("DE", ("RU", "NL")),
    "network": ("AS3320 Deutsche Telekom AG", ("AS12389 Rostelecom", "AS6805 Telefonica")),
    "referrer": ("yandex.ru", ("google.com", "2gis.ru")),
    "source": ("/vrachi/", ()),
    "ad": ("spring-checkup", ("dental-offer",)),
    "role": ("form", ()),
    "script_error": ("TypeError: * is undefined", ()),
    "resource": ("cdn.example", ()),
    "vital": ("LCP /uslugi", ()),
}


def problem(watch: str, dimension: str = "site", name: str | None = None, **changes: object) -> Problem:
    """Return a problem that began between 13:00 and 15:00 on 21 November in Berlin; `changes` are those of the problem and its facts."""
    usual, well = NAMES.get(dimension, ("", ()))
    known = all_watches().get(watch)
    is_drop = known is not None and known.direction == "drop"
    number = known.number[0] if known else "people"
    facts = Facts(
        number=number,
        seen=0 if is_drop else 62,
        expected=41 if is_drop else 7,
        of=0 if known is not None and known.kind == "count" else 247,
        works_for=tuple(Place(dimension, each) for each in well if each != name),
        days=14,
    )
    of_facts = {key: value for key, value in changes.items() if key in Facts.__struct_fields__}
    whole = Problem(
        id="0f3a9c21",
        site="clinic",
        watch=watch,
        state="ongoing",
        place=Place(dimension, usual if name is None else name),
        quiet_until=SINCE - HOUR,
        since=SINCE,
        until=None,
        opened_at=SINCE + 3 * HOUR,
        changed_at=SINCE + 4 * HOUR,
        muted_until=None,
        fixed_by="",
        lost_low=26.4,
        lost=41.2,
        lost_high=58.3,
        confidence=12.0,
        facts=msgspec.structs.replace(facts, **of_facts),
    )
    return msgspec.structs.replace(whole, **{key: value for key, value in changes.items() if key not in of_facts})


def every_place() -> Iterator[tuple[str, Problem]]:
    """Yield a problem of each watch and kind of place."""
    for watch in all_watches().values():
        for dimension in watch.dimensions:
            for name in watch.only or (NAMES[dimension][0],):
                yield f"{watch.name}, {dimension} {name}".strip(), problem(watch.name, dimension, name)


def cases() -> dict[str, Problem]:
    """Return the problems of the golden file by their headings."""
    found = dict(every_place())
    for vital in ("FCP /uslugi", "INP /uslugi", "CLS /uslugi", "TTFB /uslugi", "LCP /", "LCP /~oncology", "LCP"):
        found[f"slow_vital, {vital}"] = problem("slow_vital", "vital", vital)
    more = {
        "a part of the page views": problem("silent_page", "page", seen=410, expected=960, number="views"),
        "almost silent": problem("program_lost", "os", seen=3, expected=60),
        "the home page": problem("server_errors", "page", "/"),
        "many addresses": problem("silent_page", "page", "/vrachi/*"),
        "a sensitive group": problem("silent_page", "page", "/~oncology"),
        "another device": problem("program_lost", "device", "other"),
        "a country with an article": problem("network_lost", "country", "US"),
        "a part of a country": problem("network_lost", "country", "KZ", seen=20),
        "a source that is the home page": problem("broken_link", "source", "/"),
        "impressions": problem("dead_ad", "ad", number="views", lost_low=1190, lost=1234, lost_high=1299),
        "part of the appointments": problem("form_broken", seen=20),
        "ten times the usual": problem(
            "traffic_spike", seen=5210, expected=520, lost_low=4480, lost=4690, lost_high=4900
        ),
        "tag_lost": problem("silent_page", "page", cause="tag_lost"),
        "people_lost": problem("silent_page", "page", cause="people_lost"),
        "check_tag": problem("all_traffic", cause="check_tag"),
        "script_blocked": problem("script_lost", cause="script_blocked"),
        "privacy_default": problem("script_lost", "engine", cause="privacy_default"),
        "server_down": problem("all_traffic", cause="server_down"),
        "collector_gap": problem("all_traffic", cause="collector_gap"),
        "two changes": problem("form_broken", "version", changed=("release 1.4", "settings sites")),
        "other places": problem("form_broken", "browser", also=(Place("device", "phone"), Place("page", "/zapis/"))),
        "little history": problem("missing_page", "page", days=3.4),
        "no history": problem("missing_page", "page", days=0.6),
        "few people": problem("server_errors", "page", lost_low=0.5, lost=3.1, lost_high=4.2, seen=3, expected=0),
        "few people, or some": problem(
            "server_errors", "page", lost_low=0.5, lost=3.1, lost_high=12.4, seen=3, expected=0
        ),
        "over": problem("form_broken", state="resolved", until=SINCE + 20 * HOUR),
        "a fix that is watched": problem("form_broken", state="closed", fixed_by="release 1.5", verdict="waiting"),
        "a fix that held": problem(
            "form_broken", state="resolved", until=SINCE + 5 * HOUR, fixed_by="release 1.5", verdict="held"
        ),
        "a fix that did not hold": problem("form_broken", fixed_by="release 1.5", verdict="not_held", reopened=1),
        "a fix nobody can judge": problem("form_broken", state="resolved", until=SINCE + HOUR, verdict="unknown"),
        "over midnight": problem("loop", "page", quiet_until=SINCE + 9 * HOUR, since=SINCE + 10 * HOUR),
        "from the first hour": problem("missing_page", "page", quiet_until=SINCE),
        "a watch of another version": problem("not_known", "page"),
    }
    return found | more


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 130, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def golden_text() -> str:
    lines: list[str] = []
    for heading, one in cases().items():
        lines += ["", f"# {heading}"]
        for language in LANGUAGES:
            lines.append(f"{language}  {title(one, language)}")
            lines += wrapped(sentence(one, BERLIN, language))
    shown = problem(
        "form_broken",
        "version",
        also=(Place("page", "/zapis/"),),
        changed=("release 1.4", "settings sites"),
        symptoms=("silent_page", "form_retried"),
        reopened=2,
        days=5,
    )
    for language in LANGUAGES:
        lines += ["", f"# the five questions, {language}"]
        for question, answer in answers(shown, BERLIN, language):
            lines.append(question)
            lines += wrapped(answer)
    return "\n".join(lines[1:]) + "\n"


def texts_of(words: OfWatch | OfCause) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of each text of a watch or cause, in both languages."""
    for own in (words.en, words.ru):
        for some in (own, *getattr(own, "by", {}).values()):
            yield from ((key, text) for key, text in some if isinstance(text, str))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_sentence_is_the_golden_one() -> None:
    got, want = golden_text(), GOLDEN.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "got", lineterm=""))
    assert got == want, f"the words have changed; if that is meant, put this into {GOLDEN.name}:\n{difference}"


@pytest.mark.parametrize("name", all_watches())
def test_every_watch_has_words_of_its_own(name: str) -> None:
    own, watch = table().watches[name], all_watches()[name]
    assert set(watch.dimensions) <= table().places.keys()
    is_drop = watch.direction == "drop"
    for texts in (own.en, own.ru):
        assert "when" in fields(texts.what)
        assert ("level" in fields(texts.what)) is (is_drop or name == "traffic_spike")
        assert bool(texts.title_fewer) is is_drop


def test_no_words_are_of_a_watch_or_place_that_does_not_exist() -> None:
    assert table().watches.keys() == {*all_watches(), "other"}
    assert table().causes.keys() == set(CAUSES)
    for own in table().watches.values():
        assert {*own.en.by, *own.ru.by} <= table().places.keys()
        assert set(own.units.values()) <= table().units.keys()
    assert set(table().numbers.values()) <= table().units.keys()


def test_both_languages_have_the_same_phrases() -> None:
    en, ru = table().phrases["en"], table().phrases["ru"]
    assert en.keys() == ru.keys()
    assert {key: fields(text) for key, text in en.items()} == {key: fields(text) for key, text in ru.items()}


def test_every_placeholder_of_a_text_is_one_that_is_filled() -> None:
    of_place = {"place", "name", "bare"}
    every: list[OfWatch | OfCause] = [*table().watches.values(), *table().causes.values()]
    for own in every:
        for key, text in texts_of(own):
            assert fields(text) <= (of_place | {"when", "level"} if key == "what" else of_place), text
    for name, kind in table().places.items():
        known = of_place if name.isupper() else {"bare"}  # a vital has the words of its section
        assert all(fields(text) <= known for naming in (kind.en, kind.ru) for _, text in naming)


def test_a_text_with_an_unknown_placeholder_is_found_by_the_check_of_placeholders() -> None:
    assert fields("{place} {whom}") - {"place", "name", "bare"} == {"whom"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_that_goes_on_has_its_next_step_and_no_double_space(language: Language) -> None:
    for heading, one in cases().items():
        told = sentence(one, BERLIN, language)
        assert ({"en": "Next: ", "ru": "Что делать: "}[language] in told) is one.is_active, heading
        for text in (told, title(one, language), remedy(one, language), *sum(answers(one, BERLIN, language), ())):
            assert not re.search(r"  | [.,;:)]|\( |\.\.|[{}]", text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_names_and_most_facts_give_at_most_400_characters(language: Language) -> None:
    for one in cases().values():
        for cause in ("", *CAUSES):
            worst = msgspec.structs.replace(
                one,
                place=Place(one.place.dimension, one.place.name + "/very-long-name" * 20),
                fixed_by="release " * 20,
                quiet_until=SINCE - 15 * HOUR,
                lost_low=1.1e6,
                lost=1.25e6,
                lost_high=1.4e6,
                facts=msgspec.structs.replace(
                    one.facts,
                    cause=cause,
                    also=tuple(Place("page", f"/{n}" * 90) for n in range(9)),
                    changed=tuple(f"release {n}" for n in range(60)),
                    verdict="not_held",
                    days=2,
                ),
            )
            told = sentence(worst, BERLIN, language)
            assert len(told) <= LONGEST
            assert told.endswith((".", "?")), "the end of a sentence was cut off"


def test_a_sentence_that_no_choice_of_parts_makes_short_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.problems.sentences.LONGEST", 60)
    told = sentence(problem("form_broken"), BERLIN, "en")
    assert told == "Completed bookings stopped between 13:00 and 15:00 on 21 No…"


def test_nobody_says_that_a_problem_ended_if_the_verdict_is_unknown() -> None:
    ended = problem("form_broken", state="resolved", until=SINCE + HOUR, verdict="unknown")
    assert "ended" not in sentence(ended, BERLIN, "en")
    assert "It was closed at about 15:00 on 21 November." in sentence(ended, BERLIN, "en")


def test_a_fault_that_is_as_old_as_the_numbers_began_before_its_first_hour_was_over() -> None:
    assert "before 15:00 on 21 November." in sentence(
        problem("form_retried", "role", "form", quiet_until=SINCE), BERLIN, "en"
    )


def test_of_many_changes_all_are_named_or_none() -> None:
    changes = tuple(f"release 1.{n}" for n in range(40))
    many = problem("form_broken", "version", changed=changes)
    told = sentence(many, BERLIN, "en")
    assert "40 changes on record then." in told
    assert "release" not in told
    assert all(change in answers(many, BERLIN, "en")[4][1] for change in changes)


@pytest.mark.parametrize(
    ("number", "days", "times", "visitors"),
    [
        (1, "1 день", "1 раз", "1 посетителя"),
        (2, "2 дня", "2 раза", "2 посетителей"),
        (5, "5 дней", "5 раз", "5 посетителей"),
        (11, "11 дней", "11 раз", "11 посетителей"),
        (21, "21 день", "21 раз", "21 посетителя"),
        (22, "22 дня", "22 раза", "22 посетителей"),
    ],
)
def test_russian_nouns_follow_their_number(number: int, days: str, times: str, visitors: str) -> None:
    found = [counted(number, unit, "ru") for unit in ("days", "times", "visitors")]
    assert found == [days, times, visitors]


@pytest.mark.parametrize(("number", "told"), [(1, "1 day"), (2, "2 days"), (5, "5 days"), (21, "21 days")])
def test_english_nouns_follow_their_number(number: int, told: str) -> None:
    assert counted(number, "days", "en") == told


@pytest.mark.parametrize(
    ("low", "middle", "high", "en", "ru"),
    [
        (26, 41, 58, "about 40 (25 to 60) visitors", "около 40 посетителей (от 25 до 60)"),
        (437, 437, 437, "about 440 (430 to 440) visitors", "около 440 посетителей (от 430 до 440)"),
        (40, 40, 40, "about 40 visitors", "около 40 посетителей"),
        (2, 12, 31, "about 10 (up to 35) visitors", "около 10 посетителей (до 35)"),
        (-3, 2, 4, "fewer than 5 visitors", "менее 5 посетителей"),
        (0, 3, 11, "probably fewer than 5 (up to 15) visitors", "вероятно, менее 5 посетителей (самое большее 15)"),
        (0, float("nan"), 3, "number not known", "число неизвестно"),
        (float("-inf"), 50, float("inf"), "about 50 visitors", "около 50 посетителей"),
    ],
)
def test_a_loss_is_told_as_an_interval_in_coarse_numbers(
    low: float, middle: float, high: float, en: str, ru: str
) -> None:
    assert [about(low, middle, high, "visitors", language) for language in LANGUAGES] == [en, ru]


@given(st.just(0.0) | st.floats(0.001, 1e7))
def test_a_coarse_number_has_two_significant_digits_or_is_a_multiple_of_five(number: float) -> None:
    low, near, high = coarse(number, "down"), coarse(number), coarse(number, "up")
    assert low <= number <= high
    assert low <= near <= high
    assert all(each % 5 == 0 and len(str(each).rstrip("0")) <= 2 for each in (low, near, high))


@pytest.mark.parametrize(
    ("share", "told"), [(0, "less than 1%"), (0.004, "less than 1%"), (0.034, "3%"), (0.437, "45%"), (1.7, "100%")]
)
def test_a_share_is_told_in_coarse_percents(share: float, told: str) -> None:
    assert percent(share, "en") == told


def test_no_exact_number_of_people_is_told() -> None:
    exact = problem("server_errors", "page", seen=437, expected=61.7, of=1289, lost_low=341, lost=376, lost_high=411)
    for language in LANGUAGES:
        told = sentence(exact, BERLIN, language) + "".join(answer for _, answer in answers(exact, BERLIN, language))
        assert not {"437", "61", "62", "1289", "341", "376", "411"} & set(re.findall(r"\d+", told))


@pytest.mark.parametrize(
    ("zone", "quiet_until", "since", "told"),
    [
        ("Europe/Berlin", "2026-10-25T00", "2026-10-25T01", "between 02:00 CEST and 03:00 on 25 October"),
        ("Europe/Berlin", "2026-10-24T23", "2026-10-25T00", "between 01:00 and 02:00 CET on 25 October"),
        ("Europe/Berlin", "2026-03-29T00", "2026-03-29T01", "between 01:00 and 04:00 on 29 March"),
        ("Asia/Kolkata", "2026-11-21T12", "2026-11-21T13", "between 17:30 and 19:30 on 21 November"),
        ("Europe/Moscow", "2026-12-31T19", "2026-12-31T20", "between 22:00 on 31 December and 00:00 on 1 January"),
        ("America/St_Johns", "2026-11-21T01", "2026-11-21T09", "between 21:30 on 20 November and 06:30 on 21 November"),
    ],
)
def test_the_begin_is_told_in_the_hours_of_the_site(zone: str, quiet_until: str, since: str, told: str) -> None:
    begin, first = (datetime.strptime(f"{text}+0000", "%Y-%m-%dT%H%z") for text in (quiet_until, since))
    one = problem("form_broken", quiet_until=begin, since=first)
    assert told in sentence(one, ZoneInfo(zone), "en")
    without_zone = msgspec.structs.replace(
        one, quiet_until=begin.replace(tzinfo=None), since=first.replace(tzinfo=None)
    )
    assert sentence(without_zone, ZoneInfo(zone), "en") == sentence(one, ZoneInfo(zone), "en")


def test_the_answers_have_the_year_and_the_zone() -> None:
    whole = dict(answers(problem("form_broken"), BERLIN, "en"))["Since when?"]
    assert "Since 14:00 on 21 November 2026" in whole
    assert "Europe/Berlin" in whole


def test_the_five_questions_are_answered_in_order() -> None:
    for one in cases().values():
        questions, answered = zip(*answers(one, BERLIN, "en"), strict=True)
        assert questions == (
            "What broke?",
            "Since when?",
            "For whom, and for whom not?",
            "How many?",
            "What changed?",
        )
        assert all(answered)


def test_a_cause_of_no_known_kind_and_a_number_of_no_known_kind_change_nothing() -> None:
    usual = problem("silent_page", "page", number="people")
    for changes in ({"cause": "not known"}, {"number": "not known"}):
        assert sentence(problem("silent_page", "page", **changes), BERLIN, "ru") == sentence(usual, BERLIN, "ru")


def test_a_name_is_data() -> None:
    name = "/a{when}\x1b[31m\u202e\u2028b\r\n\x00<b>{0}"
    one = problem("silent_page", "page", name, changed=("release \x07{place}",))
    told = sentence(one, BERLIN, "en")
    assert "/a{when} [31m b <b>{0}" in told
    assert "release {place}" in told


def test_a_name_without_any_letter_is_told_as_one_without_name() -> None:
    assert title(problem("silent_page", "page", "\x00\u200b"), "en") == "No page views on the page (no name)"


def test_a_long_name_is_cut_at_120_characters() -> None:
    assert clean("x" * 120) == "x" * 120
    assert clean("x" * 121) == "x" * 119 + "…"
    assert len(title(problem("silent_page", "page", "/" + "x" * 5000), "ru")) < 200


@given(st.text(max_size=400), st.sampled_from(sorted(NAMES)), st.sampled_from(LANGUAGES))
def test_any_name_gives_printable_sentences_of_bounded_length(name: str, dimension: str, language: Language) -> None:
    one = problem(
        "silent_page", dimension, name, changed=(name,), fixed_by=name, verdict="held", also=(Place("page", name),)
    )
    told = [sentence(one, BERLIN, language), title(one, language), *sum(answers(one, BERLIN, language), ())]
    assert len(told[0]) <= LONGEST
    assert not [each for text in told for each in text if unicodedata.category(each)[0] == "C"]
