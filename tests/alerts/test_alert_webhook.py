"""The webhook against real servers: the signature, the body, certificates, redirects, slow answers."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts.policy import Message
from pipeline.alerts.webhook import SIGNATURE, post, secret_file
from pipeline.errors import Fatal, Retryable
from pipeline.settings.alerts import Alerts
from support.certificates import make_certificate
from support.problems import NOW, ended, told
from support.receivers import HttpReceiver, Post, dripping

AT = int(NOW.timestamp())
OPENED = Message(id="0123456789abcdef", kind="opened", site="clinic", at=NOW, told=(told("a1b2c3d4"),))
ROOT = Path(__file__).parents[2]


def to(port: int, path: str = "/hook?room=ops", scheme: str = "http", **given: Any) -> Alerts:
    return Alerts(webhook_url=f"{scheme}://127.0.0.1:{port}{path}", sinks=("webhook",), **given)


def sent_post(secrets: Path, message: Message = OPENED) -> Post:
    """Return the request that a receiver gets for an alert."""
    with HttpReceiver() as receiver:
        post(to(receiver.port), secrets, message, AT)
    [found] = receiver.posts
    return found


def documented_check() -> Any:
    """Return the function `is_genuine` that docs/runbook.md tells receivers to use."""
    [lines] = re.findall(r"```python\n(import hashlib\n.*?)```", (ROOT / "docs/runbook.md").read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(lines, found)  # noqa: S102 - the lines of our own documentation are under test
    return found["is_genuine"]


def test_the_documented_lines_accept_an_alert_and_refuse_every_change_of_it(tmp_path: Path) -> None:
    found, is_genuine = sent_post(tmp_path / "secrets"), documented_check()
    secret = secret_file(tmp_path / "secrets").read_text()
    header = found.headers[SIGNATURE]
    assert is_genuine(secret, header, found.body, now=AT + 10)
    assert not is_genuine(secret, header, found.body.replace(b"clinic", b"klinik"), now=AT)
    assert not is_genuine("another secret", header, found.body, now=AT)
    assert not is_genuine(secret, header.replace(str(AT), str(AT + 1)), found.body, now=AT)
    assert not is_genuine(secret, header, found.body, now=AT + 301)
    for broken in ("", "t=", "v1=00", f"t={AT}", "t=x,v1=y", "t=1,t=2", f"t={'9' * 5000},v1=00", f"{header},v1=ы"):
        assert not is_genuine(secret, broken, found.body, now=AT), broken


def test_the_body_has_the_problem_and_nothing_else(tmp_path: Path) -> None:
    found = sent_post(tmp_path / "secrets")
    assert found.path == "/hook?room=ops"
    assert found.headers["Content-Type"] == "application/json; charset=utf-8"
    assert found.headers["Idempotency-Key"] == OPENED.id
    assert json.loads(found.body) == {
        "alert": "0123456789abcdef",
        "kind": "opened",
        "site": "clinic",
        "at": "2026-11-25T12:00:00Z",
        "id": "a1b2c3d4",
        "title": "Title of a1b2c3d4",
        "sentence": "Sentence of a1b2c3d4.",
        "state": "open",
        "since": "2026-11-25T09:00:00Z",
        "until": None,
        "lost": {"low": 6, "about": 10, "high": 15},
    }


def test_a_digest_lists_its_problems_and_an_unknown_loss_is_null(tmp_path: Path) -> None:
    lines = (told("aa", title="Один", lost_high=float("inf")), ended("bb", NOW))
    digest = Message(id="d" * 16, kind="digest", site="clinic", at=NOW, told=lines)
    body = json.loads(sent_post(tmp_path / "secrets", digest).body)
    assert (body["kind"], body["number"], body["title"]) == ("digest", 2, "Problems of the week (2)")
    assert [(one["id"], one["title"], one["state"]) for one in body["problems"]] == [
        ("aa", "Один", "open"),
        ("bb", "Title of bb", "resolved"),
    ]
    assert body["problems"][0]["lost"] == {"low": 6, "about": 10, "high": None}


def test_the_secret_is_private_made_once_and_never_sent(tmp_path: Path) -> None:
    first, second = sent_post(tmp_path / "secrets"), sent_post(tmp_path / "secrets")
    assert first.headers[SIGNATURE] == second.headers[SIGNATURE]
    secret = secret_file(tmp_path / "secrets")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text()) == 43
    assert secret.read_text() not in str(first)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    sent_post(tmp_path / "secrets")
    secret_file(tmp_path / "secrets").chmod(0o644)
    with HttpReceiver() as receiver, pytest.raises(Fatal, match="others can reach it"):
        post(to(receiver.port), tmp_path / "secrets", OPENED, AT)
    assert receiver.posts == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_other_address_gets_nothing(tmp_path: Path, status: int) -> None:
    with HttpReceiver() as other:
        address = f"http://127.0.0.1:{other.port}/"
        said = f"answered {status}: a redirect is not followed"
        with HttpReceiver(lambda _: status, moved_to=address) as receiver, pytest.raises(Retryable, match=said):
            post(to(receiver.port), tmp_path / "secrets", OPENED, AT)
        assert len(receiver.posts) == 1
    assert other.posts == []


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_every_answer_but_2xx_is_an_error(tmp_path: Path, status: int) -> None:
    with HttpReceiver(lambda _: status) as receiver, pytest.raises(Retryable, match=f"^answered {status}$"):
        post(to(receiver.port), tmp_path / "secrets", OPENED, AT)


def test_a_server_with_a_certificate_of_the_named_issuer_gets_the_alert(tmp_path: Path) -> None:
    issuer, tls = make_certificate(tmp_path, "127.0.0.1")
    with HttpReceiver(tls=tls) as receiver:
        post(to(receiver.port, scheme="https", ca_file=issuer), tmp_path / "secrets", OPENED, AT)
    assert len(receiver.posts) == 1


def test_a_server_with_another_certificate_gets_nothing(tmp_path: Path) -> None:
    issuer, of_another_host = make_certificate(tmp_path, "hooks.example")
    with HttpReceiver(tls=of_another_host) as receiver:
        for ca_file, said in (
            (None, "certificate is not valid"),
            (issuer, "certificate is not valid: IP address mismatch$"),
        ):
            with pytest.raises(Retryable, match=said):
                post(to(receiver.port, scheme="https", ca_file=ca_file), tmp_path / "secrets", OPENED, AT)
    assert receiver.posts == []


def test_a_file_of_certificates_that_is_missing_is_named_as_trouble(tmp_path: Path) -> None:
    with HttpReceiver() as receiver, pytest.raises(Retryable, match="No such file"):
        post(to(receiver.port, scheme="https", ca_file=tmp_path / "none.pem"), tmp_path / "secrets", OPENED, AT)


def test_a_server_that_answers_byte_by_byte_is_cut_off(tmp_path: Path) -> None:
    with dripping(b"H", every_seconds=0.05) as port:
        begin = time.monotonic()
        with pytest.raises(Retryable):
            post(to(port), tmp_path / "secrets", OPENED, AT, seconds=0.5)
        assert time.monotonic() - begin < 3.0


def test_a_host_that_does_not_exist_is_an_error_in_words(tmp_path: Path) -> None:
    nowhere = Alerts(webhook_url="https://hooks.invalid/T0KEN", sinks=("webhook",))
    with pytest.raises(Retryable) as error:
        post(nowhere, tmp_path / "secrets", OPENED, AT)
    assert " " in str(error.value)
    assert "hooks" not in str(error.value)


def test_no_error_names_the_address_because_its_path_may_be_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with HttpReceiver() as receiver:
        port = receiver.port
    with pytest.raises(Retryable) as nobody_listens:
        post(to(port, "/T0KEN"), tmp_path / "secrets", OPENED, AT)
    with HttpReceiver(lambda _: 500) as receiver, pytest.raises(Retryable) as refused:
        post(to(receiver.port, "/T0KEN"), tmp_path / "secrets", OPENED, AT)
    assert str(nobody_listens.value) == "Connection refused"
    assert "T0KEN" not in f"{nobody_listens.value} {refused.value} {caplog.text}"
    assert "127.0.0.1" not in f"{nobody_listens.value} {refused.value} {caplog.text}"
