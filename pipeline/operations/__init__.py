"""Operation of a machine: start everything, migrate the database, diagnose, write the documentation.

Owns the supervisor, the migrations and `doctor`. May use every room but `backup`, which migrates
the database that it restores; the dashboards show what `doctor` says.
"""

__all__ = ["commands", "doctor", "migrate"]
