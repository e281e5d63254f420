"""The content of /privacy, the effect of its buttons, and the attempts of other sites to press them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from starlette.routing import Route

from collector.app import Collector
from collector.endpoints.privacy_words import LANGUAGES, Words, asked_language, preferred_language, public_hosts
from collector.http.body import MAX_BODY
from pipeline.errors import Fatal, Reason
from pipeline.headers import cookies
from pipeline.inventory.columns import inventory
from pipeline.keys.sealed import public_text
from pipeline.keys.tokens import cookie_visitor
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from pipeline.subjects import request_code
from support.edge import CLINIC, Edge

CLAIM_KEY = public_text(bytes(range(32)))

ROOT = Path(__file__).parents[2]
TODAY = int(time.time()) // cookies.DAY_SECONDS
SECRET = "A" * 22
KNOWN = f"{cookies.ID_COOKIE}=1.{TODAY}.{SECRET}"
OPTED_OUT = f"{cookies.OPT_OUT_COOKIE}=1"
EXPLICIT = CLINIC.model_copy(update={"id": "other", "hosts": ("other.example",), "consent": "explicit"})
HERE = {"sec-fetch-site": "same-origin"}


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    text: str

    def all_of(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        (value,) = self.all_of(name)
        return value


class Collecting:
    """A collector without a socket: requests are handed to it as ASGI events."""

    def __init__(self, data: Path, **sections: object) -> None:
        self.settings = Settings(data=data, **{"sites": (CLINIC,), **sections})  # type: ignore[arg-type]
        self.app = Collector(self.settings)

    def ask(
        self,
        path: str = "/privacy",
        headers: dict[str, str] | None = None,
        *,
        method: str = "GET",
        query: str = "",
        body: bytes = b"",
        scheme: str = "https",
    ) -> Answer:
        given = {"host": "stats.example", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "scheme": scheme,
            "client": ("192.0.2.1", 1234),
            "server": ("192.0.2.2", 443),
        }
        sent: list[dict] = []

        async def receive() -> dict:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        start, *rest = sent
        answered = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], answered, b"".join(part["body"] for part in rest).decode())

    def press(self, button: str, headers: dict[str, str] | None = None, **how: object) -> Answer:
        return self.ask(f"/privacy/{button}", HERE if headers is None else headers, method="POST", **how)  # type: ignore[arg-type]

    def counted(self, name: str, reason: str = "") -> int:
        totals = self.app.process.counters.totals()
        return sum(value for key, value in totals.items() if key[0] == name and reason in ("", key[1]))


@pytest.fixture
def collecting(tmp_path: Path) -> Collecting:
    return Collecting(tmp_path / "var")


class Reader(HTMLParser):
    """The words, links and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.raw: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.last = tag

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))
        if data.strip() and self.last in ("script", "style"):
            self.raw.add(self.last)

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def words_of(settings: Settings) -> dict[str, Words]:
    return {language: Words(language, settings) for language in LANGUAGES}


