"""Whose address a request came from, and what is known of the address's network.

Owns the reading of forwarded addresses, the MMDB files and the compiled address lists. May use `system` and the root.
Others read addresses with `address` and look networks up with `lookup`.
"""

__all__ = ["address", "commands", "lists", "lookup"]
