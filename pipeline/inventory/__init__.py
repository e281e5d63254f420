"""Every stored column: which clause allows it, who reaches it, what a leak of it would tell.

Owns the reading of `sql/inventory.toml` and the exposure report. May use `reports`, `keys`, `audit`, `database` and below.
The privacy page, `subjects` and the documentation read `columns`.
"""

__all__ = ["columns", "commands", "docs_page"]