STATES = {
    "fresh": ({}, "fresh", True),
    "known": ({"cookie": KNOWN}, "known", True),
    "opted out": ({"cookie": OPTED_OUT}, "opted_out", True),
    "opted out with an old id": ({"cookie": f"{KNOWN}; {OPTED_OUT}"}, "opted_out", True),
    "GPC": ({"sec-gpc": "1"}, "signal", True),
    "DNT": ({"dnt": "1"}, "signal", True),
    "GPC wins over an id": ({"sec-gpc": "1", "cookie": KNOWN}, "signal", True),
    "DNT that says no": ({"dnt": "0"}, "fresh", True),
    "malformed id": ({"cookie": f"{cookies.ID_COOKIE}=1.{TODAY}.short"}, "fresh", True),
    "id of last year": ({"cookie": f"{cookies.ID_COOKIE}=1.{TODAY - 366}.{SECRET}"}, "fresh", True),
    "id from the future": ({"cookie": f"{cookies.ID_COOKIE}=1.{TODAY + 9}.{SECRET}"}, "fresh", True),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", STATES)
def test_the_page_tells_the_state_of_this_browser(collecting, word, language):
    headers, verdict, _ = STATES[word]
    words = words_of(collecting.settings)[language]
    shown = Reader(collecting.ask(headers=headers, query=f"lang={language}").text).text
    for other in ("fresh", "known", "opted_out", "signal"):
        assert (words.say(other) in shown) is (other == verdict), other
    assert (words.say("opt_in") in shown) is (verdict == "opted_out")
    assert (words.say("opt_out") in shown) is (verdict != "opted_out")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_group_of_the_inventory_is_told_with_the_term_in_force(tmp_path, language):
    collecting = Collecting(
        tmp_path / "var", retention={"keys_days": 3, "rows_days": 21, "quarantine_days": 7, "numbers_months": 13}
    )
    shown = Reader(collecting.ask(query=f"lang={language}").text).text
    kept = inventory().plain_words(collecting.settings.retention, language)
    assert len(kept) > 8
    for group in kept:
        assert f"{group.title} {group.words}" in shown
        assert group.term in shown
    spelled = {"en": ("21 days",), "ru": ("21 день",)}[language]
    assert all(term in shown for term in spelled)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_names_policy_contact_and_operator(tmp_path, language):
    privacy = {
        "policy_version": "2026-03",
        "policy_url": "https://clinic.example/policy",
        "contact": "dpo@clinic.example",
        "operator": "ООО «Клиника & Ко» <b>",
    }
    page = Reader(Collecting(tmp_path / "var", privacy=privacy).ask(query=f"lang={language}").text)
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert {"https://clinic.example/policy", "mailto:dpo@clinic.example"} <= set(links)
    assert "2026-03" in page.text
    assert "ООО «Клиника & Ко» <b>" in page.text


def test_a_contact_that_is_no_mail_address_is_no_link(tmp_path):
    privacy = {"contact": "+7 495 000-00-00"}
    page = Reader(Collecting(tmp_path / "var", privacy=privacy).ask().text)
    assert "+7 495 000-00-00" in page.text
    assert not [value for _, name, value in page.attributes if name == "href" and ":" in value]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("word", "operator", "sites", "name"),
    [
        ("operator", "ООО «Клиника & Ко» <b>\nМосква", (CLINIC,), "ООО «Клиника & Ко» <b>"),
        ("host", "", (CLINIC,), "clinic.example"),
        ("blank operator", " \n", (CLINIC, EXPLICIT), "clinic.example, other.example"),
    ],
)
def test_the_name_of_the_clinic_comes_before_every_other_text(tmp_path, word, operator, sites, name, language):
    answer = Collecting(tmp_path / "var", sites=sites, privacy={"operator": operator}).ask(query=f"lang={language}")
    text = Reader(answer.text.partition("<main>")[2]).text
    assert text.startswith(f"{name} {words_of(Settings())[language].say('title')}"), word


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", STATES)
def test_only_the_verdict_and_the_way_to_the_code_come_before_the_button_and_the_contact_follows_it(
    tmp_path, word, language
):
    collecting = Collecting(tmp_path / "var", privacy={"contact": "dpo@clinic.example; +7 495 000-00-00"})
    page = collecting.ask(headers=STATES[word][0], query=f"lang={language}").text
    before, _, after = page.partition("</form>")
    contact = 'dpo@clinic.example">dpo@clinic.example</a>, +7 495 000-00-00</p>'
    assert contact not in before
    assert contact in " ".join(after.partition("</p>")[0].split()) + "</p>"
    words = words_of(collecting.settings)[language]
    told = Reader(before).text
    for name in ("opted_out_means", "opted_out_lasts", "signal_means", "signal_button", "how_long", "code_none"):
        assert words.say(name) not in told, name


def test_who_has_a_code_is_led_to_it_before_the_button(tmp_path):
    with Edge(tmp_path / "var") as edge:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", edge.served.port, timeout=10)
        for path in ("/p.gif?s=clinic&u=https://clinic.example/", "/privacy?lang=en"):
            connection.request("GET", path, headers={"Cookie": KNOWN})
            page = connection.getresponse().read().decode("latin-1")
        connection.close()
    assert page.index('<a href="#code">') < page.index("</form>") < page.index('id="code"')


