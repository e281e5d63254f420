"""The client's address of a request, and the facts of its network.

Owns the reading of forwarded addresses, the MMDB files and where they come from, the compiled address lists, the built-in
classes of providers, the reloading of files that change, and the keys of signing programs. May use `signatures`, `system`
and the root. Other rooms read addresses with `address`, look networks up with `lookup`, find the files in force with
`fetched` and keep files in memory with `loaded_file`.
"""

__all__ = ["address", "commands", "fetched", "lists", "loaded_file", "lookup", "providers", "signed_agents"]
