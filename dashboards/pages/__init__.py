"""One module for each section: what it asks and which template shows it."""

__all__ = ["answered", "case", "evidence", "fraud", "overview", "problem", "report", "sign_in", "technical"]
