"""The guarantees of the operating system: private files, durable writes, no core dumps; and the printing of commands.

Owns the calls to the operating system that others must not repeat: owner and mode of a private file, the atomic
replacement of a file, locks, process limits, the end of a process after an error, the terminal, the check whether a
service answers. May use `pipeline.errors` only. Every room may use it.
"""

__all__ = ["answers", "console", "durable_files", "faults", "hardening", "locks", "private_files", "secrets", "swap"]
