"""The mathematics of the problems engine: from the numbers of a site by hour to findings.

Owns the table of watches, the usual numbers, the sequential evidence, and the choice of the cause among its symptoms. Pure: it knows no
clock and no database. May use `settings` and below. `problems` uses it.
"""

__all__ = ["causes", "detect", "evidence", "look", "series", "watches"]
