"""`enrich`: turns an `Event` into its `Row`.

Owns the order of the steps, the columns that they add and the reasons for which a record is rejected. Pure: a retry gives
the same row. May use `scrub`, `networks` and below. `delivery` and `ship` call it.
"""

__all__ = ["rows", "steps", "technical"]
