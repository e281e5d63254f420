"""The stored parts of a page and of the page before it: one word, one address, the result."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from urllib.parse import quote

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.event import PageFlag, Scrubbed
from pipeline.pages import page
from pipeline.pages.page import PageFacts, ReferrerFacts, SitePages, group_path, read_page, read_referrer
from pipeline.scrub.redact import LONGEST
from pipeline.scrub.urls import split_url
from pipeline.settings.site import AllowedValue, PageRole, Site

CLINIC = SitePages.of(
    Site(
        id="clinic",
        hosts=(
            "clinic.example",
            "www.clinic.example",
            "www.filial.example",
            "клиника.example",
            "groß.example",
            "127.0.0.1",
        ),
        ad_hosts=("ads.example",),
        templates=("/booking/*/done", "/Врачи/*"),
        sensitive={"services/sensitive": ("/services/oncology", "/services/*/hiv"), "psy": ("/психиатрия/*",)},
        query=(
            AllowedValue(name="tab", values=("price", "123456", "new patient")),
            AllowedValue(name="utm_medium", values=("cpc",)),
        ),
    )
)


@pytest.mark.parametrize(
    ("word", "raw", "host", "path", "scheme"),
    [
        ("plain", "https://clinic.example/doctors", "clinic.example", "/doctors", "https"),
        ("no path", "http://clinic.example", "clinic.example", "/", "http"),
        ("query without path", "https://clinic.example?a=1", "clinic.example", "/", "https"),
        ("www and the bare name are one", "https://www.clinic.example/a", "clinic.example", "/a", "https"),
        ("only www is known", "https://filial.example/a", "www.filial.example", "/a", "https"),
        ("capitals", "HTTPS://Clinic.Example/a", "clinic.example", "/a", "https"),
        ("port and final dot", "https://clinic.example.:8443/a", "clinic.example", "/a", "https"),
        ("Cyrillic host", "https://клиника.example/a", "xn--80apagcdp.example", "/a", "https"),
        ("sharp s, which IDNA 2003 made ss", "https://straße.example/a", "xn--strae-oqa.example", "", "https"),
        ("ss where the site has sharp s", "https://gross.example/a", "gross.example", "", "https"),
        ("the site's own sharp s", "https://GROß.example/a", "xn--gro-7ka.example", "/a", "https"),
        ("final sigma", "https://ς.example/a", "xn--3xa.example", "", "https"),
        ("joiner that a browser refuses", "https://cli\u200dnic.example/a", "", "", "https"),
        ("Punycode host", "https://xn--80apagcdp.example/a", "xn--80apagcdp.example", "/a", "https"),
        ("escaped host", "https://%63linic.example/a", "clinic.example", "/a", "https"),
        ("full-width host", "https://ｃlinic.example/a", "clinic.example", "/a", "https"),
        ("own address", "http://127.0.0.1:8080/a", "127.0.0.1", "/a", "http"),
        ("ad host", "https://ads.example/block", "ads.example", "/block", "https"),
        ("foreign", "https://other.example/private", "other.example", "", "https"),
        (
            "foreign with the name inside",
            "https://clinic.example.evil.example/a",
            "clinic.example.evil.example",
            "",
            "https",
        ),
        ("userinfo that looks like a host", "https://clinic.example@evil.example/a", "evil.example", "", "https"),
        ("two at signs", "https://a@clinic.example@evil.example/a", "evil.example", "", "https"),
        ("backslash before the at sign", "https://evil.example\\@clinic.example/a", "evil.example", "", "https"),
        ("backslashes for slashes", "https:\\\\clinic.example\\a", "clinic.example", "/a", "https"),
        ("one slash", "https:/clinic.example/a", "clinic.example", "/a", "https"),
        ("tabs and line breaks", " https://clin\tic.exam\nple/a\r\n", "clinic.example", "/a", "https"),
        ("address of a visitor", "http://203.0.113.9/a", "", "", "http"),
        ("the same as one number", "http://3405803785/a", "", "", "http"),
        ("the same in hexadecimal", "http://0xcb.0.0x7109/a", "", "", "http"),
        ("IPv6", "http://[2001:db8::1]:80/a", "", "", "http"),
        ("other scheme", "capacitor://clinic.example/a", "clinic.example", "", "other"),
        ("app as referrer", "android-app://com.google.android.gm/", "com.google.android.gm", "", "other"),
        ("file", "file:///C:/Users/Ivan/page.html", "", "", "other"),
        ("data", "data:text/html,Ivan", "", "", "other"),
        ("script", "javascript:alert(1)", "", "", "other"),
        ("relative", "/doctors", "", "", "other"),
        ("without scheme", "clinic.example/doctors", "", "", "other"),
        ("empty", "", "", "", "other"),
        ("blank", " \t\n", "", "", "other"),
        ("no host", "https:///", "", "", "https"),
        ("host is no name", "https://cli nic.example/a", "", "", "https"),
        ("endless host", "https://" + "a." * 200 + "example/", "", "", "https"),
        ("label that encodes to nothing", "https://\u00ad/a", "", "", "https"),
    ],
)
def test_host_path_and_scheme(word: str, raw: str, host: str, path: str, scheme: str) -> None:
    facts = read_page(raw, CLINIC)
    assert (facts.host, facts.path, facts.scheme) == (host, path, scheme), word
    assert not facts.scrubbed & Scrubbed.FAILED


@pytest.mark.parametrize(
    ("word", "raw", "flags"),
    [
        ("clean", "https://clinic.example/doctors", PageFlag(0)),
        ("root", "https://clinic.example/", PageFlag(0)),
        ("browser's escapes", "https://clinic.example/%D0%B2%D1%80%D0%B0%D1%87?q=%27a%27", PageFlag(0)),
        ("capitals", "https://clinic.example/Doctors", PageFlag.UPPER_CASE),
        ("escaped capitals", "https://clinic.example/%D0%92%D1%80%D0%B0%D1%87", PageFlag.UPPER_CASE),
        ("slashes", "https://clinic.example//a/", PageFlag.DOUBLE_SLASH | PageFlag.TRAILING_SLASH),
        ("needless escape", "https://clinic.example/%64octors", PageFlag.ENCODED),
        ("twice escaped", "https://clinic.example/%25D0%25B2", PageFlag.ENCODED),
        ("space before a name", "https://clinic.example/tags/%20barcamp", PageFlag.ENCODED),
        ("space behind a name", "https://clinic.example/tags%20/barcamp", PageFlag.ENCODED),
        ("space inside a name", "https://clinic.example/price%20list", PageFlag(0)),
        ("www", "https://www.clinic.example/a", PageFlag.WWW),
        ("index file", "https://clinic.example/a/index.php", PageFlag.INDEX_FILE),
        ("windows-1251", "https://clinic.example/%E2%F0%E0%F7", PageFlag.INVALID_TEXT),
        ("unreadable", "https://clinic.example/%c0%af", PageFlag.INVALID_TEXT),
        ("foreign", "https://other.example/A", PageFlag.FOREIGN_HOST),
        ("cut", "https://clinic.example/" + "a" * LONGEST, PageFlag.CUT),
        ("way out", "https://clinic.example/a/..%2f..%2fb", PageFlag.ATTACK),
        ("hidden file", "https://clinic.example/.env", PageFlag.ATTACK),
        ("repository", "https://clinic.example/.git/config", PageFlag.ATTACK),
        ("log-in of another system", "https://clinic.example/wp-login.php", PageFlag.ATTACK),
        ("database", "https://clinic.example/a?id=1+UNION+ALL+SELECT+1", PageFlag.ATTACK),
        ("database, escaped twice", "https://clinic.example/a?id=1%2520union%2520select%25201", PageFlag.ATTACK),
        ("script", "https://clinic.example/a?q=%3CScript%3Ealert(1)", PageFlag.ATTACK),
        ("look-up", "https://clinic.example/a?q=${jndi:ldap://x}", PageFlag.ATTACK),
        ("end of text", "https://clinic.example/a?q=a%00", PageFlag.ATTACK),
        ("words that only sound so", "https://clinic.example/soyuz-union-selection?q=sleep+better", PageFlag(0)),
    ],
)
def test_the_spelling_is_kept_as_flags(word: str, raw: str, flags: PageFlag) -> None:
    assert PageFlag(read_page(raw, CLINIC).flags) == flags, word


@pytest.mark.parametrize(
    ("word", "query", "kept", "dropped"),
    [
        ("utm", "utm_source=ya&utm_medium=cpc&utm_term=a-b_c.d", {"utm_source": "ya", "utm_medium": "cpc", "utm_term": "a-b_c.d"}, 0),
        ("not on the list", "q=ivanov&utm_source=ya", {"utm_source": "ya"}, 1),
        ("outside the enumeration", "utm_medium=mail", {}, 1),
        ("configured", "tab=price", {"tab": "price"}, 0),
        ("enumerated though it is a number", "tab=123456", {"tab": "123456"}, 0),
        ("enumerated with a space", "tab=new+patient", {"tab": "new patient"}, 0),
        ("not enumerated", "tab=other", {}, 1),
        ("plus is a space", "utm_term=a+b", {}, 1),
        ("phone behind a plus", "utm_term=+79123456789", {}, 1),
        ("digits", "utm_campaign=81234567", {}, 1),
        ("name", "utm_content=ivanov-ivan", {}, 1),
        ("too long", "utm_content=" + "a-" * 33, {}, 1),
        ("the first one counts", "utm_source=a&utm_source=b", {"utm_source": "a"}, 1),
        ("escaped name", "utm%5Fsource=a", {"utm_source": "a"}, 0),
        ("empty value", "utm_source=", {}, 1),
        ("empty parameters", "&&utm_source=a&&", {"utm_source": "a"}, 0),
        ("very many", "&".join("a=1" for _ in range(400)), {}, 255),
    ],
)  # fmt: skip
def test_a_query_keeps_what_is_listed_and_counts_the_rest(
    word: str, query: str, kept: dict[str, str], dropped: int
) -> None:
    facts = read_page(f"https://clinic.example/a?{query}", CLINIC)
    assert (facts.campaign, facts.dropped_params) == (kept, dropped), word
    assert (facts.paid, facts.click_id) == (False, "")


@pytest.mark.parametrize(
    ("listed", "sent"),
    [
        ("весна акция", "%D0%B2%D0%B5%D1%81%D0%BD%D0%B0+%D0%B0%D0%BA%D1%86%D0%B8%D1%8F"),
        ("зуб+мск", "%D0%B7%D1%83%D0%B1+%D0%BC%D1%81%D0%BA"),
        ("зуб+мск", "%D0%B7%D1%83%D0%B1%2B%D0%BC%D1%81%D0%BA"),
        ("акция №1", "акция%20№1"),
        ("½ цены", "%C2%BD%20цены"),
        ("Йога", "%D0%98%CC%86ога"),
        ("Йога", "Йога"),
        ("cid|123|search", "cid%7C123%7Csearch"),
        ("71234567", "71234567"),
    ],
)
def test_a_listed_value_is_kept_as_it_is_listed_in_each_spelling_of_a_query(listed: str, sent: str) -> None:
    site = Site(id="c", hosts=("clinic.example",), query=(AllowedValue(name="utm_campaign", values=(listed,)),))
    read = read_page(f"https://clinic.example/?utm_campaign={sent}", SitePages.of(site))
    assert read.campaign == {"utm_campaign": listed}


def test_a_value_listed_exactly_so_comes_before_one_that_only_reads_alike() -> None:
    query = (AllowedValue(name="utm_campaign", values=("a+b", "a b")),)
    pages = SitePages.of(Site(id="c", hosts=("clinic.example",), query=query))
    assert read_page("https://clinic.example/?utm_campaign=a+b", pages).campaign == {"utm_campaign": "a b"}


def test_a_refused_value_of_a_listed_parameter_is_marked() -> None:
    assert read_page("https://clinic.example/?utm_term=+79123456789", CLINIC).scrubbed == Scrubbed.CAMPAIGN


@pytest.mark.parametrize("name", ["yclid", "gclid", "fbclid", "ScCid", "YCLID"])
def test_a_click_id_makes_a_visit_paid_and_stays_raw_only_in_memory(name: str) -> None:
    facts = read_page(f"https://clinic.example/?{name}=Abc%2D1&gclid=second", CLINIC)
    assert (facts.paid, facts.click_id, facts.campaign) == (True, "Abc-1", {})


def test_a_click_id_behind_a_second_question_mark_is_found_as_by_the_script() -> None:
    read = read_page("https://clinic.example/?utm_source=ya?yclid=12", CLINIC)
    assert (read.campaign, read.click_kind, read.click_id) == ({"utm_source": "ya"}, "yclid", "12")


def test_a_role_of_pages_with_a_click_id_leaves_the_visit_paid() -> None:
    roles = (PageRole(role="landing", parameter="yclid"),)
    read = read_page(
        "https://clinic.example/?yclid=12", SitePages.of(Site(id="c", hosts=("clinic.example",), roles=roles))
    )
    assert (read.role, read.paid, read.click_kind, read.click_id) == ("landing", True, "yclid", "12")


def test_an_empty_click_id_is_none() -> None:
    facts = read_page("https://clinic.example/?yclid=&q", CLINIC)
    assert (facts.paid, facts.click_id, facts.dropped_params) == (False, "", 2)


def test_an_endless_click_id_is_bounded() -> None:
    assert len(read_page("https://clinic.example/?yclid=" + "a" * 1500, CLINIC).click_id) == 512


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/booking/anna-nikitina/done", "/booking/*/done"),
        ("/Booking/7/done/", "/booking/*/done"),
        ("/booking/7/8/done", "/booking/7/8/done"),
        ("/booking/done", "/booking/done"),
        ("/врачи/ким-анна", "/врачи/*"),
        ("/%D0%B2%D1%80%D0%B0%D1%87%D0%B8/x", "/врачи/*"),
        ("/врачи", "/врачи"),
    ],
)
def test_a_template_stands_for_the_pages_that_fit(path: str, stored: str) -> None:
    facts = read_page("https://clinic.example" + path, CLINIC)
    assert facts.path == stored
    assert bool(facts.scrubbed & Scrubbed.TEMPLATE) == (stored.endswith("*") or "*" in stored)


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/services/oncology", "/services/~sensitive"),
        ("/services/oncology/", "/services/~sensitive"),
        ("/services/oncology/stage-3/ivanov-ivan", "/services/~sensitive"),
        ("/Services//Oncology", "/services/~sensitive"),
        ("/services/x/../oncology", "/services/~sensitive"),
        ("/services/%6Fncology", "/services/~sensitive"),
        ("/services/oncology;v=1/a", "/services/~sensitive"),
        ("/services/oncology/index.php", "/services/~sensitive"),
        ("/services/oncology.html", "/services/~sensitive"),
        ("/services/oncology%20", "/services/~sensitive"),
        ("/services/ oncology /stage-3", "/services/~sensitive"),
        ("/services/women/hiv/test", "/services/~sensitive"),
        ("/services/~sensitive", "/services/~sensitive"),
        ("/%EF%F1%E8%F5%E8%E0%F2%F0%E8%FF/a", "/~psy"),
        ("/психиатрия", "/~psy"),
        ("/services/oncology-free", None),
        ("/services/hiv", None),
    ],
)
def test_a_sensitive_page_is_stored_as_its_group_alone(path: str, stored: str | None) -> None:
    raw = f"https://clinic.example{path}?utm_term=oncology&yclid=1"
    facts, referrer = read_page(raw, CLINIC), read_referrer(raw, CLINIC)
    if stored is None:
        assert not facts.sensitive
        assert not referrer.sensitive
        assert referrer.path == facts.path
        return
    assert (facts.path, facts.sensitive) == (stored, True)
    assert (facts.campaign, facts.click_id, facts.paid) == ({}, "", True)
    assert referrer == ReferrerFacts("clinic.example", "", Scrubbed.SENSITIVE, True)


def test_a_group_may_stand_under_a_section() -> None:
    assert group_path("hiv") == "/~hiv"
    assert group_path("services/sensitive") == "/services/~sensitive"


@pytest.mark.parametrize(
    ("word", "raw", "facts"),
    [
        ("own", "https://www.clinic.example/Doctors/?q=1#a", ("clinic.example", "/doctors", Scrubbed.FRAGMENT)),
        ("own, with a name", "https://clinic.example/p/Анна Никитина", ("clinic.example", "/p/*", Scrubbed.NAME)),
        ("ad host is foreign here", "https://ads.example/block", ("ads.example", "", 0)),
        ("search engine", "https://yandex.ru/search/?text=ivanov", ("yandex.ru", "", 0)),
        ("host with a name", "https://anna-nikitina.example/x", ("*.example", "", Scrubbed.NAME)),
        ("address", "http://192.168.1.77/x", ("", "", Scrubbed.ADDRESS)),
        ("userinfo", "https://ivan:secret@other.example/x", ("other.example", "", Scrubbed.USERINFO)),
        ("nothing", "", ("", "", 0)),
    ],
)
def test_a_referrer_keeps_its_path_only_on_the_own_site(word: str, raw: str, facts: tuple[str, str, int]) -> None:
    assert read_referrer(raw, CLINIC) == ReferrerFacts(*facts, False), word


def test_what_is_torn_at_the_cut_is_not_kept() -> None:
    path = "https://clinic.example/a/" + "b-" * LONGEST
    assert read_page(path[: LONGEST - 5] + "79161234567", CLINIC).path == "/a/*"
    query = "https://clinic.example/a?x=" + "b" * LONGEST
    assert read_page(query[: LONGEST - 15] + "&utm_term=79161234567", CLINIC).campaign == {}


@pytest.mark.parametrize("read", [read_page, read_referrer])
def test_a_fault_inside_tells_nothing_of_the_address(
    read: Callable[[str, SitePages], PageFacts | ReferrerFacts],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fails(raw: str) -> None:
        raise KeyError(raw)

    monkeypatch.setattr(page, "split_url", fails)
    facts = read("https://clinic.example/secret-79161234567", CLINIC)
    assert facts.path == "/*"
    assert facts.scrubbed == Scrubbed.FAILED
    assert "secret" not in repr(facts) + "".join(capfd.readouterr()) + traceback.format_exc()


SIGNS = r"http https : // / \ @ # ? & = . .. 80 %40 %2e % ;a ~ * utm_source=a yclid=1"
HOSTS = "clinic.example CLINIC.example evil.example www. [::1] xn-- 127.0.0.1 0x7f.1 1.2.3 ~psy ivanov-ivan 79161234567"
LETTERS = ["ｃ", "。", "ß", "é", "и", "\t", "\n", " ", "\ud800", "\x00", "\u00ad"]
ADDRESSES = st.text(max_size=30) | st.lists(
    st.sampled_from([*SIGNS.split(), *HOSTS.split(), *LETTERS]), max_size=10
).map("".join)


@given(ADDRESSES)
def test_no_address_makes_reading_fail(raw: str) -> None:
    for text in (raw, "https://clinic.example/" + raw):
        facts, referrer = read_page(text, CLINIC), read_referrer(text, CLINIC)
        assert not (facts.scrubbed | referrer.scrubbed) & Scrubbed.FAILED
        assert "".join((facts.host, facts.path, referrer.host, referrer.path)).isprintable()


@given(ADDRESSES)
def test_reading_what_was_stored_changes_nothing(raw: str) -> None:
    once = read_page("https://clinic.example/" + raw, CLINIC)
    again = read_page(f"https://{once.host}{quote(once.path, safe='/~*')}", CLINIC)
    assert (again.host, again.path, again.sensitive) == (once.host, once.path, once.sensitive)


@given(ADDRESSES)
def test_a_browser_would_have_gone_to_the_same_host(raw: str) -> None:
    raw = "https://" + raw.encode("utf-8", "ignore").decode()
    ours = split_url(raw)
    try:
        theirs = ada_url.URL(raw).hostname
    except ValueError:
        # What a browser refuses to open is no page of the site.
        assert not CLINIC.own.get(ours.host) or ":" in raw.partition("//")[2]
        return
    if ours.host and not ours.numeric:
        assert ours.host == theirs.removesuffix(".")


# Inputs of the URL tests of the Web Platform Tests (url/resources/urltestdata.json, BSD-3-Clause): the first ones of the
# file that are absolute or odd. What a browser makes of them is asked of Ada, which passes the whole file.
WPT_INPUTS = (
    *("http://example\t.\norg", "http://user:pass@foo:21/bar;par?b#c", "https://test:@test", "https://:@test"),
    *("non-special://test:@test/x", "non-special://:@test/x", "http:foo.com", "\t   :foo.com   \n", " foo.com  "),
    *("a:\t foo.com", "http://f:21/ b ? d # e ", "lolscheme:x x#x x", "http://f:/c", "http://f:0/c"),
    *(
        "http://f:00000000000000/c",
        "http://f:00000000000000000000080/c",
        "http://f:b/c",
        "http://f: /c",
        "http://f:\n/c",
    ),
    *("http://f:fifty-two/c", "http://f:999999/c", "non-special://f:999999/c", "http://f: 21 / b ? d # e ", "", "  \t"),
    *(":foo.com/", ":foo.com\\", ":", ":a", ":/", ":\\", ":#", "#", "#/", "#\\", "#;?", "?", "/", ":23", "/:23", "\\x"),
    *("\\\\x\\hello", "::", "::23", "foo://", "http://a:b@c:29/d", "http::@c:29", "http://&a:foo(b]c@d:2/"),
    *("http://::@c@d:2", "http://foo.com:b@d/", "http://foo.com/\\@"),
)
# Their hosts are the site's own here, because of a foreign page no path is kept.
WPT_SITE = SitePages.of(Site(id="wpt", hosts=("example.org", "foo", "foo.com", "test", "f", "c", "d", "x")))


@pytest.mark.parametrize("raw", WPT_INPUTS)
@pytest.mark.parametrize("tail", ["", "/79123456789/ivan@mail.example"])
def test_no_odd_address_of_the_web_platform_tests_goes_astray(raw: str, tail: str) -> None:
    page, referrer = read_page(raw + tail, WPT_SITE), read_referrer(raw + tail, WPT_SITE)
    for stored in (page, referrer):
        assert "79123456789" not in stored.host + stored.path
        assert "@" not in stored.host + stored.path
    try:
        theirs = ada_url.URL(raw).hostname
    except ValueError:
        return
    assert page.host in ("", theirs)


def test_the_addresses_of_the_web_platform_tests_reach_the_site() -> None:
    assert sum(bool(read_page(raw, WPT_SITE).path) for raw in WPT_INPUTS) >= 15
