"""What an address may ask of a report, and in which order its rows come.

Owns the names of the filters in an address, and what is said about a period that cannot be.
"""

__all__ = ["order", "wanted"]
