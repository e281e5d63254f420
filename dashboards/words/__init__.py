"""Every text of the pages, in both languages, and the form of numbers and times.

Owns the files `*.en.toml` and `*.ru.toml`; a text with a number has the plural forms of its language (CLDR).
"""

__all__ = ["catalogue"]
