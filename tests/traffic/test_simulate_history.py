"""`simulate --history`: weeks of a made-up clinic through the real endpoint, and the truth about the fault at their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.faults import KINDS
from support.command import command
from support.system import System


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    own = System(
        tmp_path_factory.mktemp("history"),
        sites=[DEMO_SITE.model_dump(mode="json", exclude_defaults=True) | {"timezone": "Asia/Vladivostok"}],
    )
    yield own.start()
    own.stop()


def test_a_history_with_a_fault_is_stored_exactly_and_its_truth_is_told(clinic: System) -> None:
    zone = clinic.settings.sites[0].zone
    now = datetime.now(zone)
    options = ["--history", "7", "--people", "80", "--fault", "form-dead", "--fault-hours", "54", "--opt-out", "0.3"]
    done = clinic.run("simulate", *options, "--size", "1", "--seed", "3", "--format", "json")
    account = json.loads(done.stdout)
    assert account["sent"] == account["accepted"] == account["hits"] > 500
    assert (account["stored"], account["stored twice"], account["unanswered"]) == (
        account["events of the accepted"],
        0,
        0,
    )
    assert (account["days"], account["first day"]) == (7, f"{now.date() - timedelta(days=7)}")
    assert (account["fault"], account["fault page"], account["fault size"]) == ("form-dead", "/zapis/", 1.0)
    since = datetime.fromisoformat(account["fault since"])
    assert timedelta(hours=54) <= datetime.now(zone) - since < timedelta(hours=55)
    assert since.utcoffset() == timedelta(hours=10)
    for line in ("fault: form-dead", f"fault since: {account['fault since']}", "fault page: /zapis/"):
        assert line in done.stderr

    roles = "SELECT countIf(page_role = 'form'), countIf(page_role = 'done') FROM pixel.events WHERE received_at"
    at = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    broken = clinic.rows(f"{roles} >= {{at:DateTime('UTC')}}", at=at)[0]
    sound = clinic.rows(f"{roles} < {{at:DateTime('UTC')}}", at=at)[0]
    assert broken[0] > 0
    # A visitor of the minute before the fault may be told in the same minute.
    assert broken[1] <= 1
    assert sound[1] > 3
    signalled = clinic.rows("SELECT countIf(privacy_signal = 'gpc') / count() FROM pixel.events WHERE robot = ''")[0][0]
    assert 0.15 < signalled < 0.45
    assert clinic.rows("SELECT uniqExact(release) FROM pixel.events WHERE release LIKE '%.1'")[0][0] >= 1


def test_a_history_without_a_fault_tells_none(clinic: System) -> None:
    done = clinic.run("simulate", "--history", "1", "--people", "5", "--format", "json")
    account = json.loads(done.stdout)
    assert account["sent"] == account["accepted"] > 0
    assert not any(name.startswith("fault") for name in account)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--fault", "form-dead"], 2, "need --history DAYS"),
        (["--opt-out", "0.3"], 2, "need --history DAYS"),
        (["--history", "3", "--day", "2026-11-01"], 2, "exclude each other"),
        (["--history", "3", "--size", "1.5"], 2, "--size"),
        (["--history", "3", "--fault", "flood"], 1, "--fault flood: expected one of browser-form,"),
        (["--history", "1", "--fault", "browser-form"], 1, "expected a larger --history than 1"),
        (["--history", "3", "--fault", "network-outage"], 1, "run `clinic-pixel lists fetch` first"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_sent(
    tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    done = command(tmp_path / "var", "simulate", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_more_hits_than_can_be_counted_are_refused(tmp_path: Path) -> None:
    few = "from pipeline.traffic import replay; replay.MOST_NONCES = 10"
    done = command(tmp_path / "var", "simulate", "--history", "1", "--people", "20", before=few)
    assert (done.returncode, done.stdout) == (1, "")
    assert "at most 10 can be counted: expected fewer --people or days" in done.stderr


def test_the_faults_are_listed_each_with_a_sentence(tmp_path: Path) -> None:
    done = command(tmp_path / "var", "simulate", "--fault", "list", "--format", "json")
    assert json.loads(done.stdout) == {name: kind.sentence for name, kind in KINDS.items()}
    assert len(KINDS) >= 18


def test_the_help_names_the_list_of_faults(tmp_path: Path) -> None:
    done = command(tmp_path / "var", "simulate", "--help")
    assert "`list` shows all" in " ".join(done.stdout.replace("│", " ").split())
