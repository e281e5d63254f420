"""`doctor --cluster`: every shard and replica of a cluster, examined.

Owns the questions to the servers and their sentences. May use `database` and below. Only `operations` uses it.
"""

__all__ = ["check"]
