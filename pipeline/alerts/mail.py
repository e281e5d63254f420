"""Alerts by mail: plain text over SMTP, encrypted with a verified certificate.

Owns the form of the mail and the talk with the server. Rules: without encryption nothing is sent, neither the password nor the mail,
except to this machine; a text from a problem cannot add a header or a recipient.
"""

from __future__ import annotations

import logging
import smtplib
from contextlib import suppress
from datetime import UTC, datetime
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from pathlib import Path

from pipeline.alerts.connections import SILENCE_SECONDS, WHOLE_SECONDS, NotTaken, cut_off, trouble, verifying
from pipeline.alerts.policy import Message
from pipeline.alerts.texts import body, subject
from pipeline.errors import Fatal, Retryable
from pipeline.settings.alerts import Alerts, Mail
from pipeline.system.secrets import read_secret

log = logging.getLogger(__name__)


def password_file(secrets_dir: Path) -> Path:
    """Return the file of the password, which a person writes."""
    return secrets_dir / "smtp.password"


def mail_of(message: Message, alerts: Alerts, at: int) -> MIMEText:
    """Return the mail of an alert that is sent at a time in Unix seconds."""
    domain = alerts.mail.sender.rpartition("@")[2]
    mail = MIMEText(body(message, alerts.language).replace("\n", "\r\n"), "plain", "utf-8")
    mail["From"] = formataddr(("clinic-pixel", alerts.mail.sender))
    mail["To"] = ", ".join(alerts.mail.recipients)
    mail["Subject"] = _header(subject(message, alerts.language))
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Message-ID"] = f"<{message.id}.clinic-pixel@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def _header(text: str) -> str:
    """Return the encoded form of a header whose text means itself.

    `EmailMessage` would decode a text such as `=?utf-8?q?x=0ABcc=3A...?=` and write the line break that it hides as a new header; it
    also loses spaces between words of other letters (both seen with Python 3.11.7).
    """
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    return Header(text, charset, header_name="Subject").encode()


def send_mail(alerts: Alerts, secrets_dir: Path, message: Message, at: int, *, seconds: float = WHOLE_SECONDS) -> None:
    """Send an alert at a time in Unix seconds; one recipient that the server takes is enough.

    Raises `Retryable` when the server does not take the mail, `Fatal` without a usable file of the password.
    """
    given = alerts.mail
    password = _password(password_file(secrets_dir)) if given.user else ""
    mail = mail_of(message, alerts, at)
    try:
        server = _server(given, alerts.ca_file)
        try:
            with cut_off(lambda: server.sock, seconds):
                _talk(server, alerts, password, mail)
        finally:
            server.close()
    except smtplib.SMTPRecipientsRefused:
        raise NotTaken("the server refuses every recipient") from None
    except smtplib.SMTPResponseException as error:
        kind = NotTaken if error.smtp_code >= 500 else Retryable
        raise kind(f"the server answered {error.smtp_code} ({type(error).__name__})") from None
    except smtplib.SMTPNotSupportedError:
        raise Retryable(
            "the server does not offer what the settings ask for (STARTTLS, or the login of a user)"
        ) from None
    except smtplib.SMTPServerDisconnected:
        raise Retryable("the server closed the connection, or did not answer in time") from None
    except (OSError, UnicodeError) as error:  # smtplib's other errors are of this kind, too
        raise Retryable(trouble(error)) from None


def _server(given: Mail, ca_file: Path | None) -> smtplib.SMTP:
    own_name = given.sender.rpartition("@")[2]  # the host's name is nobody's business
    if given.security == "tls":
        return smtplib.SMTP_SSL(local_hostname=own_name, timeout=SILENCE_SECONDS, context=verifying(ca_file))
    return smtplib.SMTP(local_hostname=own_name, timeout=SILENCE_SECONDS)


def _talk(server: smtplib.SMTP, alerts: Alerts, password: str, mail: MIMEText) -> None:
    given = alerts.mail
    # The name that the certificate must have. smtplib takes it only where it connects at once, outside of the time limit.
    server._host = given.host  # type: ignore[attr-defined]  # noqa: SLF001
    code, _ = server.connect(given.host, given.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, "")
    if given.security == "starttls":
        server.starttls(context=verifying(alerts.ca_file))
    if given.user:
        server.login(given.user, password)
    refused = server.send_message(mail, given.sender, list(given.recipients))
    if refused:
        log.warning("the mail server refuses %d of %d recipients", len(refused), len(given.recipients))
    with suppress(OSError):  # the mail was taken: a rude end must not send it again
        server.quit()


def _password(file: Path) -> str:
    try:
        password = read_secret(file).decode().strip("\r\n")
    except FileNotFoundError:
        raise Fatal(f"{file}: is missing; write the password of alerts.mail.user into it (mode 0600)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Fatal(f"{file}: cannot be read ({type(error).__name__})") from None
    if not password:
        raise Fatal(f"{file}: is empty; expected the password of alerts.mail.user")
    return password
