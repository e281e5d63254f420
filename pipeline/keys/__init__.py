"""The secret keys of days and years: made, used, reversed on order, destroyed.

Owns the key directory and everything that is computed with a key. May use `audit`, `database`, `system` and the root.
The edge asks `ring` for the tokens of a day; `ship` and the commands destroy keys through `destruction`.
"""

__all__ = ["commands", "destruction", "directory", "holds", "ring", "tokens"]
