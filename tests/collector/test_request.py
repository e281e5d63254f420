import pytest

from collector.http.query import read_query
from collector.http.request import MAX_HEADERS, Replays, read_pixel
from pipeline.errors import Reason, Refused

NOW = 1_795_000_000_000
REPLAYS = Replays("secret", reach_ms=1_000_000)


def scope(query=b"s=clinic", headers=(), method="GET", peer="192.0.2.1", path=b"/p.gif"):
    return {
        "type": "http",
        "method": method,
        "path": path.decode(),
        "raw_path": path,
        "query_string": query,
        "scheme": "http",
        "client": (peer, 4711),
        "headers": [(b"host", b"stats.example"), *headers],
    }


def read(query=b"s=clinic", headers=(), **kwargs):
    return read_pixel(scope(query, headers, **kwargs), now_ms=NOW, replays=REPLAYS, read=read_query)


def test_a_full_request_gives_all_six_fields():
    hit = read(
        b"s=clinic&u=https%3A%2F%2Fclinic.example%2Fa%3Fb%3D1%26c%3D2&r=https%3A%2F%2Fya.ru%2F&m=js&e=404&a=top,side"
        b"&n=18446744073709551615&c=1",
        [(b"user-agent", b"Mozilla/5.0"), (b"cookie", b"a=b"), (b"referer", b"https://clinic.example/")],
    )
    assert (hit.peer, hit.cookie, hit.agent, hit.received_ms) == ("192.0.2.1", "a=b", "Mozilla/5.0", NOW)
    assert (hit.page, hit.referrer) == ("https://clinic.example/a?b=1&c=2", "https://ya.ru/")
    assert (hit.site, hit.mode, hit.status, hit.ads) == ("clinic", "js", 404, ("top", "side"))
    assert (hit.nonce, hit.consent, hit.referer) == (2**64 - 1, True, "https://clinic.example/")


def test_an_ad_block_named_twice_is_one_impression():
    assert read(b"s=clinic&a=top,side,top").ads == ("top", "side")


@pytest.mark.parametrize(
    ("word", "query", "page"),
    [
        ("not given", b"s=clinic", None),
        ("empty", b"s=clinic&u=", ""),
        ("no equals sign", b"s=clinic&u", ""),
        ("utf-8", b"s=clinic&u=%D0%B0", "а"),
        ("cp1251", b"s=clinic&u=%E0%E1", "аб"),
        ("raw utf-8 bytes", b"s=clinic&u=\xd0\xb0", "а"),
        ("plus is a space", b"s=clinic&u=a+b", "a b"),
        ("NUL", b"s=clinic&u=a%00b", "a\x00b"),
        ("half an escape", b"s=clinic&u=%4", "%4"),
        ("unknown parameters pass by", b"_=1&s=clinic&u=a&zz=%00", "a"),
    ],
)
def test_the_page_address_is_read_as_sent(word, query, page):
    assert read(query).page == page, word


@pytest.mark.parametrize(
    ("word", "reason", "request_"),
    [
        ("long query", Reason.TOO_LARGE, {"query": b"s=clinic&u=" + b"a" * 1_000_000}),
        ("long path", Reason.TOO_LARGE, {"path": b"/p.gif" + b"a" * 9000}),
        ("site twice", Reason.REPEATED_PARAMETER, {"query": b"s=clinic&s=other"}),
        ("nonce twice", Reason.REPEATED_PARAMETER, {"query": b"n=1&s=clinic&n=1"}),
        ("a nonce without value twice", Reason.REPEATED_PARAMETER, {"query": b"n=&s=clinic&n=1"}),
        ("page twice", Reason.REPEATED_PARAMETER, {"query": b"s=clinic&u=a&u=b"}),
        ("unknown mode", Reason.BAD_QUERY, {"query": b"s=clinic&m=telepathy"}),
        ("status a word", Reason.BAD_QUERY, {"query": b"s=clinic&e=gone"}),
        ("status out of range", Reason.BAD_QUERY, {"query": b"s=clinic&e=999"}),
        ("status in other digits", Reason.BAD_QUERY, {"query": "s=clinic&e=٤٠٤".encode()}),
        ("nonce too large", Reason.BAD_QUERY, {"query": b"s=clinic&n=18446744073709551616"}),
        ("nonce negative", Reason.BAD_QUERY, {"query": b"s=clinic&n=-1"}),
        ("consent a word", Reason.BAD_QUERY, {"query": b"s=clinic&c=yes"}),
        ("ad with markup", Reason.BAD_QUERY, {"query": b"s=clinic&a=%3Cb%3E"}),
        ("too many ads", Reason.BAD_QUERY, {"query": b"s=clinic&a=" + b",".join(b"a%d" % n for n in range(33))}),
        ("an empty ad", Reason.BAD_QUERY, {"query": b"s=clinic&a=top,,side"}),
        ("two hosts", Reason.BAD_HOST, {"headers": [(b"host", b"evil.example")]}),
        ("many headers", Reason.TOO_MANY_HEADERS, {"headers": [(b"x%d" % n, b"") for n in range(MAX_HEADERS)]}),
        ("large headers", Reason.TOO_MANY_HEADERS, {"headers": [(b"cookie", b"a" * 17_000)]}),
        ("10,000 cookies", Reason.TOO_MANY_HEADERS, {"headers": [(b"cookie", b"a=b") for _ in range(10_000)]}),
        ("POST", Reason.BAD_METHOD, {"method": "POST"}),
        ("replay without the secret", Reason.BAD_REPLAY, {"headers": [(b"x-pixel-replay", b"guess 1795000000000")]}),
        ("replay too old", Reason.BAD_REPLAY, {"headers": [(b"x-pixel-replay", b"secret 1")]}),
        ("replay from the future", Reason.BAD_REPLAY, {"headers": [(b"x-pixel-replay", b"secret 1795000000001")]}),
        ("replay without a time", Reason.BAD_REPLAY, {"headers": [(b"x-pixel-replay", b"secret")]}),
    ],
)
def test_bad_input_is_refused_with_its_reason(word, reason, request_):
    with pytest.raises(Refused) as refused:
        read(**request_)
    assert refused.value.reason is reason, word


