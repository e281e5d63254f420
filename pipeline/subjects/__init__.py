"""What a person may ask for (policy clause 6.2.4): find, block, unblock, export, erase.

Owns a person's requests and every deletion at request. May use `inventory`, `delivery`, `spool`, `keys`, `audit`,
`database` and below. `ship` removes through `erasure` what an erased person left on the way.
"""

__all__ = ["commands", "erasure", "request_code", "rows"]
