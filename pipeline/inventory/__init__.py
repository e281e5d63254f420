"""Every stored column: the clause that allows it, its readers, and the meaning of a leak.

Owns the reading of `sql/inventory.toml` and the exposure report. May use `reports`, `keys`, `audit`, `database` and below.
The privacy page, `subjects` and the documentation read `columns`.
"""

__all__ = ["columns", "commands", "docs_page", "exposure", "readers"]
