"""The client's address of a request, and the facts of its network.

Owns the reading of forwarded addresses, the MMDB files, the compiled address lists and the reloading of files that
change, and the keys of signing programs. May use `signatures`, `system` and the root. Other rooms read addresses with
`address`, look networks up with `lookup` and keep files in memory with `loaded_file`.
"""

__all__ = ["address", "commands", "lists", "loaded_file", "lookup", "signed_agents"]
