"""The worker process: it delivers the spool to ClickHouse and does the daily work.

Owns the worker's loop, its threads and its timetable. May use every room below. `operations` reads `status` and
`retention`.
"""

__all__ = ["commands", "retention", "status"]
