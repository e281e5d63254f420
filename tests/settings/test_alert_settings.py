"""The settings of alerts: what is refused, in words that hold no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.settings.alerts import Alerts
from pipeline.settings.model import load

MAIL = '[alerts.mail]\nhost = "mail.clinic.example"\nsender = "p@clinic.example"\nrecipients = ["o@clinic.example"]\n'


def loaded(tmp_path: Path, text: str) -> Alerts:
    file = tmp_path / "pixel.toml"
    file.write_text(text, encoding="utf-8")
    return load(file).alerts


def test_nothing_leaves_the_machine_by_default() -> None:
    assert Alerts().sinks == ()
    assert Alerts().per_week == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/services/T0/B0/x",
        "https://hooks.example:8443/a?token=b",
        "https://[2001:db8::7]/hook",
        "http://127.0.0.1:9000/",
        "http://localhost:9000",
        "http://[::1]:9000/x",
    ],
)
def test_an_address_of_a_webhook_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, f'[alerts]\nsinks = ["webhook"]\nwebhook_url = "{url}"').webhook_url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/S3CRET", "http is for a receiver on this machine alone"),
        ("http://127.0.0.1.evil.example/S3CRET", "http is for a receiver on this machine alone"),
        ("https://user:S3CRET@hooks.example/", "without user, password and fragment"),
        ("https://hooks.example/#S3CRET", "without user, password and fragment"),
        ("https://hooks.example/S3CRET x", "without spaces"),
        ("https://hooks.example/S3CRET\\r\\nX: y", "without spaces"),
        ("https://hooks.example/S3CRET/ы", "without spaces"),
        ("https://hooks.example:99999/S3CRET", "in full"),
        ("https:///S3CRET", "without spaces|in full"),
        ("ftp://hooks.example/S3CRET", "expected an address"),
        ("S3CRET", "expected an address"),
    ],
)
def test_another_address_is_refused_and_not_shown(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(Fatal, match=said) as refusal:
        loaded(tmp_path, f'[alerts]\nwebhook_url = "{url}"')
    assert "alerts.webhook_url" in str(refusal.value)
    assert "S3CRET" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[alerts]\nsinks = ["webhook"]', 'the sink "webhook" needs webhook_url'),
        ('[alerts]\nsinks = ["mail"]', 'the sink "mail" needs mail.host, mail.sender and mail.recipients'),
        ('[alerts]\nsinks = ["mail", "mail"]\n' + MAIL, "every sink must be named once"),
        ('[alerts]\nsinks = ["pager"]', "'webhook' or 'mail'"),
        ("[alerts]\nper_week = -1", "greater than or equal to 0"),
        ("[alerts]\nper_week = true", "expected a number"),
        ("[alerts]\ndigest_hour = 24", "less than or equal to 23"),
        ('[alerts]\ndigest_day = "Monday"', "'monday'"),
        ('[alerts]\nlanguage = "de"', "'en' or 'ru'"),
        (MAIL + 'security = "none"', "is for a server on this machine alone"),
        (MAIL + 'security = "ssl"', "'starttls', 'tls' or 'none'"),
        (MAIL + 'password = "hunter2"', "unknown key alerts.mail.password"),
        ('[alerts.mail]\nhost = "smtp://mail.clinic.example"', "expected the name of a server"),
        ('[alerts.mail]\nsender = "pixel"', "expected a mail address alone"),
        ('[alerts.mail]\nsender = "a@b.example>\\nRCPT TO:<c@d.example"', "expected a mail address alone"),
        ('[alerts.mail]\nrecipients = ["a@b.example, c@d.example"]', "expected a mail address alone"),
        ('[alerts.mail]\nrecipients = ["a@b.example\\n"]', "expected a mail address alone"),
        ('[alerts.mail]\nuser = "a b"', "String should match pattern"),
    ],
)
def test_a_setting_of_alerts_that_cannot_work_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Fatal) as refusal:
        loaded(tmp_path, text)
    assert said in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_mail_server_of_this_machine_needs_no_encryption(tmp_path: Path, host: str) -> None:
    assert loaded(tmp_path, f'[alerts.mail]\nhost = "{host}"\nsecurity = "none"').mail.host == host
