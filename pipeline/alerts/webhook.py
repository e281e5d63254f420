"""The webhook: one signed POST of JSON for each alert.

Owns the signature: `X-Clinic-Pixel-Signature: t=UNIX,v1=HEX`, where HEX is the HMAC-SHA-256 of `UNIX.BODY` under the secret in
`secrets/webhook.key`; docs/runbook.md has the lines that verify it. Rules: no redirect is followed, because the alert would go to an
address that nobody configured; every answer but 2xx is an error; the body of an answer is not read.
"""

from __future__ import annotations

import hashlib
import hmac
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from pipeline.alerts.connections import SILENCE_SECONDS, WHOLE_SECONDS, NotTaken, cut_off, trouble, verifying
from pipeline.alerts.policy import Message
from pipeline.alerts.texts import webhook_body
from pipeline.errors import Retryable
from pipeline.settings.alerts import Alerts
from pipeline.system.secrets import read_or_make_secret

SIGNATURE: Final = "X-Clinic-Pixel-Signature"


def secret_file(secrets_dir: Path) -> Path:
    """Return the file of the secret, which the receiver needs, too."""
    return secrets_dir / "webhook.key"


def signature(secret: str, body: bytes, at: int) -> str:
    """Return the value of the header for a body that is sent at a time in Unix seconds."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def post(alerts: Alerts, secrets_dir: Path, message: Message, at: int, *, seconds: float = WHOLE_SECONDS) -> None:
    """Send an alert at a time in Unix seconds.

    Raises `Retryable` when the receiver does not answer with 2xx, `Fatal` when the file of the secret is not private.
    """
    body = webhook_body(message, alerts.language)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "clinic-pixel",
        "Idempotency-Key": message.id,
        SIGNATURE: signature(read_or_make_secret(secret_file(secrets_dir)), body, at),
    }
    try:
        status = _status(alerts, body, headers, seconds)
    except (HTTPError, HTTPException, OSError, UnicodeError) as error:
        raise Retryable(trouble(error)) from None
    if 300 <= status < 400:
        raise Retryable(f"answered {status}: a redirect is not followed; set the final address in alerts.webhook_url")
    if 400 <= status < 500:
        raise NotTaken(f"answered {status}")
    if not 200 <= status < 300:
        raise Retryable(f"answered {status}")


def _status(alerts: Alerts, body: bytes, headers: dict[str, str], seconds: float) -> int:
    parts = urlsplit(alerts.webhook_url)
    host = parts.hostname or ""
    connection = (
        HTTPSConnection(host, parts.port, timeout=SILENCE_SECONDS, ssl_context=verifying(alerts.ca_file))
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=SILENCE_SECONDS)
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with cut_off(lambda: connection.sock, seconds):
            connection.request("POST", target, body=body, headers=headers, preload_content=False)
            return connection.getresponse().status
    finally:
        connection.close()
