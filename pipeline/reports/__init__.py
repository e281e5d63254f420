"""The reports: SQL files that become views, and the query on one of them.

Owns the form of a report file, the list of reports, the text of every view, and the documentation of the reports. May use
`database`, `audit` and below. The commands and the dashboards ask reports through `run`; `migrate` takes its views from
`views`.
"""

__all__ = ["answers", "buckets", "catalogue", "commands", "docs_page", "header", "run", "statements", "views"]
