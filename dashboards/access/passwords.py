"""Passwords: argon2id with the parameters of RFC 9106 for little memory, and the rule for a new one.

Owns the hashing. At most two checks run at once: each takes 64 MiB.
"""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST: Final = 12
LONGEST: Final = 200
_AT_ONCE: Final = BoundedSemaphore(2)
_HASHER: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def refusal(password: str, name: str) -> str:
    """Return the key of the text that says why a new password is refused, '' where it is taken."""
    if len(password) < SHORTEST:
        return "password_short"
    if len(password) > LONGEST:
        return "password_long"
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        return "password_plain"
    return ""


def hashed(password: str) -> str:
    """Return the password in the form in which it is stored."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_right(password: str, stored: str) -> bool:
    """Return whether it is the stored password; '' stands for nobody and takes as long as a wrong one."""
    with _AT_ONCE:
        try:
            _HASHER.verify(stored or _nobody(), password)
        except (Argon2Error, InvalidHashError):
            return False
        return bool(stored)


def prepare() -> None:
    """Make what the first unknown name would otherwise wait for."""
    _nobody()


@cache
def _nobody() -> str:
    return _HASHER.hash("the password of nobody")
