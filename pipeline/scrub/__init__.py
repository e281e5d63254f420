"""Removes identifiers from text and addresses before they are stored.

Owns the patterns of identifiers and the redaction. Pure: no clock, no file, no randomness. May use the
root only. The edge uses `page`, `paths` and `redact`; `pages` uses `page` and `paths`; enrichment uses `redact`.
"""

__all__ = ["decode", "page", "paths", "query", "redact", "urls"]
