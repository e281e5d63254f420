"""The address of a report page: its period, its filters, and the order of the rows.

Owns the names of the filters in an address, and the words about a period that cannot be.
"""

__all__ = ["order", "wanted"]
