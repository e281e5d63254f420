"""Who may see which page: roles, people with passwords, sessions, and the brake on guessing.

Owns the file `dashboards/access.sqlite` of the data directory; nothing of a visitor is in it. Uses `pipeline.system` and `pipeline.audit`.
"""

__all__ = ["brake", "commands", "lanes", "links", "passwords", "people", "roles", "sessions", "store"]
