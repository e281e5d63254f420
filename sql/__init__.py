"""All SQL, in files a person can run by hand: migrations, views, access, reports.

Owns where the files are; nothing here opens a connection.
"""

from __future__ import annotations

from pathlib import Path

SQL_DIR = Path(__file__).parent
MIGRATIONS_DIR = SQL_DIR / "migrations"
REPORTS_DIR = SQL_DIR / "reports"
ACCESS_DIR = SQL_DIR / "access"
VIEWS_DIR = SQL_DIR / "views"
