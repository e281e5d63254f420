"""The changes that can move a number: one row of `pixel.marks` for each change.

Owns the versions of everything that can change a number, the releases of the sites, and their rows. May use `database`,
`networks` and below. `ship` calls it.
"""

__all__ = ["commands", "record", "releases", "versions"]
