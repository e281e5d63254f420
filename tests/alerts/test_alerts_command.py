"""`clinic-pixel alerts test`: what a person sees."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from pipeline.cli import build_app
from support.receivers import HttpReceiver


def run(tmp_path: Path, alerts: str) -> tuple[int, str]:
    file = tmp_path / "pixel.toml"
    file.write_text(f'data = "{tmp_path / "var"}"\n[alerts]\n{alerts}\n')
    done = CliRunner().invoke(build_app(), ["alerts", "test", "--config", str(file)])
    return done.exit_code, " ".join(done.output.split())


def test_a_made_up_alert_arrives_in_the_language_of_the_settings(tmp_path: Path) -> None:
    with HttpReceiver() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        said = run(tmp_path, f'sinks = ["webhook"]\nlanguage = "ru"\nwebhook_url = "{url}"')
    assert said == (0, "webhook: sent")
    assert json.loads(receiver.posts[0].body)["title"] == "Это проверка"


def test_a_sink_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    with HttpReceiver(lambda _: 401) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        said = run(tmp_path, f'sinks = ["webhook"]\nwebhook_url = "{url}"')
    assert said == (1, "webhook: answered 401")


def test_without_sinks_the_places_of_alerts_are_named(tmp_path: Path) -> None:
    code, text = run(tmp_path, "")
    assert code == 0
    assert "alerts are in the log of `ship` and in /metrics" in text
