from contextlib import suppress
from dataclasses import replace
from datetime import date
from ipaddress import ip_network
from uuid import RFC_4122, UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.edge.draft import uuid7
from pipeline.edge.rate_limit import RateLimit
from pipeline.edge.steps import EDGE_STEPS, OverRate, run_edge
from pipeline.edge.tables import EdgeTables
from pipeline.errors import Fatal, Reason, Refused
from pipeline.event import NO_TOKEN, EventColumns, Hit, PageFlag, Scrubbed
from pipeline.headers import cookies
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.keys.sealed import opened, public_text, sealer
from pipeline.networks.lookup import NetworkFacts, NetworkTables
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector, Fraud
from pipeline.settings.site import AllowedValue, PageRole, Site
from pipeline.spool.records import frame, parse
from support.signing import Program, known

NOW = 1_795_000_000_000
TODAY = date(2026, 11, 18)
BASE = Hit(
    received_ms=NOW,
    peer="198.51.100.7",
    scheme="https",
    host="stats.clinic.example",
    agent="Mozilla/5.0 test",
    site="clinic",
    page="https://clinic.example/doctors/?utm_source=yandex&yclid=123456789",
    referrer="https://ya.ru/search?text=boli",
    mode="js",
)
SITE = Site(
    id="clinic",
    hosts=("clinic.example",),
    sensitive={"sensitive": ("/services/onko/*",)},
    roles=(PageRole(role="done", path="/appointment", parameter="sent"),),
    cookies=(AllowedValue(name="lang", values=("ru", "en")), AllowedValue(name="ab", pattern="variant-[a-c]")),
    own_networks=(ip_network("192.0.2.0/24"),),
)


class FixedNetworks(NetworkTables):
    def look_up(self, address):
        return NetworkFacts("RU", 64496, "Example Net", "mobile")


@pytest.fixture
def tables(tmp_path):
    settings = Settings(
        data=tmp_path,
        sites=(SITE, Site(id="strict", hosts=("strict.example",), consent="explicit")),
        collector=Collector(trusted_proxies=(ip_network("10.0.0.0/8"),), flood_burst=5, flood_per_minute=60),
    )
    keys = Keyring(KeyDirectory(settings.keys_dir), may_mint=True)
    return replace(EdgeTables.load(settings, keys, lambda count: bytes(range(count))), networks=FixedNetworks())


def run(tables, **changes):
    result = run_edge(msgspec.structs.replace(BASE, **changes), tables, now_ms=NOW)
    for event in result.events:
        assert parse(frame(event)) == event, "the reader of the spool must take whatever the edge makes"
    return result


def event(tables, **changes):
    (only,) = run(tables, **changes).events
    return only


def test_a_page_view_has_its_fields_and_no_address(tables):
    got = event(tables)
    assert (got.site, got.kind, got.mode) == ("clinic", "pageview", "js")
    assert (got.page_host, got.page, got.page_from) == ("clinic.example", "/doctors", "parameter")
    assert (got.campaign, got.paid, got.click_token != 0) == ({"utm_source": "yandex"}, True, True)
    assert (got.referrer_host, got.referrer_page) == ("ya.ru", "")
    assert (got.country, got.asn, got.net_class, got.ip_version) == ("RU", 64496, "mobile", 4)
    assert NO_TOKEN not in (got.ip_token, got.net_token)
    assert "198.51.100" not in str(got)
    assert UUID(got.event_id).version == 7
    assert UUID(got.event_id).int >> 80 == NOW


def test_the_family_of_an_attack_is_kept_and_its_text_is_not(tables):
    got = event(tables, page="https://clinic.example/doctors?q=%3Cscript%3Eprobe()%3C/script%3E")
    assert (got.page, got.attack) == ("/doctors", "script")
    assert "probe" not in str(got)
    assert event(tables).attack == ""


def test_the_order_of_the_edge_is_the_list(tables):
    assert [step.__name__ for step in EDGE_STEPS] == [
        "put_consent",
        "put_client",
        "put_network_facts",
        "put_monitor",
        "drop_over_rate",
        "put_page",
        "put_referrer",
        "put_cookies",
        "put_tokens",
        "put_click",
        "put_consistency",
        "drop_blocked",
        "put_signature",
    ]


