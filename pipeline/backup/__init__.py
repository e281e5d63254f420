"""Backup and restore: a copy of everything that a lost disk would take away, and its way back.

Owns the directories that `backup` writes and the order of a restore. May use `operations` and below. No room may use it.
"""

__all__ = ["commands"]
