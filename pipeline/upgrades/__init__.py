"""Which version wrote the files of a data directory, so that an older one leaves them alone.

Owns `format.json` of the data directory. May use `system`, `settings` and the root. The collector, `ship`, `migrate` and `backup`
ask it when they start.
"""

__all__ = ["stamp"]
