"""The secret behind the noise, and the key that it gives for one span of time.

Owns `secrets/cells.key`: 32 random bytes, made once. A span's key is derived from it (HKDF, RFC 5869), so a query log of ClickHouse,
which shows the keys of the queries, tells at most the noise of numbers that were published then.
"""

from __future__ import annotations

from secrets import token_bytes
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.system.secrets import make_once, read_secret

FILE = "cells.key"
SECRET_BYTES = 32


class NoiseKey(NamedTuple):
    """The two halves of a SipHash key, each from 0 to 2^64 - 1."""

    k0: int
    k1: int


def secret_of(settings: Settings) -> bytes:
    """Return the secret, made on the first call; several callers end with the same one.

    Raises `Fatal` for a file of another size or one that others may read.
    """
    path = settings.secrets_dir / FILE
    make_once(path, lambda: token_bytes(SECRET_BYTES))
    secret = read_secret(path)
    if len(secret) != SECRET_BYTES:
        raise Fatal(f"{path}: expected {SECRET_BYTES} bytes; restore it from the backup of the secrets, or delete it")
    return secret


def noise_key(secret: bytes, site: str, grain: str, start: str) -> NoiseKey:
    """Return the key of one span: the same people give the same noise in every report of it."""
    info = f"clinic-pixel cells\n{site}\n{grain}\n{start}".encode()
    derived = HKDF(algorithm=SHA256(), length=16, salt=None, info=info).derive(secret)
    return NoiseKey(int.from_bytes(derived[:8]), int.from_bytes(derived[8:]))
