"""Asks whether a service of ours answers at an address: the collector, ClickHouse.

Rules: one try, no redirect followed, and neither the answer nor the error is logged.
"""

from __future__ import annotations

import urllib3


def answer_of(url: str, *, timeout: float = 1.0) -> urllib3.BaseHTTPResponse | None:
    """Return the answer to a GET, whatever its status, or None where none came within `timeout` seconds."""
    try:
        return urllib3.request("GET", url, timeout=timeout, retries=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return None


def is_ready(url: str) -> bool:
    """Return whether an address answers with 200."""
    answer = answer_of(url)
    return answer is not None and answer.status == 200
