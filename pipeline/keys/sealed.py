"""Seals an ad's click id to a public key: only the command of a claim for a refund, which has the private half, opens it.

Owns the suite (HPKE, RFC 9180: X25519, HKDF-SHA256, AES-128-GCM) and the text form of its keys. An ad network can look up its
own click id and nothing else of ours, so a claim without it cannot be examined (policy clause 4.1.3).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SEALED_DAYS: Final = 60
"""Ad networks accept claims for about as long; a sealed click id is cleared when its UTC day is older."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
_INFO = b"clinic-pixel click id"

Seal = Callable[[str], str]


def new_private_key() -> bytes:
    """Return a new private half of 32 bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_text(private: bytes) -> str:
    """Return the public half of a private key of 32 bytes, in base64 as in setting `fraud.claim_key`."""
    return b64encode(X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()).decode()


def sealer(public: str) -> Seal:
    """Return the function that seals a click id to a public key in base64; raises `ValueError` for another text."""
    try:
        key = X25519PublicKey.from_public_bytes(b64decode(public, validate=True))
        _SUITE.encrypt(b"a trial", key, _INFO)  # some points of the curve have no private half
    except (Error, ValueError):
        raise ValueError("expected the public key of `clinic-pixel keys claim-pair`, 44 characters in base64") from None

    def seal(click_id: str) -> str:
        return b64encode(_SUITE.encrypt(click_id.encode("utf-8", "replace"), key, _INFO)).decode()

    return seal


def opened(sealed: str, private: bytes) -> str:
    """Return the click id; raises `ValueError` where the text was not sealed to this key."""
    try:
        return _SUITE.decrypt(
            b64decode(sealed, validate=True), X25519PrivateKey.from_private_bytes(private), _INFO
        ).decode()
    except (Error, InvalidTag, ValueError):
        raise ValueError("not sealed to this key") from None