def test_a_site_without_a_contact_says_where_to_ask_beside_the_button(collecting):
    words = words_of(collecting.settings)["ru"]
    assert words.say("ask_site") in collecting.ask().text.partition("</form>")[2].partition("</p>")[0]


@pytest.mark.parametrize(
    ("word", "sites", "said", "not_said"),
    [
        ("implied", (CLINIC,), ("consent_implied", "fresh_implied"), ("consent_explicit", "fresh_explicit")),
        ("explicit", (EXPLICIT,), ("consent_explicit", "fresh_explicit"), ("consent_implied", "fresh_implied")),
        ("both", (CLINIC, EXPLICIT), ("consent_implied", "consent_explicit", "fresh_implied"), ("fresh_explicit",)),
    ],
)
def test_the_kind_of_consent_is_told(tmp_path, word, sites, said, not_said):
    collecting = Collecting(tmp_path / "var", sites=sites)
    words = words_of(collecting.settings)["en"]
    shown = Reader(collecting.ask(query="lang=en").text).text
    assert [name for name in said if words.say(name) not in shown] == [], word
    assert [name for name in not_said if words.say(name) in shown] == [], word
    assert ("On other.example:" in shown) is (word == "both")


def test_without_fraud_review_the_page_does_not_name_it_as_a_purpose(tmp_path):
    said = {on: Collecting(tmp_path / str(on), fraud={"enabled": on}).ask(query="lang=en").text for on in (True, False)}
    assert "notice fraud" in said[True]
    assert "notice fraud" not in said[False]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("enabled", "key", "told"), [(True, CLAIM_KEY, True), (True, "", False), (False, CLAIM_KEY, False)]
)
def test_where_click_ids_are_kept_for_claims_the_page_says_to_whom_they_may_go(tmp_path, language, enabled, key, told):
    collecting = Collecting(tmp_path / "var", fraud={"enabled": enabled, "claim_key": key})
    shown = Reader(collecting.ask(query=f"lang={language}").text).text
    words = words_of(collecting.settings)[language]
    assert (words.say("not_sold_but_claims") in shown) is told
    assert (words.say("not_sold") in shown) is not told


@pytest.mark.parametrize("language", LANGUAGES)
def test_over_plain_http_the_page_says_why_there_is_no_button(collecting, language):
    words = words_of(collecting.settings)[language]
    query = f"lang={language}"
    shown = Reader(collecting.ask(query=query, scheme="http").text)
    assert words.say("no_choice") in shown.text
    assert not [tag for tag, *_ in shown.attributes if tag == "form"]
    for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080"):
        assert words.say("no_choice") not in collecting.ask(headers={"host": host}, query=query, scheme="http").text


def test_behind_a_trusted_proxy_the_visitors_own_scheme_counts(tmp_path):
    collecting = Collecting(tmp_path / "var", collector={"trusted_proxies": ["192.0.2.1/32"]})
    assert "<form" in collecting.ask(headers={"x-forwarded-proto": "https"}, scheme="http").text
    assert "<form" not in collecting.ask(scheme="http").text


# --- the texts


def test_both_catalogues_say_the_same_things_with_the_same_facts_and_nothing_is_unused():
    texts = {language: words.texts for language, words in words_of(Settings()).items()}
    assert set(texts["en"]) == set(texts["ru"])
    for name, text in texts["en"].items():
        other = texts["ru"][name]
        assert re.findall(r"\{(\w+)\}", str(text)) == re.findall(r"\{(\w+)\}", str(other)), name
        assert len(other) == len(text) or isinstance(text, str), name
    template = (ROOT / "collector" / "templates" / "privacy.html").read_text()
    built = {"gpc", "gpc_means", "dnt", "dnt_means", "consent_implied", "consent_explicit"}
    used = set(re.findall(r'"(\w+)"', template)) | built | {"language"}
    assert set(texts["en"]) - used == set()


def test_a_text_without_its_fact_is_an_error_and_not_a_gap():
    words = Words("en", Settings())
    with pytest.raises(KeyError):
        words.say("known_means")
    with pytest.raises(KeyError):
        words.say("nothing")


