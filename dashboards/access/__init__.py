"""The right to see a page: roles, people with passwords, sessions, and limits.

Owns the file `dashboards/access.sqlite` of the data directory; nothing of a visitor is in it. Uses `pipeline.system` and `pipeline.audit`.
"""

__all__ = ["commands", "limits", "links", "passwords", "people", "roles", "sessions", "store", "tally"]
