"""The secret keys of days and years: making, use, reversal of a token on order, destruction.

Owns the key directory and everything that is computed with a key. May use `audit`, `database`, `system` and the root.
The edge asks `ring` for the tokens of a day; `ship` and the commands destroy keys through `destruction`.
"""

__all__ = ["commands", "destruction", "directory", "holds", "listed", "proven_time", "ring", "sealed", "tokens"]