def test_the_client_behind_a_trusted_proxy_gets_the_token_not_the_proxy(tables):
    through = event(tables, peer="10.0.0.1", forwarded_for="198.51.100.7")
    assert through.ip_token == event(tables).ip_token
    assert event(tables, peer="192.0.2.1", forwarded_for="198.51.100.7").ip_token != through.ip_token


def test_an_image_without_a_page_parameter_takes_the_referer_header(tables):
    got = event(tables, page=None, referer="https://clinic.example/contacts/")
    assert (got.page, got.page_from) == ("/contacts", "referer")


def test_no_page_at_all_is_still_an_event(tables):
    got = event(tables, page=None)
    assert (got.page_host, got.page, got.page_from) == ("", "", "none")


def test_an_empty_page_parameter_is_a_parameter(tables):
    assert event(tables, page="").page_from == "parameter"


def test_each_ad_block_is_an_impression_of_its_own(tables):
    events = run(tables, ads=("top", "side")).events
    assert [(e.kind, e.ad) for e in events] == [("impression", "top"), ("impression", "side")]


def test_a_first_visit_sets_the_id_cookie_and_counts_by_the_day(tables):
    result = run(tables)
    assert result.set_cookie.startswith("__Host-px=1.")
    assert (result.events[0].cookie_state, result.events[0].visitor_kind) == ("new", "day")


def test_a_returning_cookie_is_the_visitor_and_is_not_prolonged(tables):
    value = run(tables).set_cookie.partition("=")[2].partition(";")[0]
    again = run(tables, cookie=f"{cookies.ID_COOKIE}={value}")
    other_network = event(tables, cookie=f"{cookies.ID_COOKIE}={value}", peer="203.0.113.9")
    assert again.set_cookie == ""
    assert (again.events[0].cookie_state, again.events[0].visitor_kind) == ("returning", "cookie")
    assert other_network.visitor == again.events[0].visitor != event(tables).visitor
    assert value.split(".")[2] not in str(again)


def test_plain_http_sets_no_cookie_except_on_localhost(tables):
    assert run(tables, scheme="http").set_cookie == ""
    assert event(tables, scheme="http").cookie_state == "none"
    assert run(tables, scheme="http", host="localhost").set_cookie


@pytest.mark.parametrize(
    ("said", "place"),
    [
        # The default policy of browsers tells an image's server the origin alone; with the template's path it is a page.
        ({"page": "/doctors", "referer": "https://clinic.example/"}, ("clinic.example", "/doctors", "parameter")),
        (
            {"page": "/doctors?utm_source=a", "referer": "https://clinic.example/x"},
            ("clinic.example", "/doctors", "parameter"),
        ),
        (
            {"page": "/doctors", "referer": "", "origin": "https://clinic.example"},
            ("clinic.example", "/doctors", "parameter"),
        ),
        ({"page": "/doctors", "referer": "https://evil.example/"}, ("evil.example", "", "parameter")),
        ({"page": "/doctors", "referer": ""}, ("", "", "parameter")),
        ({"page": "//clinic.example/doctors", "referer": ""}, ("clinic.example", "/doctors", "parameter")),
        ({"page": "//evil.example/doctors", "referer": ""}, ("evil.example", "", "parameter")),
        ({"page": "android-app://clinic.example/doctors", "referer": ""}, ("clinic.example", "", "parameter")),
        (
            {"page": "clinic.example/doctors", "referer": "https://clinic.example/a"},
            ("clinic.example", "/a", "referer"),
        ),
        ({"page": "{{ page }}", "referer": "https://clinic.example/a"}, ("clinic.example", "/a", "referer")),
        ({"page": "about:srcdoc", "referer": "https://clinic.example/a"}, ("clinic.example", "/a", "referer")),
    ],
)
def test_a_page_without_scheme_or_host_is_read_where_the_browser_names_them(tables, said, place):
    got = event(tables, **said)
    assert (got.page_host, got.page, got.page_from) == place


