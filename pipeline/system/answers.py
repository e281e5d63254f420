"""The check whether a service of ours (the collector, ClickHouse) answers at an address.

Owns that check. Rules: one try, no redirect is followed, and no part of the answer or the error is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import urllib3


class CertificateNotTrusted(Exception):
    """The service has a certificate of an authority that is not trusted, of another host, or one that has ended."""


def answer_of(
    url: str, *, timeout: float = 1.0, ca: Path | None = None, fields: Mapping[str, str] | None = None
) -> urllib3.BaseHTTPResponse | None:
    """Return the answer to a GET with any status, or None if none came within `timeout` seconds.

    `ca` is the PEM file of the only authority that is trusted; without it those are that this system trusts. `fields` are
    header fields of the request. Raises `CertificateNotTrusted`.
    """
    with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=ca and str(ca)) as pool:
        try:
            return pool.request("GET", url, headers=fields, timeout=timeout, retries=False)
        except urllib3.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise CertificateNotTrusted from None
            return None
        except (urllib3.exceptions.HTTPError, OSError):
            return None


def is_ready(url: str) -> bool:
    """Return whether an address answers with 200."""
    answer = answer_of(url)
    return answer is not None and answer.status == 200
