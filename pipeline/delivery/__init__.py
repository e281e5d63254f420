"""Exactly once: each event of the spool becomes one row in ClickHouse.

Owns the plan of a batch, the journal, the protocol of inserting and reading back, and the rejected records. May use
`enrich`, `spool`, `database` and below. Only `ship` runs it.
"""

__all__ = ["build", "exactly_once", "journal", "journal_entries", "plan", "segment_numbers", "store", "tally"]
