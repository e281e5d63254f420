"""One person's request, as a case that other tests change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pipeline.subjects.request_code import Request, fingerprint
from pipeline.subjects.requests import PersonRequest

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CODE = "7ABCD-00000"
REQUEST = Request(NOW - timedelta(minutes=5), {2026: 77})
CASE = PersonRequest(
    case="12/2026-№4",
    requester="Anna",
    basis="request",
    opened=NOW,
    due=date(2026, 12, 4),
    changed=NOW,
    first=date(2026, 8, 22),
    last=NOW.date(),
    visitors={2026: 77},
    code=fingerprint(CODE),
    made=REQUEST.made,
)
