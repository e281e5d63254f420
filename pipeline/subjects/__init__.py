"""Requests of a person (policy clause 6.2.4): find, block, unblock, export, erase.

Owns a person's requests and every deletion at request. May use `inventory`, `delivery`, `spool`, `keys`, `audit`,
`database` and below. `ship` uses `erasure` to remove an erased person's events that arrive late.
"""

__all__ = ["commands", "desk", "erasure", "request_code", "requests", "rows"]