@pytest.mark.parametrize("signal", [{"gpc": True}, {"dnt": True}, {"cookie": f"{cookies.OPT_OUT_COOKIE}=1"}])
def test_a_signal_leaves_nothing_that_points_at_a_person(tables, signal):
    result = run(tables, consent=True, **signal)
    got = result.events[0]
    assert (got.visitor, got.visitor_kind, got.ip_token, got.net_token) == (0, "none", NO_TOKEN, NO_TOKEN)
    assert (got.ua_token, got.click_token, got.asn, got.cookies) == (0, 0, 0, {})
    assert (got.cookie_state, got.country, got.page) == ("signal", "RU", "/doctors")
    assert result.set_cookie == ""


def test_a_signal_expires_an_id_cookie_that_is_still_there(tables):
    value = run(tables).set_cookie.partition("=")[2].partition(";")[0]
    assert "Max-Age=0" in run(tables, gpc=True, cookie=f"{cookies.ID_COOKIE}={value}").set_cookie


def test_explicit_consent_is_asked_for_before_any_token(tables):
    page = "https://strict.example/"
    silent = event(tables, site="strict", page=page)
    assert (silent.visitor, silent.ip_token, silent.cookie_state) == (0, NO_TOKEN, "refused")
    assert event(tables, site="strict", page=page, consent=True).ip_token != NO_TOKEN


def test_a_sensitive_page_is_stored_as_its_group_without_visitor_and_tokens(tables):
    got = event(tables, page="https://clinic.example/services/onko/mammografiya", cookie="lang=ru")
    assert "onko" not in got.page
    assert "sensitive" in got.page
    assert (got.visitor, got.ip_token, got.net_token, got.ua_token) == (0, NO_TOKEN, NO_TOKEN, 0)
    assert got.cookies == {}


def test_a_sensitive_page_takes_only_the_referrers_host(tables):
    page = "https://clinic.example/services/onko/mammografiya"
    got = event(tables, page=page, referrer="https://clinic.example/doctors/")
    assert (got.referrer_host, got.referrer_page) == ("clinic.example", "")


@pytest.mark.parametrize(
    ("word", "cookie", "kept"),
    [
        ("allowed value", "lang=ru", {"lang": "ru"}),
        ("another value", "lang=de", {}),
        ("value of the pattern", "ab=variant-b", {"ab": "variant-b"}),
        ("none of the pattern", "ab=variant-d", {}),
        ("not on the list", "session=abc", {}),
        ("too long", "ab=" + "variant-a" * 65, {}),
    ],
)
def test_only_allow_listed_cookies_survive(tables, word, cookie, kept):
    assert event(tables, cookie=cookie).cookies == kept, word


def test_a_redacted_cookie_leaves_a_mark(tables):
    assert event(tables, cookie="ab=79161234567").scrubbed & Scrubbed.COOKIE


def test_without_a_key_there_are_no_tokens_but_the_event_is_kept(tables, tmp_path):
    (tmp_path / "empty").mkdir(mode=0o700)
    got = event(replace(tables, keys=Keyring(KeyDirectory(tmp_path / "empty"), may_mint=False)))
    assert (got.ip_token, got.visitor, got.country) == (NO_TOKEN, 0, "RU")


def test_an_unknown_site_is_refused(tables):
    with pytest.raises(Refused) as refused:
        run(tables, site="nobody")
    assert refused.value.reason is Reason.UNKNOWN_SITE


def test_a_flood_is_refused_and_says_from_which_network(tables):
    for _ in range(5):
        run(tables)
    with pytest.raises(OverRate) as flooded:
        run(tables)
    assert flooded.value.network.asn == 64496


