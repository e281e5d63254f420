"""The way of a newcomer: start everything, send two weeks with a fault at their end, and be told the fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.settings.site import DEMO_SITE
from support.system import System

pytestmark = pytest.mark.slow
FAULT_HOURS = "96"
"""Also two days of a weekend have too few appointments."""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home: Path = tmp_path_factory.mktemp("newcomer")
    own = System(home, sites=[DEMO_SITE.model_dump(mode="json", exclude_defaults=True)])
    yield own.start()
    own.stop()


def test_a_newcomer_is_told_the_fault_of_a_made_up_history(clinic: System) -> None:
    empty = clinic.run("problems", "list", "--fail-on", "open", "--format", "json", check=False)
    assert (empty.returncode, json.loads(empty.stdout)) == (0, [])

    history = (
        "--history",
        "14",
        "--people",
        "120",
        "--seed",
        "4",
        "--fault",
        "form-dead",
        "--fault-hours",
        FAULT_HOURS,
    )
    account = json.loads(clinic.run("simulate", *history, "--format", "json").stdout)
    assert account["sent"] == account["accepted"] > 3_000
    truth = datetime.fromisoformat(account["fault since"])

    named = json.loads(clinic.run("problems", "check", "--format", "json", "--lang", "en").stdout)
    report = json.loads(clinic.run("report", "technical/problems", "--format", "json").stdout)
    told = {row["problem"]: row for row in report if row["kind"] in ("form_broken", "form_retried")}
    assert told
    assert {row["problem"]: row["sentence"] for row in report if row["state"] in ("open", "ongoing")} == {
        each["problem"]: each["sentence"] for each in named
    }
    for problem, row in told.items():
        assert abs(datetime.fromisoformat(row["since"]) - truth) < timedelta(hours=24)
        assert 0 < row["lost_low"] <= row["lost"] <= row["lost_high"]
        shown = clinic.run("problems", "show", problem, "--format", "json", "--lang", "en").stdout
        assert "form" in json.loads(shown)[0]["answer"]

    listed = clinic.run("problems", "list", "--fail-on", "open", "--format", "json", check=False)
    assert listed.returncode == 1
    assert {each["problem"] for each in json.loads(listed.stdout)} >= set(told)
