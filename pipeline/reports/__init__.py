"""SQL files that became views, and how one of them is asked.

Owns the header of a report file, the catalogue of all reports and their documentation. May use `database`, `audit` and
below. The commands and the dashboards ask reports through `run`.
"""

__all__ = ["commands", "docs_page", "header", "run"]
