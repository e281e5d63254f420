"""`simulate --attack`: attacks and innocent look-alikes through the real endpoint, and what is true of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.attackers.catalogue import ATTACKS, KINDS, LOOK_ALIKES, planned_kind
from pipeline.settings.site import DEMO_SITE
from pipeline.traffic.places import DocumentationPlaces
from support.command import command
from support.system import System


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    own = System(tmp_path_factory.mktemp("attacked"), sites=[DEMO_SITE.model_dump(mode="json", exclude_defaults=True)])
    yield own.start()
    own.stop()


def test_attacks_and_look_alikes_are_stored_exactly_with_the_days_and_their_truth_is_told(clinic: System) -> None:
    # Of yesterday: a spread login in the hour before its midnight, in UTC, the zone of the site.
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    options = ["--day", f"{yesterday}", "--people", "20", "--seed", "3"]
    kinds = ["--attack", "spread-login", "--attack", "forged-pixel", "--attack", "front-desk"]
    done = clinic.run("simulate", *options, *kinds, "--format", "json")
    account = json.loads(done.stdout)
    assert account["sent"] == account["accepted"]
    assert (account["stored"], account["stored twice"]) == (account["events of the accepted"], 0)
    assert account["attack spread-login"] == ATTACKS["spread-login"].sentence
    assert account["look-alike front-desk"] == LOOK_ALIKES["front-desk"].sentence
    assert f"attack spread-login: {ATTACKS['spread-login'].sentence}" in done.stderr
    assert account["spread-login since"] >= f"{yesterday}T23:00"
    own = sum(account[f"{name} hits"] for name in ("spread-login", "forged-pixel", "front-desk"))
    assert account["sent"] == account[f"hits of {yesterday}"] + own

    planned = planned_kind("spread-login", DEMO_SITE, DocumentationPlaces(), start_ms=0, seed=3)
    assert account["spread-login hits"] == len(planned)
    logins = "SELECT countIf(page_role = 'login') FROM pixel.events WHERE received_at >= {at:DateTime('UTC')} AND cookie_state = 'new'"
    assert clinic.rows(logins, at=f"{yesterday} 23:00:00")[0][0] >= 60
    # What the browser says about its own request comes through the real collector as through the bench.
    contradicting = "SELECT count(), countIf(hints = 'contradict'), countIf(bitAnd(page_flags, 1024) > 0) FROM pixel.events WHERE fetch = 'contradict'"
    assert clinic.rows(contradicting)[0] == (account["forged-pixel hits"],) * 3


def test_a_history_takes_attacks_too(clinic: System) -> None:
    done = clinic.run("simulate", "--history", "1", "--people", "5", "--attack", "click-id-reuse", "--format", "json")
    account = json.loads(done.stdout)
    assert account["sent"] == account["accepted"] == account["hits"]
    assert account["click-id-reuse hits"] == 28
    assert (
        clinic.rows("SELECT max(c) FROM (SELECT count() AS c FROM pixel.events WHERE paid GROUP BY click_token)")[0][0]
        >= 28
    )


def test_an_unknown_attack_is_refused_with_all_names_before_anything_is_sent(tmp_path: Path) -> None:
    done = command(tmp_path / "var", "simulate", "--attack", "theft")
    assert (done.returncode, done.stdout) == (1, "")
    assert all(name in " ".join(done.stderr.split()) for name in KINDS)


def test_the_attacks_and_look_alikes_are_listed_each_with_a_sentence(tmp_path: Path) -> None:
    done = command(tmp_path / "var", "simulate", "--attack", "list", "--format", "json")
    told = json.loads(done.stdout)
    assert told["scraper-slow"] == f"attack: {ATTACKS['scraper-slow'].sentence}"
    assert told["vpn-user"] == f"innocent: {LOOK_ALIKES['vpn-user'].sentence}"
    assert list(told) == list(KINDS)