def test_people_in_the_clinic_s_own_network_with_ad_blocks_are_not_taken_for_a_flood(tables, tmp_path):
    rate = Collector(flood_per_minute=600, flood_burst=200)
    busy = EdgeTables.load(Settings(data=tmp_path, sites=(SITE,), collector=rate), tables.keys, tables.random)
    for _ in range(500):
        run(busy, peer="192.0.2.9")
        for ad in ("a", "b", "c"):
            run(busy, peer="192.0.2.9", ads=(ad,))
    assert accepted(busy, 4000, peer="192.0.2.9") == (200 - 500 / 20 - 1500 / 400) * 20
    assert accepted(busy, 4000, peer="198.51.100.9") == 200


def accepted(tables, hits, **changes):
    """Return how many of these hits pass the rate limit."""
    count = 0
    for _ in range(hits):
        with suppress(OverRate):
            run(tables, **changes)
            count += 1
    return count


def test_ad_blocks_of_one_hit_count_each(tables):
    strict = replace(tables, rate_limit=RateLimit(per_minute=1, burst=1, clients=1000, key=bytes(32)))
    run(strict, ads=tuple(f"a{number}" for number in range(20)))
    with pytest.raises(OverRate):
        run(strict, ads=("one-more",))


class Blocked:
    """Blocks one id cookie's secret and one address."""

    are_known, is_empty = True, False

    def person(self, secret):
        return secret == "A" * 22

    def address(self, address, epoch):
        return (address, epoch) == ("203.0.113.9", TODAY)


@pytest.mark.parametrize(
    "who",
    [
        pytest.param({"cookie": f"{cookies.ID_COOKIE}=1.{NOW // 86_400_000}.{'A' * 22}"}, id="by cookie"),
        pytest.param({"peer": "203.0.113.9"}, id="by address"),
    ],
)
def test_a_blocked_person_is_refused_and_nobody_else(tables, who):
    tables = replace(tables, blocks=Blocked())
    with pytest.raises(Refused) as refused:
        run(tables, **who)
    assert refused.value.reason is Reason.BLOCKED
    assert event(tables).visitor
    # With a signal nothing that is kept points at the person.
    assert event(tables, gpc=True, **who).visitor == 0


CLICK = "https://clinic.example/?yclid=1234567890123456789"
PRIVATE = bytes(range(32))


def test_a_click_id_has_the_same_token_on_every_day_of_a_quarter_and_another_in_the_next(tables):
    def token(days, page=CLICK):
        moment = NOW + days * 86_400_000
        return (
            run_edge(msgspec.structs.replace(BASE, page=page, received_ms=moment), tables, now_ms=moment)
            .events[0]
            .click_token
        )

    assert token(0) == token(1) == token(40)
    assert token(0) != token(60)
    assert token(0) != token(0, CLICK + "0")
    assert token(0, "https://clinic.example/") == 0


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (CLICK, "yclid"),
        ("https://clinic.example/?GCLID=abc", "gclid"),
        ("https://clinic.example/?utm_source=x", ""),
        ("https://clinic.example/services/onko/x?yclid=1", ""),
        ("https://elsewhere.example/?yclid=1", ""),
    ],
)
def test_the_ad_network_of_a_click_is_kept(tables, page, kind):
    assert event(tables, page=page).click_kind == kind


def test_a_click_id_is_sealed_to_the_key_of_claims(tables):
    sealing = replace(tables, seal=sealer(public_text(PRIVATE)))
    stored = event(sealing, page=CLICK).click_sealed
    assert opened(stored, PRIVATE) == "1234567890123456789"
    assert event(sealing, page=CLICK).click_sealed != stored
    with pytest.raises(ValueError, match="not sealed to this key"):
        opened(stored, PRIVATE[::-1])


@pytest.mark.parametrize(
    "changes",
    [
        {"gpc": True},
        {"consent": False},
        {"cookie": f"{cookies.OPT_OUT_COOKIE}=1"},
        {"page": "https://clinic.example/services/onko/x?yclid=1"},
        {"page": "https://clinic.example/"},
    ],
)
def test_a_click_id_is_not_sealed_without_consent_or_on_a_sensitive_page(tables, changes):
    sealing = replace(tables, seal=sealer(public_text(PRIVATE)))
    assert event(sealing, **{"page": CLICK, **changes}).click_sealed == ""
    assert event(tables, page=CLICK).click_sealed == ""


