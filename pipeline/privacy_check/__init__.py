"""`verify-privacy`: send invented identifiers through the running system and search everything it wrote for them.

Owns the invented identifiers, the requests and the search. May use `traffic`, `keys`, `audit`, `database` and below, never the
code that it checks. Only its own command runs it.
"""

__all__ = ["commands"]
