"""Scrubbing is total, settles at once, costs no more than the length of what it reads, and finds what it should."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.event import Scrubbed
from pipeline.scrub.decode import UNREADABLE, plain
from pipeline.scrub.identifiers import find
from pipeline.scrub.paths import plain_path, scrub_path
from pipeline.scrub.person_names import fold
from pipeline.scrub.redact import LONGEST, scrub_ad, scrub_host, scrub_text

SIGNS = r"/ \ // .. . ; ? # & = % %2 %25 %2525 %2F %5c %3B %3f %00 %41 %c0%af %D0%98 %C8%E2 %u0041 * ~ /~ - _ + : :: @ ＠ ％ ％40"
WORDS = "1 12 １２ 2024 /2024/11 123456 index.php INDEX.HTML Ivan ivanov Петрова Мария Сергеевна ович É é ÃÂ Ðò İ ﬁ \ufffd xn--"
LETTERS = [" ", "и\u0301", "\u200b", "\u0301"]
TOKENS = "3f2504e0-4f89-41d3-9a0c-0305e82c3301 eyJhbGciOiJIUzI1NiJ9 QWxhZGRpbjpvcGVu 203.0.113.7 2001:db8::1"
PIECES = [*SIGNS.split(), *WORDS.split(), *LETTERS, *TOKENS.split()]
ADDRESSES = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map("".join)


@given(ADDRESSES)
def test_scrubbing_a_scrubbed_path_changes_nothing(raw: str) -> None:
    once = scrub_path(raw)
    again = scrub_path(once.text)
    assert again.text == once.text
    assert not again.scrubbed


@given(ADDRESSES)
def test_a_scrubbed_path_is_a_plain_printable_path(raw: str) -> None:
    path = scrub_path(raw).text
    assert path.startswith("/")
    assert path.isprintable()
    assert path.encode("utf-8")
    assert not set(path) & set("?#;\\\ufffd")
    assert plain_path(path).lower() == path
    assert path == "/" or "" not in path[1:].split("/")


@given(ADDRESSES, st.integers(0, 64))
def test_scrubbing_a_scrubbed_text_changes_nothing(raw: str, limit: int) -> None:
    once = scrub_text(raw, limit)
    assert len(once.text) <= limit
    assert scrub_text(once.text, limit) == (once.text, 0)


@given(ADDRESSES)
def test_scrubbing_a_scrubbed_host_changes_nothing(raw: str) -> None:
    once = scrub_host(raw)
    assert scrub_host(once.text) == (once.text, 0)


@given(ADDRESSES)
def test_plain_text_is_plain_already(raw: str) -> None:
    assert plain(plain(raw)) == plain(raw)


@given(st.text())
def test_no_text_makes_scrubbing_fail(raw: str) -> None:
    assert not scrub_path(raw).scrubbed & Scrubbed.FAILED
    assert not scrub_text(raw, 256).scrubbed & Scrubbed.FAILED


@pytest.mark.parametrize(
    ("word", "raw", "meant"),
    [
        ("nothing to do", "/doctors", "/doctors"),
        ("percent", "%D0%B2%D1%80%D0%B0%D1%87", "врач"),
        ("windows-1251", "%E2%F0%E0%F7", "врач"),
        ("twice", "%25D0%25B2%25D1%2580%25D0%25B0%25D1%2587", "врач"),
        ("three times", "%252541", "A"),
        ("four times is too often", "%25252541", UNREADABLE),
        ("escape()", "%u0432%u0440%u0430%u0447", "врач"),
        ("full-width percent", "％４１", "A"),
        ("neither UTF-8 nor Russian", "%c0%af", UNREADABLE),
        ("half a surrogate", "%ud83dx\udc00", "x"),
        ("UTF-8 taken for Latin-1", "Ð²Ñ\x80Ð°Ñ\x87", "врач"),
        ("windows-1251 taken for Latin-1", "âðà÷", "врач"),
        ("French stays French", "clinique générale", "clinique générale"),
        ("control characters", "a\x00b\u200bc\u202e", "abc"),
        ("stress marks", "и\u0301ванов", "иванов"),
        ("a letter with its mark", "й", "й"),
        ("a percent sign of its own", "100%", "100%"),
    ],
)
def test_text_is_decoded_until_it_is_plain(word: str, raw: str, meant: str) -> None:
    assert plain(raw) == meant, word


@pytest.mark.parametrize(
    ("word", "raw", "stored"),
    [
        ("empty", "", "/"),
        ("no slash", "doctors", "/doctors"),
        ("slashes", "//doctors///12/", "/doctors/12"),
        ("backslashes", "\\doctors\\12", "/doctors/12"),
        ("dots", "/a/./b/../c", "/a/c"),
        ("more dots than directories", "/../../a", "/a"),
        ("capitals", "/Doctors", "/doctors"),
        ("index file", "/doctors/index.php", "/doctors"),
        ("index files", "/index.html/INDEX.PHP/", "/"),
        ("escaped slash", "/a%2Fb", "/a/b"),
        ("escaped question mark", "/a%3Fname=b/c", "/a"),
        ("escaped fragment", "/a%23b", "/a"),
        ("parameters", "/a;jsessionid=1/b;c", "/a/b"),
        ("a group's sign is ours", "/~hiv/~", "/*/*"),
        ("unreadable", "/a/%c0%af/b", "/a/*/b"),
        ("digits over segments", "/t/8/916/123/45/67/x", "/t/*/*/*/*/*/x"),
        ("stars between digits", "/12*34*56", "/*"),
        ("an archive", "/2024/11/06-sovetov", "/2024/11/06-sovetov"),
        ("a date", "/2024/11/06/sovety", "/2024/11/sovety"),
        ("a date, day first", "/06/11/2024/", "/*/*/*"),
        ("a year in a number", "/8/2024/11", "/*/*/*"),
        ("a name over segments", "/ivanov/ivan", "/*/*"),
        ("a section and a name", "/doctors/sergeevich", "/doctors/sergeevich"),
        ("cut", "/" + "a-" * LONGEST, "/*"),
        ("cut behind a whole segment", "/news/" + "a-" * LONGEST, "/news/*"),
    ],
)
def test_a_path_is_stored_in_one_spelling(word: str, raw: str, stored: str) -> None:
    assert scrub_path(raw).text == stored, word


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("tel-916-123-45-67", Scrubbed.DIGITS),
        ("١٢٣٤٥٦", Scrubbed.DIGITS),
        ("a@b", Scrubbed.EMAIL),
        ("ivan (at) mail", Scrubbed.EMAIL),
        ("1.2.3.4", Scrubbed.ADDRESS),
        ("fe80::1", Scrubbed.ADDRESS),
        ("3f2504e0_4f89_41d3_9a0c_0305e82c3301", Scrubbed.UUID),
        ("eyJhbGciOiJ9.e30.x", Scrubbed.SECRET),
        ("deadbeefcafebabe", Scrubbed.SECRET),
        ("dXNlckBleGFtcGxl", Scrubbed.SECRET),
        ("ivanov-petr", Scrubbed.NAME),
        ("Сергей Ильич", Scrubbed.NAME),
        ("мария-сергеевны", Scrubbed.NAME),
        ("и-п-сидоров", Scrubbed.NAME),
        ("nadir-mamed-ogly", Scrubbed.NAME),
    ],
)
def test_a_pattern_knows_its_kind(text: str, kind: Scrubbed) -> None:
    assert kind in {found for found, _ in find(text)}


@pytest.mark.parametrize(
    "text",
    [
        "12345",
        "10.0; Win64; x64",
        "line 12, column 345",
        "std::vector",
        "a:focus::before",
        "TransportMasterNodeOperationAction",
        "OneSignalSDKWorker",
        "gastroenterologiya2024",
        "vitamin-b12-b6-b9-d3-k2-omega3",
        "ivanov",
        "Sergeevich",
        "admin-view",
        "lechenie-sustavov-i-pozvonkov",
        "klinicheskiy-gorodskoy-centr",
        "ferritin-transferrin",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert not find(text)


def test_every_transliteration_of_a_name_is_one_word() -> None:
    assert len({fold(name) for name in ("Юрий", "Yuriy", "Yurii", "Jurij", "Iurii", "Yury")}) == 1
    assert len({fold(name) for name in ("Хрущёв", "Khrushchev", "Hruschev")}) == 1
    assert len({fold(name) for name in ("Ольга", "Ol'ga", "Olga")}) == 1


def test_a_text_keeps_what_stands_around_an_identifier() -> None:
    clean = scrub_text("Bot/1.0 (+http://bot.example; i@bot.example; +7 916 123-45-67)", 256)
    assert clean.text == "Bot/1.0 (+http://bot.example; *; +*)"
    assert clean.scrubbed == Scrubbed.EMAIL | Scrubbed.DIGITS


def test_a_text_is_cut_after_scrubbing_so_that_no_half_of_an_identifier_stays() -> None:
    assert scrub_text("phone 79161234567", 10).text == "phone *"


@pytest.mark.parametrize(
    ("host", "stored"),
    [
        ("yandex.ru", "yandex.ru"),
        ("go.mail.ru", "go.mail.ru"),
        ("r.search.yahoo.com", "r.search.yahoo.com"),
        ("prodoctorov.ru", "prodoctorov.ru"),
        ("m.2gis.ru", "m.2gis.ru"),
        ("krasotaimedicina.ru", "krasotaimedicina.ru"),
        ("com.google.android.googlequicksearchbox", "com.google.android.googlequicksearchbox"),
        ("tpc.googlesyndication.com", "tpc.googlesyndication.com"),
        ("xn--80aesfpebagmfblc0a.xn--p1ai", "xn--80aesfpebagmfblc0a.xn--p1ai"),
        ("ivan-petrov.livejournal.com", "*.livejournal.com"),
        ("79161234567.example", "*.example"),
        ("203-0-113-77.provider.example", "*.provider.example"),
        ("9f86d081884c7d65.frames.example", "*.frames.example"),
        ("anna.nikitina.example", "*.*.example"),
    ],
)
def test_a_foreign_host_loses_only_the_labels_that_name_somebody(host: str, stored: str) -> None:
    assert scrub_host(host).text == stored


HOSTILE = {
    "digits far apart": "1------",
    "digits close": "1",
    "at signs": "@",
    "words and an at sign": "aaaa@ ",
    "brackets": "((((a",
    "colons": "a:",
    "double colons": "::a",
    "percents": "%",
    "nested percents": "%25",
    "bytes": "%D0%98",
    "wrong bytes": "%c0%af/",
    "surnames": "ivanov-",
    "capitalised": "Pushkin",
    "patronymics": "ovich ",
    "one word": "a",
    "mixed": "aB1_",
    "camel": "Aa",
    "token starts": "eyJaaaaaaaa.",
    "slashes": "/",
    "parents": "../a/",
    "parameters": ";a/",
    "marks": "\u0301",
    "latin letters": "é",
    "invisible": "\u200b",
    "quotes": "' ",
    "hexadecimal": "ab12-",
}


def _cost(function: Callable[[str], object], text: str) -> int:
    times: list[int] = []
    for _ in range(5):
        start = thread_time_ns()
        function(text)
        times.append(thread_time_ns() - start)
    return min(times)


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "function", [scrub_path, lambda text: scrub_text(text, LONGEST), find], ids=["path", "text", "patterns"]
)
def test_hostile_text_costs_no_more_than_its_length(function: Callable[[str], object], piece: str) -> None:
    # Eight times the text: about 8 for linear work, 64 for quadratic. CPU time, best of five, three tries.
    short, long = (piece * 250)[:250], (piece * 2000)[:2000]
    ratios = [_cost(function, long) / max(_cost(function, short), 20_000) for _ in range(3)]
    assert min(ratios) < 24


@pytest.mark.parametrize("block", ["", "top", "R-A-1234567-1", "728x90", "right_300x250_1", "promo.mrt.2026-11"])
def test_an_ordinary_ad_block_keeps_its_id(block: str) -> None:
    assert scrub_ad(block) == (block, 0)


@pytest.mark.parametrize(
    "block",
    [
        "203.0.113.77",
        "2001:db8::dead:beef",
        "79161234567",
        "9161234567",
        "112-233-445-95",
        "7754321098765432",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    ],
)
def test_an_ad_block_named_after_a_person_is_a_star(block: str) -> None:
    clean = scrub_ad(block)
    assert clean.text == "*"
    assert clean.scrubbed
    assert scrub_ad(clean.text) == ("*", 0)
