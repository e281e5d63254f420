"""One module for each section: what it asks and which template shows it."""

__all__ = ["overview", "report", "sign_in", "technical"]
