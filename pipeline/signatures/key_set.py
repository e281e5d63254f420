"""The keys that a signing program publishes: a JSON Web Key Set (RFC 7517) with Ed25519 keys (RFC 8037).

Owns the reading of a set and the identifier of a key, its thumbprint (RFC 7638). Rules: a `kid` is not believed, the
thumbprint is computed; keys of other kinds are left out; the test key of RFC 9421, whose private half is public, too. Pure.
Source: draft-meunier-http-message-signatures-directory, draft-meunier-web-bot-auth-architecture.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipeline.errors import BAD_JSON

MOST_KEYS: Final = 256
TEST_KEY: Final = "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U"
"""Thumbprint of `test-key-ed25519` (RFC 9421, appendix B.1.4)."""

_LATEST_SECOND = 10**11
"""Some directories write milliseconds in `nbf` and `exp`: a larger number is one of these."""


class UnusableKeys(ValueError):
    """A text that is no key set; says the expected form."""


class AgentKey(NamedTuple):
    """A public key and the Unix seconds between which its owner uses it; `until_s` is exclusive."""

    public: Ed25519PublicKey
    since_s: float = 0.0
    until_s: float = float("inf")


KeySet = Mapping[str, AgentKey]
"""Thumbprint -> key."""


class _Jwk(msgspec.Struct):
    kty: str = ""
    crv: str = ""
    x: str = ""
    use: str = "sig"
    nbf: float | None = None
    exp: float | None = None


class _Jwks(msgspec.Struct):
    keys: Annotated[list[_Jwk], msgspec.Meta(max_length=MOST_KEYS)]


def read_keys(content: bytes) -> KeySet:
    """Return the usable keys of a set; raises `UnusableKeys` for a text that is none."""
    try:
        listed = msgspec.json.decode(content, type=_Jwks).keys
    except BAD_JSON:
        raise UnusableKeys(f"expected a JSON Web Key Set of at most {MOST_KEYS} keys") from None
    found = {name: key for jwk in listed for name, key in _usable(jwk)}
    found.pop(TEST_KEY, None)
    return found


def thumbprint(raw: bytes) -> str:
    """Return the thumbprint of the 32 bytes of an Ed25519 public key (RFC 8037, appendix A.3)."""
    return _base64url(hashlib.sha256(b'{"crv":"Ed25519","kty":"OKP","x":"%b"}' % _base64url(raw).encode()).digest())


def _usable(jwk: _Jwk) -> list[tuple[str, AgentKey]]:
    if (jwk.kty, jwk.crv, jwk.use) != ("OKP", "Ed25519", "sig"):
        return []
    try:
        raw = urlsafe_b64decode(f"{jwk.x}=")
        public = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return []
    return [(thumbprint(raw), AgentKey(public, _seconds(jwk.nbf, 0.0), _seconds(jwk.exp, float("inf"))))]


def _seconds(number: float | None, without: float) -> float:
    if number is None:
        return without
    return number / 1000 if number > _LATEST_SECOND else number


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