def test_dates_read_as_a_person_says_them():
    words = words_of(Settings())
    assert [words[language].day(date(2026, 11, 2)) for language in ("en", "ru")] == [
        "2 November 2026",
        "2 ноября 2026 г.",
    ]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "ru"),
        ("*", "ru"),
        ("de-DE,de;q=0.9", "ru"),
        ("en-US,en;q=0.9", "en"),
        ("EN", "en"),
        ("ru,en;q=0.9", "ru"),
        ("en;q=0.5, ru;q=0.8", "ru"),
        ("en;q=0.8, ru;q=0.8", "en"),
        ("de, en;q=0.3, ru;q=0.2", "en"),
        ("ru;q=0, en;q=0.1", "en"),
        ("en;q=nan, ru;q=0.1", "ru"),
        ("en;q=9, ru;q=0.1", "ru"),
        ("eng, ruthenian", "ru"),
        ("\xff;;;q=,,,", "ru"),
    ],
)
def test_the_language_is_the_one_the_browser_prefers(accepted, language):
    assert preferred_language(accepted) == language


@pytest.mark.parametrize(
    ("query", "language"),
    [
        (b"lang=en", "en"),
        (b"x=1&lang=ru", "ru"),
        (b"lang=de", None),
        (b"lang=en%0d%0a", None),
        (b"lang", None),
        (b"", None),
    ],
)
def test_a_language_is_asked_for_by_its_exact_name_only(query, language):
    assert asked_language(query) == language


def test_a_page_is_in_the_language_asked_for_then_preferred(collecting):
    assert collecting.ask(headers={"accept-language": "en"}).header("content-language") == "en"
    assert collecting.ask(headers={"accept-language": "en"}, query="lang=ru").header("content-language") == "ru"
    assert '<html lang="ru">' in collecting.ask().text


def test_loopback_names_are_left_out_where_there_are_others():
    assert public_hosts(["clinic.example", "localhost", "clinic.example", "127.0.0.1"]) == ["clinic.example"]
    assert public_hosts(["localhost"]) == ["localhost"]
    assert public_hosts(["www.clinic.example", "clinic.example", "www.b.example"]) == [
        "clinic.example",
        "www.b.example",
    ]
    assert public_hosts(["xn--80apagcdp.xn--p1ai", "xn--\u0444"]) == ["клиника.рф", "xn--\u0444"]


# --- the request code


def test_the_code_proves_the_visitor_that_is_stored(tmp_path):
    with Edge(tmp_path / "var") as edge:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", edge.served.port, timeout=10)
        for path in ("/p.gif?s=clinic&u=https://clinic.example/", "/privacy?lang=en"):
            connection.request("GET", path, headers={"Cookie": KNOWN})
            shown = connection.getresponse().read()
        connection.close()
        (event,) = edge.events()
        keys = edge.app.process.keys
        code = re.search(r'<code id="request-code">([0-9A-Z-]+)</code>', shown.decode())
        assert code is not None
        now = datetime.now(UTC)
        told = request_code.read(code[1], lambda year: keys.visitor_key(date(year, 1, 1), today=now.date()), now=now)
        assert event.visitor in told.visitors.values()
        assert SECRET not in shown.decode()


@pytest.mark.parametrize("word", sorted(set(STATES) - {"known", "GPC wins over an id"}))
def test_no_code_is_shown_without_a_valid_id_or_after_an_opt_out(collecting, word):
    assert "request-code" not in collecting.ask(headers=STATES[word][0]).text


def test_who_sends_a_signal_but_still_has_an_id_gets_the_code_while_it_lasts(collecting):
    assert "request-code" in collecting.ask(headers=STATES["GPC wins over an id"][0]).text


def test_without_a_key_the_page_is_there_and_says_that_the_code_is_not(tmp_path):
    collecting = Collecting(tmp_path / "var", collector={"mint_keys": False})
    answer = collecting.ask(headers={"cookie": KNOWN}, query="lang=en")
    assert answer.status == 200
    assert "cannot be shown at the moment" in answer.text
    assert "request-code" not in answer.text


