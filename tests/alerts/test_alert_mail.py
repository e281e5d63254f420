"""Alerts by mail against a real SMTP server: encryption, login, envelope, hostile texts."""

from __future__ import annotations

import logging
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.alerts.mail import mail_of, password_file, send_mail
from pipeline.alerts.policy import Message, Told
from pipeline.alerts.texts import LONGEST_TITLE
from pipeline.errors import Fatal, Retryable
from pipeline.settings.alerts import Alerts, Language, Mail
from support.certificates import make_certificate
from support.problems import NOW, ended, told
from support.receivers import SmtpReceiver, dripping

AT = int(NOW.timestamp())
PASSWORD = "correct horse"


def alert(kind: str = "opened", *lines: Told) -> Message:
    return Message(id="0123456789abcdef", kind=kind, site="clinic", at=NOW, told=lines or (told("a1b2c3d4"),))  # type: ignore[arg-type]


def by(port: int, *, ca_file: Path | None = None, language: Language = "en", **given: Any) -> Alerts:
    fields = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "pixel@clinic.example",
        "recipients": ("ops@clinic.example", "night@clinic.example"),
        **given,
    }
    return Alerts(sinks=("mail",), mail=Mail(**fields), ca_file=ca_file, language=language)


def text_of(content: bytes) -> str:
    return str(parsed(content).get_content()).replace("\r\n", "\n")


