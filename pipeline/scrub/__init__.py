"""Text and addresses from a browser become text that may be stored (design: 03-privacy, "Scrubbing").

Owns the patterns that find identifiers and the ways to redact them. Pure: no clock, no file, no randomness. May use the
root only. The edge uses `page`, `redact` and `query`; enrichment uses `redact`.
"""

__all__ = ["decode", "page", "redact", "urls"]