def test_a_cookie_of_last_year_does_not_bring_a_missing_key_into_being(collecting, monkeypatch):
    monkeypatch.setattr("collector.process.now_ms", lambda: 1_798_900_000_000)  # 2027-01-02
    december = 1_798_000_000 // cookies.DAY_SECONDS
    header = {"cookie": f"{cookies.ID_COOKIE}=1.{december}.{SECRET}"}
    assert "request-code" in collecting.ask(headers=header).text
    assert sorted(file.name for file in collecting.settings.keys_dir.glob("visitor-*")) == ["visitor-2027.key"]
    # Where that key lives, the code tells both years.
    december_day = date(2026, 12, 23)
    old = collecting.app.process.keys.visitor_key(december_day, today=december_day)
    code = re.search(r"request-code\">([0-9A-Z-]+)<", collecting.ask(headers=header).text)
    now = datetime(2027, 1, 2, 12, tzinfo=UTC)
    keys = collecting.app.process.keys
    told = request_code.read(code[1], lambda year: keys.visitor_key(date(year, 1, 1), today=now.date()), now=now)
    assert told.visitors[2026] == cookie_visitor(old, SECRET)


# --- the buttons


def test_opting_out_keeps_a_word_without_an_identifier_and_removes_the_id(collecting):
    answer = collecting.press("opt-out", HERE | {"cookie": KNOWN}, query="lang=en")
    assert (answer.status, answer.header("location"), answer.text) == (303, "../privacy?lang=en", "")
    kept, removed = answer.all_of("set-cookie")
    assert kept == f"{OPTED_OUT}; Max-Age=31536000; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert removed == f"{cookies.ID_COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"


def test_opting_in_removes_the_word_and_sets_nothing(collecting):
    answer = collecting.press("opt-in", HERE | {"cookie": OPTED_OUT})
    assert (answer.status, answer.header("location")) == (303, "../privacy")
    assert (
        answer.header("set-cookie") == f"{cookies.OPT_OUT_COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"
    )


def test_after_an_opt_out_nothing_ties_a_visit_to_the_browser(tmp_path):
    with Edge(tmp_path / "var") as edge:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", edge.served.port, timeout=10)
        connection.request("POST", "/privacy/opt-out", headers=HERE | {"Cookie": KNOWN})
        answer = connection.getresponse()
        answer.read()
        word = answer.headers.get_all("Set-Cookie")[0].partition(";")[0]
        connection.request("GET", "/p.gif?s=clinic&u=https://clinic.example/", headers={"Cookie": f"{KNOWN}; {word}"})
        connection.getresponse().read()
        connection.close()
        (event,) = edge.events()
    assert (event.cookie_state, event.visitor, event.visitor_kind, event.ua_token, event.asn) == (
        "signal",
        0,
        "none",
        0,
        0,
    )
    assert (event.ip_token, event.net_token) == ("::", "::")


@pytest.mark.parametrize(
    ("word", "headers", "accepted"),
    [
        ("this page", {"sec-fetch-site": "same-origin"}, True),
        ("the person, by reloading", {"sec-fetch-site": "none"}, True),
        ("another site", {"sec-fetch-site": "cross-site"}, False),
        ("another host of the site", {"sec-fetch-site": "same-site"}, False),
        ("an unknown word", {"sec-fetch-site": "SAME-ORIGIN"}, False),
        (
            "another site that names our origin",
            {"sec-fetch-site": "cross-site", "origin": "https://stats.example"},
            False,
        ),
        ("an older browser", {"origin": "null"}, True),
        ("an older browser that names us", {"origin": "https://stats.example"}, True),
        ("us behind another port", {"origin": "https://stats.example:8443"}, True),
        ("an older browser elsewhere", {"origin": "https://evil.example"}, False),
        ("a host that begins like ours", {"origin": "https://stats.example.evil.example"}, False),
        ("an origin without a scheme", {"origin": "stats.example"}, False),
        ("IPv6", {"origin": "https://[::1]:8080", "host": "[::1]:8080"}, True),
        ("another IPv6", {"origin": "https://[::2]:8080", "host": "[::1]:8080"}, False),
        ("no browser", {}, True),
    ],
)
@pytest.mark.parametrize("button", ["opt-out", "opt-in"])
def test_a_button_counts_only_where_it_stands(collecting, button, word, headers, accepted):
    answer = collecting.press(button, {"cookie": OPTED_OUT, **headers})
    assert answer.status == (303 if accepted else 403), word
    assert bool(answer.all_of("set-cookie")) is accepted, word
    assert collecting.counted("refused", Reason.FOREIGN_ORIGIN) == (0 if accepted else 1), word


def test_nobody_is_opted_in_without_the_cookie_that_another_sites_form_cannot_send(collecting):
    answer = collecting.press("opt-in", {"origin": "null"})
    assert (answer.status, answer.all_of("set-cookie")) == (303, [])


def test_looking_sets_no_cookie_whatever_the_state(collecting):
    for headers, _, _ in STATES.values():
        for path in ("/privacy", "/.well-known/gpc.json", "/privacy.css", "/privacy.js"):
            assert collecting.ask(path, headers).all_of("set-cookie") == []


# --- bounds


@pytest.mark.parametrize(
    ("word", "request_", "reason", "status"),
    [
        ("posting to the page", {"method": "POST"}, Reason.BAD_METHOD, 405),
        ("deleting the page", {"method": "DELETE"}, Reason.BAD_METHOD, 405),
        ("getting a button", {"path": "/privacy/opt-out"}, Reason.BAD_METHOD, 405),
        ("getting the other button", {"path": "/privacy/opt-in"}, Reason.BAD_METHOD, 405),
        ("endless query", {"query": "a" * 9000}, Reason.TOO_LARGE, 413),
        ("many headers", {"headers": {f"x-{n}": "1" for n in range(70)}}, Reason.TOO_MANY_HEADERS, 431),
        ("large headers", {"headers": {"cookie": "a" * 17_000}}, Reason.TOO_MANY_HEADERS, 431),
        (
            "large body",
            {"path": "/privacy/opt-out", "method": "POST", "headers": HERE, "body": b"a" * (MAX_BODY + 1)},
            Reason.TOO_LARGE,
            413,
        ),
    ],
)
def test_a_refusal_is_told_counted_and_changes_nothing(collecting, word, request_, reason, status):
    answer = collecting.ask(**{"path": "/privacy", **request_})
    assert answer.status == status, word
    assert answer.all_of("set-cookie") == []
    assert answer.header("content-type").startswith("text/plain")
    assert answer.all_of("allow") == (
        [] if status != 405 else ["POST" if "opt" in request_.get("path", "") else "GET, HEAD"]
    )
    assert collecting.counted("refused", reason) == collecting.counted("refused") == collecting.counted("offered") == 1


def test_a_page_that_is_looked_at_is_no_hit(collecting):
    collecting.ask()
    collecting.press("opt-out")
    assert collecting.counted("offered") == collecting.counted("refused") == 0


def test_an_unforeseen_error_is_counted_and_never_a_500(collecting, monkeypatch):
    def broken(*_: object) -> str:
        raise Fatal("a text that nobody should read")

    monkeypatch.setattr("pipeline.subjects.request_code.make", broken)
    answer = collecting.ask(headers={"cookie": KNOWN})
    assert (answer.status, "nobody should" in answer.text) == (503, False)
    assert collecting.counted("refused", Reason.INTERNAL) == 1


def test_nothing_that_was_sent_comes_back_or_into_the_log(collecting, caplog):
    canary = "canary'\"<x>79161234567"
    headers = {
        "host": f"{canary}.example",
        "accept-language": f"{canary},en",
        "cookie": f"{cookies.ID_COOKIE}={canary}; {cookies.OPT_OUT_COOKIE}={canary}; {canary}=1",
        "user-agent": canary,
        "referer": f"https://{canary}/",
        "origin": f"https://{canary}",
        "x-forwarded-for": canary,
        "x-forwarded-proto": canary,
        "sec-gpc": canary,
        "dnt": canary,
    }
    caplog.set_level(0)
    for path, method in (
        ("/privacy", "GET"),
        ("/privacy/", "GET"),
        ("/privacy/opt-out", "POST"),
        ("/privacy/opt-in", "POST"),
        ("/privacy/opt-in", "GET"),
        ("/.well-known/gpc.json", "GET"),
    ):
        answer = collecting.ask(path, headers, method=method, query=f"lang={canary}&{canary}", body=canary.encode())
        assert "79161234567" not in repr(answer), path
    assert "79161234567" not in caplog.text


def test_a_browser_is_told_to_keep_nothing_load_nothing_foreign_and_tell_nobody(collecting):
    for answer in (collecting.ask(), collecting.press("opt-out"), collecting.ask(method="PUT")):
        policy = dict(part.strip().split(" ", 1) for part in answer.header("content-security-policy").split(";"))
        assert policy == {
            "default-src": "'none'",
            "style-src": "'self'",
            "script-src": "'self'",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answer.header("cache-control") == "no-store"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cross-origin-resource-policy") == "same-origin"


@pytest.mark.parametrize("word", STATES)
def test_the_page_holds_no_inline_code_and_loads_nothing_from_elsewhere(collecting, word):
    page = Reader(collecting.ask(headers=STATES[word][0]).text)
    assert page.raw == set()
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]
    loaded = {value for tag, name, value in page.attributes if name in ("src", "href", "action") and tag != "a"}
    assert loaded <= {"privacy.css", "privacy.js", "privacy/opt-out?lang=ru", "privacy/opt-in?lang=ru"}
    assert {"privacy.css", "privacy.js"} < loaded
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value for _, name, value in page.attributes if name in ("aria-labelledby", "data-copy")} <= set(ids)