def parsed(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A directory of secrets with the password of the mail server."""
    directory = tmp_path / "secrets"
    directory.mkdir(mode=0o700)
    password_file(directory).touch(mode=0o600)
    password_file(directory).write_text(f"{PASSWORD}\n")
    return directory


@pytest.mark.parametrize("at_once", [False, True])
def test_a_mail_is_sent_with_login_over_an_encrypted_connection(tmp_path: Path, secrets: Path, at_once: bool) -> None:
    issuer, tls = make_certificate(tmp_path, "127.0.0.1")
    with SmtpReceiver(tls=tls, at_once=at_once) as server:
        security = "tls" if at_once else "starttls"
        send_mail(by(server.port, ca_file=issuer, security=security, user="pixel"), secrets, alert(), AT)
    [received] = server.mails
    assert received.encrypted
    assert received.login == ("pixel", PASSWORD)
    assert received.sender == "pixel@clinic.example"
    assert received.recipients == ["ops@clinic.example", "night@clinic.example"]
    mail = parsed(received.content)
    assert mail["Subject"] == "[clinic] Problem: Title of a1b2c3d4"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<0123456789abcdef.clinic-pixel@clinic.example>"
    assert mail.get_content_type() == "text/plain"
    assert "Sentence of a1b2c3d4." in mail.get_content()
    assert "clinic-pixel problems mute a1b2c3d4" in mail.get_content()


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("of_another_host", [False, True])
def test_a_server_whose_certificate_is_not_verified_gets_neither_password_nor_mail(
    tmp_path: Path, secrets: Path, at_once: bool, of_another_host: bool
) -> None:
    issuer, tls = make_certificate(tmp_path, "mail.example" if of_another_host else "127.0.0.1")
    with SmtpReceiver(tls=tls, at_once=at_once) as server:
        security = "tls" if at_once else "starttls"
        alerts = by(server.port, ca_file=issuer if of_another_host else None, security=security, user="pixel")
        with pytest.raises(Retryable, match="its certificate is not valid"):
            send_mail(alerts, secrets, alert(), AT)
    assert (server.mails, server.logins) == ([], [])


def test_a_server_without_starttls_gets_neither_password_nor_mail(secrets: Path) -> None:
    with SmtpReceiver(offers_starttls=False) as server, pytest.raises(Retryable, match="does not offer"):
        send_mail(by(server.port, user="pixel"), secrets, alert(), AT)
    assert (server.mails, server.logins) == ([], [])
    assert [command.split()[0] for command in server.commands if command] == ["EHLO"]


def test_a_server_on_this_machine_may_take_mails_without_encryption(secrets: Path) -> None:
    with SmtpReceiver() as server:
        send_mail(by(server.port, security="none"), secrets, alert(), AT)
    assert [(mail.encrypted, mail.login) for mail in server.mails] == [(False, None)]
    assert server.commands[0] == "EHLO clinic.example"


@pytest.mark.parametrize(
    ("kind", "line", "language", "expected"),
    [
        ("opened", told("a", title="Страница записи молчит"), "ru", "[clinic] Неполадка: Страница записи молчит"),
        (
            "resolved",
            ended("a", NOW, title="Страница записи молчит"),
            "ru",
            "[clinic] Устранено: Страница записи молчит",
        ),
        ("resolved", ended("a", NOW, title="The page is silent"), "en", "[clinic] Resolved: The page is silent"),
        ("digest", told("a"), "ru", "[clinic] Неполадки за неделю (1)"),
    ],
)
def test_a_mail_in_either_language_arrives_as_it_was_written(
    secrets: Path, kind: str, line: Told, language: Language, expected: str
) -> None:
    with SmtpReceiver() as server:
        send_mail(by(server.port, security="none", language=language), secrets, alert(kind, line), AT)
    content = server.mails[0].content
    assert content.isascii()
    assert max(map(len, content.splitlines())) <= 78
    assert parsed(content)["Subject"] == expected
    assert line.sentence in text_of(content)


HOSTILE = [
    "x\r\nBcc: thief@evil.example",
    "x\nBcc: thief@evil.example\n\nbody",
    "x\u2028Bcc: thief@evil.example",
    "x\x85Bcc: thief@evil.example",
    "x\x00\x1b[2J\u202e\u200b",
    "x\r\n.\r\nMAIL FROM:<thief@evil.example>",
    "=?utf-8?q?x=0ABcc=3A_thief=40evil=2Eexample?=",
    "\ud800x",
    "ы" * 5000,
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_adds_no_header_no_recipient_and_no_second_mail(secrets: Path, text: str) -> None:
    with SmtpReceiver() as server:
        send_mail(by(server.port, security="none"), secrets, alert("opened", told("a", title=text, sentence=text)), AT)
    [received] = server.mails
    assert received.recipients == ["ops@clinic.example", "night@clinic.example"]
    mail = parsed(received.content)
    names = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    ]
    assert sorted(mail.keys()) == sorted(names)
    assert len(mail["Subject"]) <= LONGEST_TITLE + 30
    if text.startswith("=?"):
        assert mail["Subject"] == f"[clinic] Problem: {text}"
    assert not set(mail["Subject"]) & set("\r\n\x00\x1b\u202e\u200b\u2028\x85")
    assert text_of(received.content).count("\n-- \n") == 1


def test_a_digest_has_one_line_for_each_problem_and_counts_those_beyond_its_length(secrets: Path) -> None:
    message = msgspec.structs.replace(alert("digest", told("p0", sentence="One\nmore."), told("p1")), more=7)
    content = text_of(bytes(mail_of(message, by(25), AT)))
    listed = [line for line in content.splitlines() if line.startswith("- ")]
    assert listed[0] == "- Title of p0. One more. [p0]"
    assert len(listed) == 2
    assert mail_of(message, by(25), AT)["Subject"] == "[clinic] Problems of the week (9)"
    assert "and 7 more" in content


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("AUTH", "535 hunter2 is wrong", "answered 535 (SMTPAuthenticationError)"),
        ("MAIL", "550 no", "answered 550 (SMTPSenderRefused)"),
        ("RCPT", "550 no", "refuses every recipient"),
        ("DATA", "451 later", "answered 451 (SMTPDataError)"),
    ],
)
def test_a_refusal_of_the_server_is_an_error_that_repeats_nothing_of_its_words(
    tmp_path: Path, secrets: Path, command: str, answer: str, said: str
) -> None:
    issuer, tls = make_certificate(tmp_path, "127.0.0.1")
    with SmtpReceiver(tls=tls, refused={command: answer}) as server, pytest.raises(Retryable) as error:
        send_mail(by(server.port, ca_file=issuer, user="pixel"), secrets, alert(), AT)
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)
    assert PASSWORD not in str(error.value)


def test_a_connection_that_ends_after_the_mail_was_taken_is_a_success(secrets: Path) -> None:
    with SmtpReceiver(rude=True) as server:
        send_mail(by(server.port, security="none"), secrets, alert(), AT)
    assert len(server.mails) == 1


def test_a_mail_that_some_recipients_do_not_get_counts_as_sent_and_is_logged(
    secrets: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SmtpReceiver(unknown="night@clinic.example") as server:
        send_mail(by(server.port, security="none"), secrets, alert(), AT)
    assert server.mails[0].recipients == ["ops@clinic.example"]
    assert "the mail server refuses 1 of 2 recipients" in caplog.text
    assert "night@" not in caplog.text


def test_a_server_that_answers_byte_by_byte_does_not_keep_ship_waiting(secrets: Path) -> None:
    with dripping(b"220-wait\r\n", every_seconds=0.05) as port:
        begin = time.monotonic()
        with pytest.raises(Retryable, match="closed the connection, or did not answer in time"):
            send_mail(by(port, security="none"), secrets, alert(), AT, seconds=0.5)
        assert time.monotonic() - begin < 3.0


def test_a_missing_empty_or_open_password_is_named_before_anybody_is_asked(tmp_path: Path, secrets: Path) -> None:
    with SmtpReceiver() as server:
        alerts, file = by(server.port, security="none", user="pixel"), password_file(secrets)
        file.chmod(0o644)
        with pytest.raises(Fatal, match="others can reach it"):
            send_mail(alerts, secrets, alert(), AT)
        file.chmod(0o600)
        file.write_text("\n")
        with pytest.raises(Fatal, match=r"smtp\.password: is empty"):
            send_mail(alerts, secrets, alert(), AT)
        file.unlink()
        with pytest.raises(Fatal, match=r"write the password of alerts\.mail\.user"):
            send_mail(alerts, secrets, alert(), AT)
    assert server.commands == []


def test_no_password_reaches_the_log(tmp_path: Path, secrets: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    issuer, tls = make_certificate(tmp_path, "127.0.0.1")
    with SmtpReceiver(tls=tls) as server:
        send_mail(by(server.port, ca_file=issuer, user="pixel"), secrets, alert(), AT)
    assert len(server.mails) == 1
    assert PASSWORD not in caplog.text
