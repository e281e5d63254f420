"""Signed requests of programs: the drafts' own test vectors, and every way in which a signature can be wrong."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from pipeline.event import SignedRequest
from pipeline.signatures import check as check_module
from pipeline.signatures.check import LONGEST_S, Nonces, Place, Signer, Verdict, check, normal_url
from pipeline.signatures.key_set import TEST_KEY, AgentKey, UnusableKeys, read_keys, thumbprint
from support.signing import AGENT, HOST, NOW_S, TARGET, Program

HERE = (Place(HOST, TARGET),)

# draft-meunier-web-bot-auth-architecture-05, appendix A.2, with the key of RFC 9421, appendix B.1.4
TEST_PUBLIC = urlsafe_b64decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs=")
CREATED_S = 1_735_689_600
ID = f'keyid="{TEST_KEY}";alg="ed25519"'
VECTORS = {
    "without the address": SignedRequest(
        "",
        f'sig1=("@authority");created={CREATED_S};{ID};expires=4889289600;nonce="zIW8+cdmA3vdYagbxojpONwa/l0EKJ/O3/wD486VvsQjO'
        '/RxPaSt6ZxvQaMcQzNnqKN/mQ6hpGiFro2L2qkz5A==";tag="web-bot-auth"',
        "sig1=:QKN4fTdIYfh82fvoZCQiQA1weuozfCS/Led2zTMbewMMqH8PI2Wsy/5c4ao6B6D09nraNQdBNOADg8aM1MqfCg==:",
    ),
    "dictionary": SignedRequest(
        'agent2="https://signature-agent.test"',
        f'sig2=("@authority" "signature-agent";key="agent2");created={CREATED_S};{ID};expires=4889289600;nonce="n9p433xm+NJ3ph3upfBI'
        'GmsuwHw387YV7Q/F+6BSpGCVjYCqQw6rznNA8PVVLySrAWsv0hQtFioQb6E1YsauiA==";tag="web-bot-auth"',
        "sig2=:RdNFx5Bj6au3YgAMQL/RzmUlZE8QZLIaXGRpw985hWnwPfMxT228NMk6ehRS1PSl4e8PhbNZACSanGdhEwYCCg==:",
    ),
    "string": SignedRequest(
        '"https://signature-agent.test"',
        f'sig2=("@authority" "signature-agent");created={CREATED_S};{ID};expires=1735693200;nonce="e8N7S2MFd/qrd6T2R3tdfAuuANngKI7L'
        'FtKYI/vowzk4lAZYadIX6wW25MwG7DCT9RUKAJ0qVkU0mEeLElW1qg==";tag="web-bot-auth"',
        "sig2=:jdq0SqOwHdyHr9+r5jw3iYZH6aNGKijYp/EstF4RQTQdi5N5YYKrD+mCT1HA1nZDsi6nJKuHxUi/5Syp3rLWBA==:",
    ),
}
TEST_SIGNER = Signer(
    "test",
    "https://signature-agent.test",
    "directory",
    {TEST_KEY: AgentKey(Ed25519PublicKey.from_public_bytes(TEST_PUBLIC))},
)
EXAMPLE = (Place("example.com", "/path/to/resource"),)


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_drafts_are_verified(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "LONGEST_S", 10**10)  # two of them are valid for a century
    request = VECTORS[name]
    now_ms = (CREATED_S + 5) * 1000
    assert check(request, [TEST_SIGNER], EXAMPLE, Nonces(), now_ms=now_ms) == Verdict("verified", "test")
    elsewhere = (Place("other.example", "/path/to/resource"),)
    assert check(request, [TEST_SIGNER], elsewhere, Nonces(), now_ms=now_ms) == Verdict("failed", "test")


@pytest.mark.parametrize(("name", "state"), [("dictionary", "failed"), ("string", "verified")])
def test_a_signature_that_is_valid_for_years_is_not_believed(name: str, state: str) -> None:
    assert check(VECTORS[name], [TEST_SIGNER], EXAMPLE, Nonces(), now_ms=(CREATED_S + 5) * 1000).state == state


def test_the_thumbprint_is_that_of_the_drafts() -> None:
    assert thumbprint(TEST_PUBLIC) == TEST_KEY


PROGRAM = Program()


def judged(request: SignedRequest, *signers: Signer, now_s: int = NOW_S, nonces: Nonces | None = None) -> Verdict:
    return check(request, signers or [PROGRAM.signer], HERE, nonces or Nonces(), now_ms=now_s * 1000)


SOUND = [
    {},
    {"components": '"@authority" "signature-agent"', "agent": f'"{AGENT}"'},
    {"components": '"@authority" "signature-agent"', "agent": f'"{AGENT}/"'},
    {"components": '"@target-uri" "signature-agent";key="sig1"'},
    {"components": '"@method" "@authority" "@path" "@query" "@scheme" "signature-agent";key="sig1"'},
    {"components": '"@authority"', "agent": ""},
    {"parameters": {"nonce": None}},
    {"parameters": {"alg": "ed25519"}},
    {"parameters": {"created": NOW_S + 30}},
    {"label": "other"},
]


@pytest.mark.parametrize("changed", SOUND, ids=str)
def test_a_sound_signature_proves_the_name(changed: dict[str, Any]) -> None:
    assert judged(PROGRAM.sign(**changed)) == Verdict("verified", "agent")


WRONG = [
    {"parameters": {"expires": NOW_S}},
    {"parameters": {"expires": NOW_S - 1, "created": NOW_S - 300}},
    {"parameters": {"created": NOW_S + 100}},
    {"parameters": {"created": NOW_S - 10, "expires": NOW_S - 10 + LONGEST_S + 1}},
    {"parameters": {"created": None}},
    {"parameters": {"expires": None}},
    {"parameters": {"expires": "soon"}},
    {"parameters": {"alg": "hmac-sha256"}},
    {"components": '"@method" "signature-agent";key="sig1"'},
    {"components": '"@authority"'},
    {"components": '"@authority" "@authority" "signature-agent";key="sig1"'},
    {"authority": "other.example"},
    {"components": '"@authority" "@path" "signature-agent";key="sig1"', "target": "/e"},
]


@pytest.mark.parametrize("changed", WRONG, ids=str)
def test_a_signature_outside_of_the_profile_fails(changed: dict[str, Any]) -> None:
    assert judged(PROGRAM.sign(**changed)) == Verdict("failed", "agent")


@pytest.mark.parametrize(
    "tampered",
    [
        {"signatures": f"sig1=:{b64encode(bytes(64)).decode()}:"},
        {"signatures": "sig1=:AAAA:"},
        {"signatures": "sig1=1"},
        {"signatures": ""},
        {"inputs": PROGRAM.sign().inputs.replace('nonce="bm9uY2U="', 'nonce="other"')},
        {"inputs": PROGRAM.sign().inputs.replace(str(NOW_S + 300), str(NOW_S + 3000))},
        {"agent": f'sig1="{AGENT}/"'},
    ],
    ids=str,
)
def test_a_changed_signature_fails(tampered: dict[str, str]) -> None:
    assert judged(PROGRAM.sign()._replace(**tampered)) == Verdict("failed", "agent")


def test_a_signature_under_the_key_of_another_program_proves_nothing() -> None:
    other = Program("other", "https://other.example", seed=2)
    named_other = other.sign()  # says https://agent.example
    assert judged(named_other, PROGRAM.signer, other.signer) == Verdict("none")
    published_by_both = PROGRAM.signer._replace(name="thief", url="https://thief.example")
    assert judged(PROGRAM.sign(), published_by_both, PROGRAM.signer) == Verdict("verified", "agent")


@pytest.mark.parametrize(
    "request_",
    [
        PROGRAM.sign(agent='sig1="https://unknown.example"'),
        PROGRAM.sign(agent=f'sig1="{AGENT}";type=jwks_uri'),
        PROGRAM.sign({"keyid": "unknown"}),
        PROGRAM.sign({"tag": "something-else"}),
        PROGRAM.sign(components='"@authority" "content-digest" "signature-agent";key="sig1"'),
        PROGRAM.sign()._replace(inputs="((("),
        PROGRAM.sign()._replace(inputs=""),
        PROGRAM.sign()._replace(inputs="sig1=1, sig2=(a b)"),
        PROGRAM.sign()._replace(agent="\xff"),
        PROGRAM.sign()._replace(signatures="пример"),
        PROGRAM.sign()._replace(inputs=PROGRAM.sign().inputs + " " * 5000),
    ],
    ids=str,
)  # fmt: skip
def test_what_nobody_here_can_judge_is_none(request_: SignedRequest) -> None:
    assert judged(request_) == Verdict("none")


def test_nobody_is_verified_without_known_programs() -> None:
    assert check(PROGRAM.sign(), [], HERE, Nonces(), now_ms=NOW_S * 1000) == Verdict("none")


def test_a_key_counts_only_in_its_own_time() -> None:
    for key, state in (
        (AgentKey(PROGRAM.private.public_key(), since_s=NOW_S + 1), "none"),
        (AgentKey(PROGRAM.private.public_key(), until_s=NOW_S), "none"),
        (AgentKey(PROGRAM.private.public_key(), NOW_S, NOW_S + 1), "verified"),
    ):
        assert judged(PROGRAM.sign(), PROGRAM.signer._replace(keys={PROGRAM.id: key})).state == state


def test_a_replayed_signature_fails() -> None:
    nonces, request = Nonces(), PROGRAM.sign()
    assert judged(request, nonces=nonces).state == "verified"
    assert judged(request, nonces=nonces).state == "failed"  # in the same millisecond
    assert judged(request, now_s=NOW_S + 1, nonces=nonces).state == "failed"
    assert judged(PROGRAM.sign({"nonce": "other"}), now_s=NOW_S + 1, nonces=nonces).state == "verified"


def test_the_memory_of_nonces_is_bounded_and_keeps_the_newest() -> None:
    nonces = Nonces(most=8)
    for number in range(40):
        assert nonces.is_first("key", str(number), expires_s=NOW_S + 9, now_s=NOW_S)
    assert len(nonces._seen) <= 8
    assert not nonces.is_first("key", "39", expires_s=NOW_S + 9, now_s=NOW_S)


def test_one_sound_signature_among_others_is_enough() -> None:
    other = Program("other", "https://other.example", seed=2)
    first, second = other.sign({"keyid": "unknown"}, label="sig0"), PROGRAM.sign()
    both = second._replace(
        inputs=f"{first.inputs}, {second.inputs}", signatures=f"{first.signatures}, {second.signatures}"
    )
    assert judged(both) == Verdict("verified", "agent")


def test_the_keys_own_address_is_another_kind_of_discovery() -> None:
    keys = PROGRAM.signer._replace(url="https://agent.example/keys.json", discovery="jwks_uri")
    request = PROGRAM.sign(agent='sig1="https://agent.example/keys.json";type=jwks_uri')
    assert judged(request, keys) == Verdict("verified", "agent")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_any_headers_have_a_verdict(agent: str, inputs: str, signatures: str) -> None:
    assert judged(SignedRequest(agent, inputs, signatures)).state == "none"


@given(st.integers(0, 600), st.sampled_from("\"'();=,:* a1\x7f"))
def test_a_damaged_request_is_never_verified_as_somebody_else(place: int, letter: str) -> None:
    inputs = PROGRAM.sign().inputs
    damaged = inputs[: place % len(inputs)] + letter + inputs[place % len(inputs) + 1 :]
    verdict = judged(PROGRAM.sign()._replace(inputs=damaged))
    assert verdict.state in {"none", "failed"} or damaged.replace(" ", "") == inputs.replace(" ", "")


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Agent.Example", AGENT),
        ("https://agent.example/", AGENT),
        ("https://agent.example:443/?x=1#y", AGENT),
        ("https://agent.example/Keys.json?x", "https://agent.example/Keys.json"),
        ("agent.example", "agent.example"),
    ],
)
def test_an_address_is_compared_in_one_form(url: str, normal: str) -> None:
    assert normal_url(url) == normal


def test_the_keys_of_a_directory_are_known_by_their_thumbprint_and_their_time() -> None:
    second = Program(seed=2)
    keys = read_keys(
        json.dumps(
            {
                "keys": [
                    PROGRAM.jwk(kid="the operator's word", use="sig", nbf=1_712_793_600, exp=1_715_385_600),
                    second.jwk(nbf=1_743_465_600_000),
                    {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
                    Program(seed=3).jwk(use="enc"),
                    Program(seed=4).jwk(x="short"),
                    {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(TEST_PUBLIC).decode().rstrip("=")},
                ],
                "purpose": "ai",
            }
        ).encode()
    )
    assert {name: key[1:] for name, key in keys.items()} == {
        PROGRAM.id: (1_712_793_600, 1_715_385_600),
        second.id: (1_743_465_600, float("inf")),
    }


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"keys":1}', b'{"keys":[1]}', b"\xff", b'{"keys":[' + b"{}," * 256 + b"{}]}"])  # fmt: skip
def test_a_text_that_is_no_key_set_is_refused(content: bytes) -> None:
    with pytest.raises(UnusableKeys, match="expected a JSON Web Key Set"):
        read_keys(content)
