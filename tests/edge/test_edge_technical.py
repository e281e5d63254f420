import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.edge.tables import EdgeTables
from pipeline.edge.technical import MAX_TEMPLATE, RawMeasurement, run_technical_edge, scrub_template
from pipeline.errors import Reason, Refused
from pipeline.event import Hit
from pipeline.scrub.identifiers import find
from pipeline.scrub.redact import scrub_release
from pipeline.settings.model import Settings
from support.edge import CLINIC

NOW = 1_795_000_000_000


class NoKeys:
    """Nothing may be asked of the keys for a measurement."""


@pytest.fixture(scope="module")
def tables():
    return EdgeTables.load(Settings(sites=(CLINIC,)), NoKeys(), bytes)


def run(tables, signal, *, page="https://clinic.example/doctors", release="", peer="192.0.2.1"):
    hit = Hit(
        received_ms=NOW, peer=peer, site="clinic", page=page, agent="Mozilla/5.0", cookie="__Host-px=1", release=release
    )
    (stored,) = run_technical_edge(hit, [signal], tables, now_ms=NOW)
    return stored


def error(message="x", source="", name="TypeError"):
    return RawMeasurement("js_error", name, message, source, 0.0)


@pytest.mark.parametrize(
    ("message", "template"),
    [
        (
            "Cannot read properties of undefined (reading 'phone')",
            "Cannot read properties of undefined (reading <text>)",
        ),
        ("can't find variable: ym", "can't find variable: ym"),
        ("Unexpected token 'И', \"Иванов И\" is not valid JSON", "Unexpected token <text>, <text> is not valid JSON"),
        ("Failed to load https://clinic.example/lk?phone=79123456789", "Failed to load <url>"),
        ("Запись 4711 «Петрова Анна» не найдена", "Запись <n> <text> не найдена"),
        ('cut in the middle of "Иванов', "cut in the middle of <text>"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("no user ivan@example.org", "no user *"),
        ("no user +7 (912) 345-67-89", "no user +<n> (<n>) <n>"),
        ("no route to 2001:db8:cafe:face::beef", "no route to <n>"),
        ("no route to fe80::cafe:face", "no route to <n>"),
        ("no route to <n>:db<n>:cafe:face::beef", "no route to <n>"),
        ("key 5f0c9be2-77aa-4c1d-bead-feedface0001 is gone", "key <n> is gone"),
        ("key a8f3k2Zq91.c0ffee12 is gone", "key <n>.<n> is gone"),
        ("t2.reduce is not a function in 3.11", "t<n>.reduce is not a function in <n>.<n>"),
        ("", ""),
    ],
)
def test_a_message_becomes_a_template(message, template):
    assert scrub_template(message) == template


@given(st.text(max_size=400))
def test_a_template_is_short_and_holds_no_digit_and_nothing_a_pattern_finds(message):
    template = scrub_template(message)
    assert not find(template)
    assert len(template) <= MAX_TEMPLATE
    assert not any(character.isdecimal() for character in template)


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("clinic.example:app.js:12", "clinic.example:app.js:12"),
        ("localhost:8070:app.js:12", "localhost:app.js:12"),
        ("CDN.example:Bundle.JS:1", "cdn.example:bundle.js:1"),
        ("clinic.example:app.js:0000012", "clinic.example:app.js:12"),
        ("clinic.example:app.js:9999999", "clinic.example:app.js:9999999"),
        ("clinic.example:app.js:10000000", ""),
        ("clinic.example:inline:7", "clinic.example:inline:7"),
        ("clinic.example:79123456789.js:1", "clinic.example:*.js:1"),
        ("clinic.example:a/b:1", ""),
        ("clinic.example", ""),
        ("one two:three:4", ""),
    ],
)
def test_the_place_of_an_error_is_host_file_and_line(tables, source, stored):
    assert run(tables, error(source=source)).source == stored


def test_a_failed_resource_is_its_type_and_host(tables):
    stored = run(tables, RawMeasurement("resource", "img", "not kept", "cdn.example:8443", 5.0))
    assert (stored.name, stored.source, stored.template, stored.value) == ("img", "cdn.example", "", 0.0)


@pytest.mark.parametrize(("value", "stored"), [(2500.5, 2500.5), (-1.0, 0.0), (1e300, 3_600_000.0)])
def test_a_vital_stays_within_reason(tables, value, stored):
    assert run(tables, RawMeasurement("vital", "LCP", "not kept", "not kept", value)).value == stored


@pytest.mark.parametrize(
    "signal", [RawMeasurement("vital", "MOOD", "", "", 1.0), RawMeasurement("resource", "<b>", "", "", 0.0)]
)
def test_names_outside_the_list_are_refused(tables, signal):
    with pytest.raises(Refused) as refused:
        run(tables, signal)
    assert refused.value.reason is Reason.BAD_BODY


def test_an_errors_class_that_is_no_name_is_just_an_error(tables):
    assert run(tables, error(name="Иванов Иван")).name == "Error"


@pytest.mark.parametrize(("release", "stored"), [("v2.14.3", "v2.14.3"), ("", ""), ("a b", ""), ("79123456789", "*")])
def test_a_release_is_kept_unless_it_could_be_a_number_of_a_person(release, stored):
    assert scrub_release(release) == stored


def test_a_sensitive_page_is_its_group_here_too(tables):
    assert run(tables, error(), page="https://clinic.example/services/hiv").page == "/services/~sensitive"


def test_an_unknown_site_is_refused(tables):
    with pytest.raises(Refused) as refused:
        run_technical_edge(Hit(received_ms=NOW, peer="", site="nowhere"), [error()], tables, now_ms=NOW)
    assert refused.value.reason is Reason.UNKNOWN_SITE
