"""The commands of a security reviewer: the queue of cases, one case in full, the verdict on it, the health of the signals.

Owns the reading of the views of `fraud`, the audit of what was read and why, and `pixel.verdicts`. May use `fraud`, `claims` and the rooms below
them.
"""

__all__ = ["cases", "commands", "docs_page"]
