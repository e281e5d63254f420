"""Signed requests of programs (Web Bot Auth): the keys that they publish, and the check of a signature.

Owns the reading of a key directory and the verification of RFC 9421 for Ed25519. Pure: keys, time and memory are arguments.
May use the root only. `networks` keeps the key files, `edge` checks the requests.
"""

__all__ = ["check", "key_set"]
