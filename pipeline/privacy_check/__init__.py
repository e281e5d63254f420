"""`verify-privacy`: send invented people through the running system and search every written byte for them.

Owns the invented people, the attack and the search. May use `traffic`, `keys`, `audit`, `database` and below, never the
code that it checks. Only its own command runs it.
"""

__all__ = ["commands"]