def test_a_click_id_of_nobody_who_could_be_found_again_is_not_sealed(tables, tmp_path):
    sealing = replace(tables, seal=sealer(public_text(PRIVATE)))
    assert event(sealing, page=CLICK, peer="10.0.0.1", forwarded_for="unknown").click_sealed == ""
    keyless = Keyring(KeyDirectory(tmp_path / "none"), may_mint=False)
    assert event(replace(sealing, keys=keyless), page=CLICK).click_sealed == ""


def test_a_claim_key_without_a_private_half_stops_the_start_and_costs_no_hit(tmp_path):
    settings = Settings(data=tmp_path, sites=(SITE,), fraud=Fraud(claim_key="A" * 43 + "="))
    keys = Keyring(KeyDirectory(settings.keys_dir), may_mint=True)
    with pytest.raises(Fatal, match=r"fraud\.claim_key: expected the public key"):
        EdgeTables.load(settings, keys, bytes)


@pytest.mark.parametrize("text", ["", "abc", "A" * 43 + "=="])
def test_a_key_that_is_none_is_refused_when_the_tables_are_made(text):
    with pytest.raises(ValueError, match="claim-pair"):
        sealer(text)


@pytest.mark.parametrize(
    ("changes", "signal"),
    [
        ({}, "none"),
        ({"gpc": True}, "gpc"),
        ({"dnt": True}, "dnt"),
        ({"gpc": True, "dnt": True}, "gpc"),
        ({"cookie": f"{cookies.OPT_OUT_COOKIE}=1", "gpc": True}, "opt_out"),
        ({"consent": False}, "none"),
    ],
)
def test_the_privacy_signal_is_named(tables, changes, signal):
    assert event(tables, **changes).privacy_signal == signal


@pytest.mark.parametrize(("consent", "stored"), [(None, "unknown"), (True, "given"), (False, "refused")])
def test_no_answer_is_no_refusal(tables, consent, stored):
    assert event(tables, consent=consent, gpc=True).consent == event(tables, consent=consent).consent == stored


@pytest.mark.parametrize(
    ("days", "age"),
    [(0, "day"), (1, "day"), (2, "week"), (7, "week"), (8, "month"), (31, "month"), (32, "older"), (365, "older")],
)
def test_the_age_of_the_cookie_is_kept_and_nothing_else_of_it(tables, days, age):
    cookie = f"{cookies.ID_COOKIE}=1.{NOW // 86_400_000 - days}.{'A' * 22}"
    assert event(tables, cookie=cookie).cookie_age == age
    assert event(tables, cookie=cookie, gpc=True).cookie_age == "none"
    assert event(tables, cookie=cookie, page="https://clinic.example/services/onko/x").cookie_age == "none"


def test_a_cookie_just_set_is_new(tables):
    assert event(tables).cookie_age == "new"


IMAGE = {"fetch_dest": "image", "fetch_mode": "no-cors", "fetch_site": "cross-site"}
BEACON = {"way": "beacon", "fetch_dest": "empty", "fetch_mode": "cors", "fetch_site": "same-site"}


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ({}, "none"),
        (IMAGE, "agree"),
        (BEACON, "agree"),
        ({**BEACON, "fetch_mode": "no-cors"}, "agree"),
        ({**IMAGE, "fetch_mode": "cors"}, "agree"),
        ({"fetch_site": "cross-site"}, "agree"),
        ({**IMAGE, "fetch_dest": "document", "fetch_mode": "navigate", "fetch_site": "none"}, "contradict"),
        ({**IMAGE, "fetch_site": "none"}, "contradict"),
        ({**IMAGE, "fetch_dest": "empty"}, "contradict"),
        ({**IMAGE, "way": "beacon"}, "contradict"),
        ({**BEACON, "way": "image"}, "contradict"),
        ({**IMAGE, "fetch_dest": "Image"}, "contradict"),
        ({**BEACON, "fetch_site": "same-origin", "origin": "https://stats.clinic.example"}, "agree"),
        ({**BEACON, "fetch_site": "same-origin", "origin": "https://clinic.example"}, "contradict"),
        (
            {**BEACON, "fetch_site": "same-origin", "origin": "https://clinic.example", "forwarded_for": "192.0.2.9"},
            "agree",
        ),
        ({**BEACON, "fetch_site": "cross-site", "origin": "https://stats.clinic.example"}, "contradict"),
        ({**BEACON, "fetch_site": "cross-site", "origin": "http://stats.clinic.example"}, "agree"),
        ({**IMAGE, "fetch_site": "cross-site", "referer": "http://stats.clinic.example/"}, "agree"),
        ({**IMAGE, "fetch_site": "same-origin", "referer": "https://clinic.example/"}, "contradict"),
        ({**BEACON, "fetch_site": "same-origin", "origin": "null"}, "agree"),
    ],
)
def test_the_browsers_words_on_the_request_are_compared(tables, said, stored):
    assert event(tables, **said).fetch == stored


