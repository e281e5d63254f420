"""The day of which tests store rows: a recent one, since ClickHouse drops rows and hides tokens that are too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
"""The start of the day before yesterday: over in every time zone, and younger than any retention."""
