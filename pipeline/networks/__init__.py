"""The client's address of a request, and the facts of its network.

Owns the reading of forwarded addresses, the MMDB files and the compiled address lists. May use `system` and the root.
Other rooms read addresses with `address` and look networks up with `lookup`.
"""

__all__ = ["address", "commands", "lists", "lookup"]
