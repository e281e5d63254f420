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
from pipeline.problems.words import about, clean, coarse, counted, percent, table

GOLDEN = Path(__file__).parent / "golden" / "sentences.txt"
LANGUAGES = ("en", "ru")
BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 11, 21, 13, tzinfo=UTC)  # 14:00 in Berlin
HOUR = timedelta(hours=1)
LATER = {"script_errors": "script_error", "failed_resource": "resource", "slow_vital": "vital"}
"""Watches from measurements, whose words come before them."""
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
    "resource": ("cdn.example/booking.js", ()),
    "vital": ("LCP /uslugi", ()),
}


def problem(watch: str, dimension: str = "site", name: str | None = None, **changes: object) -> Problem:
    """Return a problem that began between 13:00 and 15:00 on 21 November in Berlin; `changes` are those of the problem and its facts."""
    usual, well = NAMES.get(dimension, ("", ()))
    known = all_watches().get(watch)
    is_drop = known is not None and known.direction == "drop"
    number = known.number[0] if known else "loads"
    facts = Facts(
        number=number,
        seen=0 if is_drop else 62,
        expected=41 if is_drop else 7,
        of=0 if known is not None and known.kind == "count" else 247,
        works_for=tuple(Place(dimension, each) for each in well),
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
    for watch_name, dimension in LATER.items():
        yield f"{watch_name}, {dimension}", problem(watch_name, dimension)


def cases() -> dict[str, Problem]:
    """Return the problems of the golden file by their headings."""
    found = dict(every_place())
    for vital in ("FCP /uslugi", "INP /uslugi", "CLS /uslugi", "TTFB /uslugi"):
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
        "ten times the usual": problem("traffic_spike", seen=5210, expected=520, lost_low=4480, lost=4690, lost_high=4900),
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
        "few people, or some": problem("server_errors", "page", lost_low=0.5, lost=3.1, lost_high=12.4, seen=3, expected=0),
        "over": problem("form_broken", state="resolved", until=SINCE + 20 * HOUR),
        "a fix that is watched": problem("form_broken", state="closed", fixed_by="release 1.5", verdict="waiting"),
        "a fix that held": problem(
            "form_broken", state="resolved", until=SINCE + 5 * HOUR, fixed_by="release 1.5", verdict="held"
        ),
        "a fix that did not hold": problem("form_broken", fixed_by="release 1.5", verdict="not_held", reopened=1),
        "a fix nobody can judge": problem("form_broken", state="resolved", until=SINCE + HOUR, verdict="unknown"),
        "over midnight": problem("loop", "page", quiet_until=SINCE + 9 * HOUR, since=SINCE + 10 * HOUR),
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


def test_every_sentence_is_the_golden_one() -> None:
    got, want = golden_text(), GOLDEN.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(want.splitlines(), got.splitlines(), "golden", "got", lineterm=""))
    assert got == want, f"the words have changed; if that is meant, put this into {GOLDEN.name}:\n{difference}"
