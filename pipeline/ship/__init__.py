"""The worker process: it carries the spool into ClickHouse and does the daily work.

Owns the worker's loop, its threads and its timetable. May use every room below. `operations` reads `status` and
`retention`.
"""

__all__ = ["commands", "retention", "status"]
