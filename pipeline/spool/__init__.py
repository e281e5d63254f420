"""The files between the collector and the shipper.

Owns the format of a record, the segments and their recovery, and the promise that an accepted event is on disk. May use
`system` and the root. The collector uses `append` and `counters`; the shipper uses `segments`, `records` and `disposal`.
"""

__all__ = ["append", "commands", "counters", "disposal", "framing", "records", "recovery", "segments"]
