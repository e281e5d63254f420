"""The search for canaries finds every form, everywhere it may hide, and nothing that is not there."""

from __future__ import annotations

import gzip
import json
import struct
from base64 import b64encode
from hashlib import sha256
from ipaddress import ip_address, ip_network
from random import Random

import lz4.block
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Fatal
from pipeline.privacy_check import self_test
from pipeline.privacy_check.byte_search import Search
from pipeline.privacy_check.canaries import draw, forms, marker
from pipeline.privacy_check.compressed import LZ4, SEVERAL, ZSTD, gunzipped, unpacked, zstd
from pipeline.privacy_check.self_test import check_search
from pipeline.scrub.redact import scrub_ad, scrub_text
from pipeline.settings.model import Settings

CANARIES = draw(Random(1))
BY_NAME = {f"{canary.kind}, {canary.place}": canary for canary in CANARIES}
V4 = next(canary for canary in CANARIES if canary.place == "X-Forwarded-For")
NAME = next(canary for canary in CANARIES if canary.kind == "name")


def names_found(canary, data):
    return {find.form.name for find in Search([canary]).finds([data])}


def block(method, packed, size):
    return bytes(16) + struct.pack("<BII", method, len(packed) + 9, size) + packed


@pytest.mark.parametrize("canary", BY_NAME.values(), ids=BY_NAME)
def test_every_form_is_found_alone_and_across_a_cut(canary):
    search = Search([canary])
    for form in search.forms:
        data = b"~" * 70 + form.pattern + b"~" * 70
        for cut in (0, 70, 71, 69 + len(form.pattern)):
            finds = search.finds([data[:cut], data[cut:]])
            assert (form, 70) in [(find.form, find.offset) for find in finds], form


@pytest.mark.parametrize("canary", BY_NAME.values(), ids=BY_NAME)
def test_no_form_of_one_canary_is_taken_for_another(canary):
    others = Search(other for other in CANARIES if other is not canary)
    # Base64 that does not begin with the address lacks its last bits: two neighbours may look alike.
    whole = [form.pattern for form in forms(canary) if form.name != "base64"]
    assert not others.finds([b"~".join(whole)])


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("text", lambda address: f"client {address}:4711"),
        ("text", lambda address: "::ffff:" + address),
        ("hexadecimal", lambda address: "0x" + ip_address(address).packed.hex().upper()),
        ("decimal number", lambda address: str(int(ip_address(address)))),
        ("packed", lambda address: ip_address(address).packed),
        ("packed", lambda address: bytes(10) + b"\xff\xff" + ip_address(address).packed),
        ("packed, low byte first", lambda address: ip_address(address).packed[::-1]),
        ("base64", lambda address: b64encode(b'{"ip":"' + address.encode() + b'"}')),
        ("base64", lambda address: b64encode(ip_address(address).packed)),
        ("URL-encoded", lambda address: "".join(f"%{byte:02X}" for byte in address.encode())),
        ("UTF-16", lambda address: address.encode("utf-16")),
        ("unkeyed sha256", lambda address: sha256(address.encode()).hexdigest()),
    ],
)
def test_an_address_is_found_however_it_was_written(name, write):
    written = write(V4.text)
    assert name in names_found(V4, written if isinstance(written, bytes) else written.encode())


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("text", NAME.text.upper().encode()),
        ("text", NAME.text.lower().encode()),
        ("Windows-1251", NAME.text.encode("cp1251")),
        ("UTF-8 taken for Latin-1", NAME.text.encode().decode("latin-1").encode()),
        ("JSON escapes", json.dumps(NAME.text).encode()),
    ],
)
def test_a_name_is_found_however_it_was_written(name, written):
    assert name in names_found(NAME, written)


def test_random_bytes_hold_nothing_and_the_chance_says_so():
    search = Search(CANARIES)
    noise = Random(2).randbytes(300_000)
    assert not search.finds([noise, b64encode(noise), noise.hex().encode()])
    assert search.chance(len(noise)) < 0.01


def addresses(seed):
    return [canary.text for canary in draw(Random(seed)) if canary.kind.startswith("IPv")]


def test_addresses_belong_to_nobody():
    ranges = [ip_network(text) for text in ("240.0.0.0/4", "2001:db8::/32", "127.0.0.0/8")]
    assert all(any(ip_address(text) in net for net in ranges) for text in addresses(1))


def test_no_run_draws_an_address_that_an_earlier_one_may_have_left_in_a_user_agent():
    drawn = [text for seed in range(100) for text in addresses(seed)]
    assert len(set(drawn)) == len(drawn)


def test_no_pattern_takes_a_marker_for_a_person():
    for seed in range(300):
        text = marker(Random(seed)).text
        assert scrub_text(text, 64) == (text, 0)
        assert scrub_ad(text) == (text, 0)


def test_compressed_blocks_are_unpacked_wherever_they_stand():
    lz4_block = block(LZ4, lz4.block.compress(b"one" * 50, store_size=False), 150)
    zstd_block = block(ZSTD, zstd.compress(b"two" * 50), 150)
    inner = block(ZSTD, zstd.compress(b"three" * 50), 250)[16:]
    both = block(SEVERAL, b"\x02\x92\x90" + inner, 250)
    data = b"index \x82\x90\x91" + lz4_block + b"between" * 9 + zstd_block + both + lz4_block[:-3]
    assert list(unpacked(data)) == [b"one" * 50, b"two" * 50, b"three" * 50]


@given(st.binary(max_size=200), st.sampled_from([LZ4, ZSTD, SEVERAL]), st.integers(0, 60), st.integers(0, 300))
def test_bytes_that_are_no_block_are_passed_over(body, method, packed, size):
    assert all(
        isinstance(content, bytes) for content in unpacked(bytes(16) + struct.pack("<BII", method, packed, size) + body)
    )


def test_a_log_cut_while_it_is_zipped_is_read_as_far_as_it_goes():
    zipped = gzip.compress(bytes(range(256)) * 50)
    assert b"".join(gunzipped([zipped[:100], zipped[100:]])) == bytes(range(256)) * 50
    assert b"".join(gunzipped([zipped[:-9]])).startswith(bytes(range(256)))
    assert not list(gunzipped([b"no zip at all"]))


def test_the_positive_control_finds_all_it_planted(tmp_path):
    search = Search(CANARIES)
    assert check_search(CANARIES, Settings(), tmp_path) >= 5 * len(search.forms)


@pytest.mark.parametrize("lost", ["journal", "server.log", "server.log.0.gz", "lz4.bin", "zstd.bin"])
def test_the_positive_control_notices_what_the_search_does_not_read(tmp_path, monkeypatch, lost):
    def overlooking(*given, **named):
        next(file for file in tmp_path.rglob(lost) if file.is_file()).unlink()
        search_files(*given, **named)

    search_files = self_test.search_files
    monkeypatch.setattr(self_test, "search_files", overlooking)
    with pytest.raises(Fatal, match=f"self-test failed: .* in {lost}$"):
        check_search(CANARIES, Settings(), tmp_path)


def test_the_positive_control_notices_a_segment_that_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(self_test, "frame", lambda _: b"")
    with pytest.raises(Fatal, match=r"self-test failed: .* in a segment"):
        check_search(CANARIES, Settings(), tmp_path)
