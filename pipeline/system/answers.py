"""The check whether a service of ours (the collector, ClickHouse) answers at an address.

Owns that check. Rules: one try, no redirect is followed, and no part of the answer or the error is logged.
"""

from __future__ import annotations

import urllib3


def answer_of(url: str, *, timeout: float = 1.0) -> urllib3.BaseHTTPResponse | None:
    """Return the answer to a GET with any status, or None if none came within `timeout` seconds."""
    try:
        return urllib3.request("GET", url, timeout=timeout, retries=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return None


def is_ready(url: str) -> bool:
    """Return whether an address answers with 200."""
    answer = answer_of(url)
    return answer is not None and answer.status == 200
