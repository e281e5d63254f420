"""Removes identifiers from text and paths before they are stored.

Owns the patterns of identifiers and the redaction. Pure: no clock, no file, no randomness. May use the
root only. `pages` uses all of it, the edge and enrichment parts of it.
"""

__all__ = ["decode", "identifiers", "paths", "redact", "urls"]
