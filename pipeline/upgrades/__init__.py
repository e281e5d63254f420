"""The version that wrote the files of a data directory and the tables of a database, so that an older one leaves them alone.

Owns `run/format.json` of the data directory and the reading of `pixel.migrations`. May use `system`, `settings`, `sql` and the root. The collector,
`ship`, `migrate`, `backup` and `doctor` ask it.
"""

__all__ = ["schema", "stamp"]