def test_a_replay_sets_time_and_makes_its_client_believed():
    hit = read(headers=[(b"x-pixel-replay", b"secret 1794999999999"), (b"x-forwarded-for", b"198.51.100.9")])
    assert (hit.received_ms, hit.is_replay, hit.forwarded_for) == (1_794_999_999_999, True, "198.51.100.9")


def test_repeated_forwarding_headers_are_joined_in_order():
    hit = read(headers=[(b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2, 3.3.3.3")])
    assert hit.forwarded_for == "1.1.1.1,2.2.2.2, 3.3.3.3"


@pytest.mark.parametrize("proto", [b"https, http", b"https,https", b", https", b' "https" , http'])
def test_of_a_proxys_list_of_schemes_the_first_is_the_browsers(proto):
    assert read(headers=[(b"x-forwarded-proto", proto)]).forwarded_proto == "https"


def test_the_scheme_is_that_of_the_connection_and_a_proxys_word_is_kept_apart():
    hit = read(headers=[(b"x-forwarded-proto", b" HTTPS ")])
    assert (hit.scheme, hit.forwarded_proto) == ("http", "https")


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (b"s=clinic&u=a&n=42", b"s=clinic&u=a"),
        (b"n=42&s=clinic&u=a", b"s=clinic&u=a"),
        (b"s=clinic&n=42&u=a", b"s=clinic&u=a"),
        (b"s=clinic&u=a&n=%34%32", b"s=clinic&u=a"),
        (b"n=42", b""),
    ],
)
def test_a_query_is_read_without_its_nonce_so_that_a_cache_can_find_it_again(query, rest):
    seen = []

    def read(raw):
        seen.append(raw)
        return read_query(raw)

    assert read_pixel(scope(query), now_ms=NOW, replays=REPLAYS, read=read).nonce == 42
    assert seen == [rest]


def test_a_nonce_without_equals_sign_is_none():
    assert read(b"s=clinic&n").nonce == 0


def test_the_browsers_signals_are_read():
    assert read(headers=[(b"sec-gpc", b"1")]).gpc
    assert read(headers=[(b"dnt", b"1")]).dnt
    assert not read(headers=[(b"sec-gpc", b"0"), (b"dnt", b"0")]).gpc


def test_the_headers_of_a_signature_are_read_with_the_request_that_they_cover():
    signed = read(
        b"s=clinic",
        [
            (b"signature-agent", b'sig1="https://a.example"'),
            (b"signature-input", b"sig1=()"),
            (b"signature", b"sig1=:AA==:"),
        ],
    ).signed
    assert signed == (
        'sig1="https://a.example"', "sig1=()", "sig1=:AA==:", "GET", "https", "stats.example", "/p.gif?s=clinic",
    )  # fmt: skip


def test_several_lines_of_a_signature_are_one_list():
    hit = read(b"s=clinic", [(b"signature-input", b"a=()"), (b"signature", b"a=:AA==:"), (b"signature-input", b"b=()")])
    assert (hit.signed.inputs, hit.signed.signatures) == ("a=(), b=()", "a=:AA==:")


def test_a_request_that_only_names_a_program_is_not_signed():
    assert read(b"s=clinic", [(b"signature-agent", b'"https://a.example"')]).signed is None
