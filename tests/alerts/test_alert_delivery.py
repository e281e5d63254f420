"""The step of `ship`: alerts on disk before they are sent, sinks that fail and recover, restarts."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts import send
from pipeline.alerts.outbox import LONGEST_PAUSE, MOST_WAITING, Outbox, outbox_file, read_outbox
from pipeline.alerts.policy import Message, Told
from pipeline.alerts.send import SINKS, deliver
from pipeline.operations import machine_checks
from pipeline.settings.model import Settings
from support.problems import NOW, ended, told
from support.receivers import HttpReceiver, SmtpReceiver, dripping

MINUTE = timedelta(minutes=1)


def settings_with(tmp_path: Path, sites: tuple[str, ...] = ("clinic",), **alerts: Any) -> Settings:
    return Settings.model_validate(
        {
            "data": tmp_path,
            "alerts": alerts,
            "sites": [{"id": name, "hosts": [f"{name}.example"]} for name in sites],
        }
    )


def webhook_to(tmp_path: Path, port: int, **alerts: Any) -> Settings:
    return settings_with(tmp_path, sinks=["webhook"], webhook_url=f"http://127.0.0.1:{port}/", **alerts)


def alerts_of(receiver: HttpReceiver) -> list[tuple[str, str]]:
    """Return kind and problem of each request."""
    bodies = [json.loads(one.body) for one in receiver.posts]
    return [(body["kind"], body.get("id", "")) for body in bodies]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def run(settings: Settings, *problems: Told, begin: datetime = NOW, minutes: int = 2) -> datetime:
    """Make one step a minute, and return the time of the next one."""
    for minute in range(minutes):
        deliver(settings, problems, begin + minute * MINUTE)
    return begin + minutes * MINUTE


def test_opening_and_end_of_a_problem_reach_both_sinks_and_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mail = {"host": "127.0.0.1", "security": "none", "sender": "p@c.example", "recipients": ["o@c.example"]}
    with HttpReceiver() as receiver, SmtpReceiver() as server:
        settings = settings_with(
            tmp_path,
            sinks=["webhook", "mail"],
            webhook_url=f"http://127.0.0.1:{receiver.port}/",
            mail={**mail, "port": server.port},
        )
        then = run(settings, told("aa"))
        run(settings, ended("aa", then), begin=then, minutes=3)
    assert alerts_of(receiver) == [("opened", "aa"), ("resolved", "aa")]
    assert [b"Resolved" in one.content for one in server.mails] == [False, True]
    said = [(one.levelname, one.getMessage()) for one in caplog.records]
    assert said == [
        ("WARNING", "alert: [clinic] Problem: Title of aa. Sentence of aa. (aa)"),
        ("INFO", "alert: [clinic] Resolved: Title of aa. Sentence of aa. (aa)"),
    ]


def test_without_any_sink_the_log_has_the_alerts_and_nothing_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_with(tmp_path)
    run(settings, told("aa"), minutes=5)
    assert caplog.text.count("Title of aa") == 1
    assert read_outbox(settings.run_dir).waiting == []


def test_a_text_with_line_breaks_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(settings_with(tmp_path), told("aa", title="a\nERROR forged", sentence="b\r\nc\x1b[31m\u2028d"))
    [line] = [one.getMessage() for one in caplog.records]
    assert line == "alert: [clinic] Problem: a ERROR forged. b c[31m d (aa)"


def test_a_sink_that_was_down_gets_each_alert_once_when_it_is_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    settings = webhook_to(tmp_path, port)
    then = run(settings, told("aa"), told("bb"), minutes=20)
    [trouble] = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert trouble.startswith("an alert by webhook is not sent: ")
    assert len(read_outbox(settings.run_dir).waiting) == 2
    statuses = machine_checks.alerts(settings)
    assert [state for state, _ in statuses] == ["problem"]

    settings = webhook_to(tmp_path, (receiver := HttpReceiver()).port)
    with receiver:
        run(settings, told("aa"), told("bb"), begin=then, minutes=70)
    assert sorted(alerts_of(receiver)) == [("opened", "aa"), ("opened", "bb")]
    assert "alerts by webhook are sent again" in caplog.text
    state = read_outbox(settings.run_dir).sinks["webhook"]
    assert (state.delivered, state.lost, state.error) == (2, 0, "")
    assert [state for state, _ in machine_checks.alerts(settings)] == ["ok"]


def test_pauses_grow_from_a_minute_to_an_hour(tmp_path: Path) -> None:
    with HttpReceiver(lambda _: 500) as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        tries: list[int] = []
        for minute in range(60 * 6):
            before = len(receiver.posts)
            deliver(settings, [told("aa")], NOW + minute * MINUTE)
            tries += [minute] * (len(receiver.posts) - before)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(pauses[7:]) == {60}
    assert len({one.headers["Idempotency-Key"] for one in receiver.posts}) == 1


def test_an_alert_that_a_sink_never_takes_does_not_block_the_others(tmp_path: Path) -> None:
    with HttpReceiver(lambda _: 400 if alerts_of(receiver)[-1][1] == "poison" else 204) as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        run(settings, told("poison", lost=99.0), told("good"), minutes=5)
        assert ("opened", "good") in alerts_of(receiver)
        assert [one.message.told[0].problem.id for one in read_outbox(settings.run_dir).waiting] == ["poison"]


def test_a_restart_between_two_steps_repeats_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    port = free_port()
    settings = webhook_to(tmp_path, port)
    then = run(settings, told("aa"))
    assert len(read_outbox(settings.run_dir).waiting) == 1
    with HttpReceiver() as receiver:
        for _ in range(4):  # each step begins from the file alone, as after a restart
            settings = webhook_to(tmp_path, receiver.port)
            then = run(settings, told("aa"), begin=then, minutes=1)
    assert alerts_of(receiver) == [("opened", "aa")]


def test_a_process_killed_while_it_sends_has_the_alert_on_disk_with_its_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Outbox] = []

    def killed(*_: object) -> None:
        seen.append(read_outbox(settings.run_dir))
        raise KeyboardInterrupt

    settings = webhook_to(tmp_path, free_port())
    monkeypatch.setitem(SINKS, "webhook", killed)
    with pytest.raises(KeyboardInterrupt):
        run(settings, told("aa"))
    assert [one.sink for one in seen[0].waiting] == ["webhook"]
    assert (seen[0].sinks["webhook"].tries, seen[0].sinks["webhook"].again) == (1, NOW + 2 * MINUTE)
    assert [one.kind for one in seen[0].memory.sent] == ["opened"]


@pytest.mark.parametrize("broken", ["write_outbox", "read_outbox"])
def test_nothing_is_sent_when_the_file_cannot_be_written_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object, **__: object) -> Outbox:
        raise OSError(28, "No space left on device")

    with HttpReceiver() as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        deliver(settings, [told("aa")], NOW)
        monkeypatch.setattr(send, broken, full)
        with pytest.raises(OSError, match="No space left"):
            deliver(settings, [told("aa")], NOW + MINUTE)
        assert receiver.posts == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"waiting": 1}', b"\xff\xfe", b'{"memory": {"sent": [["a"]]}}']
)
def test_a_damaged_file_is_named_and_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    settings = settings_with(tmp_path)
    settings.run_dir.mkdir()
    outbox_file(settings.run_dir).write_bytes(content)
    run(settings, told("aa"))
    assert "alerts.json: cannot be read" in caplog.text
    assert "Title of aa" in caplog.text


def test_the_file_is_private(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    run(settings, told("aa"))
    assert stat.S_IMODE(outbox_file(settings.run_dir).stat().st_mode) == 0o600


def test_too_many_and_too_old_alerts_are_given_up_and_counted(tmp_path: Path) -> None:
    settings = webhook_to(tmp_path, free_port())
    outbox = Outbox()
    messages = [
        Message(id=str(number), kind="opened", site="clinic", at=NOW, told=(told(str(number)),))
        for number in range(MOST_WAITING + 5)
    ]
    outbox.take(messages, ["webhook"], NOW)
    assert [one.message.id for one in outbox.waiting] == [str(number) for number in range(5, MOST_WAITING + 5)]
    assert outbox.sinks["webhook"].lost == 5
    outbox.take([], ["webhook"], NOW + timedelta(days=7, seconds=1))
    assert outbox.waiting == []
    assert outbox.sinks["webhook"].lost == MOST_WAITING + 5
    send.write_outbox(settings.run_dir, outbox)
    assert ("note", "webhook: 105 alerts were given up: it took none for a week, or too many waited") in list(
        machine_checks.alerts(settings)
    )


def test_alerts_of_a_sink_that_is_switched_off_wait_no_longer(tmp_path: Path) -> None:
    settings = webhook_to(tmp_path, free_port())
    then = run(settings, told("aa"))
    run(settings_with(tmp_path), told("aa"), begin=then, minutes=1)
    assert read_outbox(settings.run_dir).waiting == []


def test_a_pause_from_a_clock_that_was_ahead_does_not_last(tmp_path: Path) -> None:
    with HttpReceiver(lambda number: 500 if number == 0 else 204) as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        run(settings, told("aa"), begin=NOW + timedelta(days=2))
        assert len(receiver.posts) == 1
        deliver(settings, [told("aa")], NOW)
    assert len(receiver.posts) == 2


def test_a_sink_that_fails_unforeseen_keeps_the_others_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a text that may quote a secret")

    mail = {"host": "127.0.0.1", "security": "none", "sender": "p@c.example", "recipients": ["o@c.example"]}
    with SmtpReceiver() as server:
        settings = settings_with(
            tmp_path,
            sinks=["webhook", "mail"],
            webhook_url="https://hooks.example/",
            mail={**mail, "port": server.port},
        )
        monkeypatch.setitem(SINKS, "webhook", broken)
        run(settings, told("aa"))
    assert len(server.mails) == 1
    assert "unforeseen ValueError at test_alert_delivery.py" in caplog.text
    assert "may quote a secret" not in caplog.text


def test_many_alerts_for_a_slow_sink_do_not_make_a_step_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def slow(*given: Any) -> None:
        sent.append(given[2].id)
        time.sleep(0.1)

    monkeypatch.setitem(SINKS, "webhook", slow)
    monkeypatch.setattr(send, "STEP_SECONDS", 0.25)
    settings = webhook_to(tmp_path, free_port(), per_week=50)
    problems = [told(f"p{number}") for number in range(12)]
    run(settings, *problems)
    assert 1 <= len(sent) <= 4
    begin = NOW + 2 * MINUTE
    while read_outbox(settings.run_dir).waiting:
        begin = run(settings, *problems, begin=begin, minutes=1)
    assert len(sent) == len(set(sent)) == 12


def test_a_sink_that_never_ends_its_answer_delays_one_step_and_then_has_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SINKS["webhook"]
    monkeypatch.setitem(SINKS, "webhook", lambda *given: real(*given, seconds=0.3))
    with dripping(b"H", every_seconds=0.05) as port:
        settings = webhook_to(tmp_path, port)
        problems = [told(f"p{number}") for number in range(3)]
        begin = time.monotonic()
        run(settings, *problems)
        assert time.monotonic() - begin < 2.0
        assert len(read_outbox(settings.run_dir).waiting) == 3


def test_no_pause_is_longer_than_the_longest(tmp_path: Path) -> None:
    outbox = Outbox()
    outbox.take([Message(id="a", kind="opened", site="clinic", at=NOW, told=(told("a"),))], ["mail"], NOW)
    [alert] = outbox.waiting
    for _ in range(2000):
        outbox.note_try(alert, NOW)
    again = outbox.sinks["mail"].again
    assert again is not None
    assert again - NOW == LONGEST_PAUSE


def test_after_an_outage_the_opening_of_a_problem_comes_before_its_end(tmp_path: Path) -> None:
    port = free_port()
    settings = webhook_to(tmp_path, port)
    then = run(settings, told("aa"), minutes=30)
    then = run(settings, ended("aa", then), begin=then, minutes=30)
    with HttpReceiver() as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        run(settings, ended("aa", then), begin=then, minutes=61)
    assert alerts_of(receiver) == [("opened", "aa"), ("resolved", "aa")]


def test_a_problem_that_is_muted_while_its_alert_waits_is_not_told(tmp_path: Path) -> None:
    settings = webhook_to(tmp_path, free_port())
    then = run(settings, told("aa"), told("bb"))
    with HttpReceiver() as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        run(settings, told("aa", muted_until=then + timedelta(days=1)), told("bb"), begin=then, minutes=5)
    assert alerts_of(receiver) == [("opened", "bb")]


def test_waiting_alerts_are_sent_while_no_evaluation_is_possible(tmp_path: Path) -> None:
    settings = webhook_to(tmp_path, free_port())
    then = run(settings, told("aa"))
    before = read_outbox(settings.run_dir).memory
    with HttpReceiver() as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        for minute in range(3):
            deliver(settings, None, then + minute * MINUTE)
    assert alerts_of(receiver) == [("opened", "aa")]
    assert read_outbox(settings.run_dir).memory == before


def test_a_process_killed_before_the_answer_leaves_an_alert_that_is_sent_again_with_the_same_id(tmp_path: Path) -> None:
    arrived, may_answer = threading.Event(), threading.Event()

    def answer(number: int) -> int:
        if number == 0:
            arrived.set()
            may_answer.wait(20)
        return 204

    with HttpReceiver(answer) as receiver:
        settings = webhook_to(tmp_path, receiver.port)
        deliver(settings, [told("aa")], NOW)
        code = (
            "import sys; from datetime import timedelta; from pipeline.settings.model import Settings;"
            "from pipeline.alerts.send import deliver; from support.problems import NOW, told;"
            "deliver(Settings.model_validate_json(sys.argv[1]), [told('aa')], NOW + timedelta(minutes=1))"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # for `support`
        process = subprocess.Popen([sys.executable, "-c", code, settings.model_dump_json()], env=environment)
        try:
            assert arrived.wait(20)
        finally:
            process.kill()
            process.wait()
            may_answer.set()
        for minute in range(2, 6):
            deliver(settings, [told("aa")], NOW + minute * MINUTE)
    assert alerts_of(receiver) == [("opened", "aa"), ("opened", "aa")]
    assert len({one.headers["Idempotency-Key"] for one in receiver.posts}) == 1