# --- Global Privacy Control, files, the web server in front


def test_gpc_support_is_told_where_the_specification_looks_for_it(collecting):
    answer = collecting.ask("/.well-known/gpc.json")
    assert answer.header("content-type") == "application/json"
    told = json.loads(answer.text)
    assert set(told) == {"gpc", "lastUpdate"}
    assert told["gpc"] is True
    assert date.fromisoformat(told["lastUpdate"]).isoformat() == told["lastUpdate"]


@pytest.mark.parametrize(("name", "kind"), [("privacy.css", "text/css"), ("privacy.js", "text/javascript")])
def test_the_files_of_the_page_are_served_by_their_kind(collecting, name, kind):
    answer = collecting.ask(f"/{name}")
    assert (answer.status, answer.header("content-type")) == (200, f"{kind}; charset=utf-8")
    assert "://" not in answer.text


def _public(app: Collector) -> Iterable[str]:
    yield from ("/p.gif", "/e")
    for route in app._router.routes:
        assert isinstance(route, Route)
        if not route.path.startswith(("/health", "/metrics")):
            yield route.path


def test_a_visitor_who_types_the_name_of_the_host_is_led_to_the_page(collecting):
    answer = collecting.ask(path="/", headers={"host": "evil.example"})
    assert (answer.status, answer.header("location")) == (303, "privacy")


def test_the_web_server_passes_every_public_route_and_no_other(collecting):
    conf = (ROOT / "deploy" / "nginx" / "clinic-pixel.conf").read_text()
    (passed,) = re.findall(r"location ~ (\S+) \{", conf)
    public = list(_public(collecting.app))
    assert len(public) >= 10
    assert [path for path in public if not re.search(passed, path)] == []
    for path in (
        "/health/live",
        "/health/ready",
        "/metrics",
        "/privacy/",
        "/privacy/opt-outs",
        "/p.gif/x",
        "/xp.js",
        "//",
    ):
        assert not re.search(passed, path), path


def test_head_answers_like_get_without_a_body(tmp_path):
    with Edge(tmp_path / "var", sites=(Site(id="clinic", hosts=("localhost",)),)) as edge:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", edge.served.port, timeout=10)
        connection.request("HEAD", "/privacy")
        answer = connection.getresponse()
        assert (answer.status, answer.read(), int(answer.headers["Content-Length"]) > 5000) == (200, b"", True)
        connection.close()