@pytest.mark.parametrize(
    ("said", "two"),
    [
        ({}, False),
        ({"origin": "https://clinic.example"}, False),
        ({"origin": "https://www.clinic.example"}, False),
        ({"origin": "https://clinic.example:8443"}, False),
        ({"origin": "null", "referer": "https://clinic.example/"}, False),
        ({"origin": "https://elsewhere.example"}, True),
        ({"referer": "https://elsewhere.example/page"}, True),
        ({"origin": "file://"}, False),
    ],
)
def test_a_page_on_another_host_than_the_browser_says_is_marked(tables, said, two):
    assert bool(event(tables, **said).page_flags & PageFlag.TWO_HOSTS) is two


@pytest.mark.parametrize(
    ("release", "stored"),
    [("1.20.3", "1.20.3"), ("", ""), ("a b", ""), ("2026-11-18", "*"), ("v7+build_5", "v7+build_5"), ("x" * 65, "")],
)
def test_the_release_goes_with_every_event(tables, release, stored):
    assert event(tables, release=release).release == stored
    assert run(tables, release=release, ads=("a",)).events[0].release == stored


def test_every_column_of_an_event_gets_a_value(tables):
    """A column that `_event` forgets would always have its default."""
    program = Program()
    strict = replace(
        tables,
        policy="2026-11",
        seal=sealer(public_text(bytes(range(32)))),
        networks=FixedNetworks(signed_agents=known(program)),
    )
    cookie = f"{cookies.ID_COOKIE}=1.{NOW // 86_400_000}.{'A' * 22}; lang=ru"
    address = "http://clinic.example/Kontakty//../ab?utm_source=yandex&yclid=123456789&x=1&mail=ivan@example.com"
    hits = [
        {
            "cookie": cookie,
            "nonce": 7,
            "status": 404,
            "agent": "Mozilla/5.0 test",
            "ads": ("spring",),
            "release": "1.2",
        },
        {"page": address, "mode": "server", "peer": "2001:db8::7", "consent": True, "fetch_site": "cross-site"},
        {"referrer": "https://clinic.example/news/", "gpc": True},
        {"page": "https://clinic.example/appointment?sent=1", "signed": program.sign()},
    ]
    events = [run(strict, **hit).events[0] for hit in hits]
    defaults = EventColumns(event_id=events[0].event_id, site="")
    same = [
        name
        for name in EventColumns.__struct_fields__
        if all(getattr(one, name) == getattr(defaults, name) for one in events)
    ]
    assert same == ["event_id"]


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_event_id_is_a_uuid_7_with_the_milliseconds_and_every_random_bit_that_has_a_place(moment, random):
    made = UUID(uuid7(moment, random))
    drawn = int.from_bytes(random)
    assert (made.version, made.variant, made.int >> 80) == (7, RFC_4122, moment)
    assert made.int & (2**62 - 1) == drawn & (2**62 - 1)
    assert made.int >> 64 & 0xFFF == drawn >> 64 & 0xFFF
    assert str(made) == uuid7(moment, random)
