"""No identifier comes through, however it is written and wherever it stands; ordinary addresses do, unharmed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import phonenumbers
import pytest

from pipeline.pages.page import PageFacts, ReferrerFacts, SitePages, read_page, read_referrer
from pipeline.scrub.redact import scrub_text
from pipeline.settings.site import Site
from support.identifiers import ENCODINGS, IDENTIFIERS, PLACES, SITE, Identifier, leaked

CLINIC = SitePages.of(Site(id="clinic", hosts=("clinic.example",)))
DATA = Path(__file__).parents[1] / "data"


def _lines(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _stored(page: PageFacts, referrer: ReferrerFacts) -> str:
    """Return all text of the two that reaches the disk (a click id only as a token)."""
    campaign = [f"{name}={value}" for name, value in page.campaign.items()]
    return " ".join((page.host, page.path, *campaign, referrer.host, referrer.path))


def _written(encoding: str, text: str) -> str | None:
    try:
        return ENCODINGS[encoding](text)
    except UnicodeEncodeError:
        return None


def _leak_table() -> list[tuple[Identifier, str]]:
    return [
        (identifier, encoding)
        for identifier in IDENTIFIERS
        for encoding in ENCODINGS
        if _written(encoding, identifier.text) is not None
    ]


@pytest.mark.parametrize(
    ("identifier", "encoding"), _leak_table(), ids=lambda value: getattr(value, "kind", value).replace(" ", "_")
)
def test_no_identifier_comes_through_in_any_place(identifier: Identifier, encoding: str) -> None:
    written = _written(encoding, identifier.text)
    assert written is not None
    leaks = {}
    for place, pattern in PLACES.items():
        if place == "foreign label" and identifier.kind == "transliterated in camel case":
            continue  # a host name has no capitals: no browser could send it
        raw = pattern.replace("{}", written)
        found = leaked(identifier, _stored(read_page(raw, CLINIC), read_referrer(raw, CLINIC)))
        if found:
            leaks[place] = found
    assert not leaks


@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=lambda identifier: identifier.kind.replace(" ", "_"))
def test_no_identifier_comes_through_in_a_text(identifier: Identifier) -> None:
    agent = scrub_text(f"Robot ({identifier.text}; beta)", 256)
    assert not leaked(identifier, agent.text)
    assert agent.text.startswith("Robot (")
    assert agent.scrubbed


READ = ("raw", "percent", "double percent", "windows-1251", "full-width")
"""The encodings that the search for leaks reads back by itself."""


@pytest.mark.parametrize(
    ("identifier", "encoding"),
    [(identifier, encoding) for identifier, encoding in _leak_table() if encoding in READ],
    ids=lambda value: getattr(value, "kind", value).replace(" ", "_"),
)
def test_the_search_for_leaks_finds_a_planted_one(identifier: Identifier, encoding: str) -> None:
    assert leaked(identifier, f"clinic.example /otvet/{_written(encoding, identifier.text)}")


@pytest.mark.parametrize("path", _lines("clinic_addresses.txt"))
@pytest.mark.parametrize("spelling", ["{}", "{}/", "{}?utm_source=yandex", "{}#top"])
def test_an_ordinary_address_is_not_damaged(path: str, spelling: str) -> None:
    raw = SITE + spelling.format(quote(path))
    page = read_page(raw, CLINIC)
    assert page.path == path
    assert read_referrer(raw, CLINIC).path == path
    assert page.campaign == ({"utm_source": "yandex"} if "utm_source" in spelling else {})


# Values of the tests of presidio-ru-recognizers 0.1.0 (MIT): public numbers of companies and made-up ones, valid and
# with wrong checksums alike, because no checksum is asked for here.
PRESIDIO_RU = """
7707083893 7736207543 7736050003 770708389324 112233445573 11223344595 1027700132195 1027700229193 304774709000223
4505678901 4505-678901 +74951234567 8(495)1234567 40702810900000012345 4111111111111111 5555555555554444 378282246310005
1234567890 7707083892 770708389325 123456789012 1234567890123 1027700132196 123456789012345 304774709000224
4111111111111112 0000000000000001
""".split()  # noqa: SIM905 - a table reads better than forty quotes
PRESIDIO_RU_SPACED = [
    "112-233-445 95",
    "4505 678901",
    "+7 (495) 123-45-67",
    "8 495 123 45 67",
    "111-111-111 11",
    "+1 555 123 4567",
    "9 495 123 45 67",
]


@pytest.mark.parametrize("number", [*PRESIDIO_RU, *PRESIDIO_RU_SPACED])
@pytest.mark.parametrize("place", PLACES)
def test_no_russian_number_known_to_others_comes_through(number: str, place: str) -> None:
    for written in (number, quote(number), number.replace(" ", "+")):
        raw = PLACES[place].replace("{}", written)
        assert not leaked(Identifier("number", number), _stored(read_page(raw, CLINIC), read_referrer(raw, CLINIC)))


def _phone_examples() -> list[str]:
    kinds = phonenumbers.PhoneNumberType
    formats = phonenumbers.PhoneNumberFormat
    numbers = [
        phonenumbers.example_number_for_type("RU", kind)
        for kind in (kinds.FIXED_LINE, kinds.MOBILE, kinds.TOLL_FREE, kinds.PREMIUM_RATE, kinds.PERSONAL_NUMBER)
    ]
    return [
        phonenumbers.format_number(number, form)
        for number in numbers
        if number is not None
        for form in (formats.E164, formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966)
    ]


@pytest.mark.parametrize("number", _phone_examples())
def test_no_example_number_of_libphonenumber_comes_through(number: str) -> None:
    for place in PLACES.values():
        raw = place.replace("{}", number)
        assert not leaked(Identifier("phone", number), _stored(read_page(raw, CLINIC), read_referrer(raw, CLINIC)))


@pytest.mark.parametrize("line", _lines("tracking_parameters.txt"))
def test_a_parameter_of_a_tracker_is_dropped_or_becomes_a_click_id(line: str) -> None:
    name, _, click = line.partition(" ")
    page = read_page(f"{SITE}/price?{name}=Tr4ck&utm_source=news", CLINIC)
    assert page.campaign == {"utm_source": "news"}
    assert (page.paid, page.click_id, page.dropped_params) == ((True, "Tr4ck", 0) if click else (False, "", 1))
