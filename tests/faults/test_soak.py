"""The soak of docs/soak.md: its account and its look at the processes find what they should; a minute of it in a long run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.soaking.__main__ import soak, wrong
from support.soaking.account import Account
from support.soaking.load import Sent
from support.soaking.page import Run, picture, written
from support.soaking.watch import PARTS, Held, Sample, held

SENT = Sent(sent=100, answered=98, refused=20, broken=0, seconds=1.0)
RIGHT = Account(SENT, stored=79, numbers=79, offered=99, spooled=79, refused={"spool_full": 20})


def run_of(account: Account = RIGHT, *, growing: str = "", by: float = 0.0, restarts: tuple[str, ...] = ()) -> Run:
    samples = [
        Sample(
            float(place), {name: Held(100.0 + (by * place if name == growing else 0.0), 20, 8) for name in PARTS}, 1.5
        )
        for place in range(40)
    ]
    return Run(30.0, 500.0, [SENT], samples, account, 2.0, restarts)


def test_a_right_run_has_nothing_wrong() -> None:
    assert wrong(run_of()) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"stored": 77, "numbers": 77, "spooled": 77}, "acknowledged hits are not stored"),
        ({"stored": 80}, "stored twice"),
        ({"stored": 101, "numbers": 101}, "never sent"),
        ({"spooled": 78}, "counted as written"),
        ({"offered": 120}, "offered are not"),
        ({"refused": {"spool_full": 19}}, "answered as refused"),
    ],
)
def test_a_hit_that_is_not_accounted_for_is_named(changed: dict[str, object], word: str) -> None:
    assert any(word in sentence for sentence in wrong(run_of(RIGHT._replace(**changed))))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_grows_is_named(name: str) -> None:
    assert [sentence.partition(":")[0] for sentence in wrong(run_of(growing=name, by=4.0))] == [name]


def test_a_part_that_was_started_again_is_named() -> None:
    assert wrong(run_of(restarts=("ship",))) == ["ship was started again"]


def test_what_this_process_holds_is_read() -> None:
    before = held(os.getpid())
    with Path("/dev/null").open("rb"):
        after = held(os.getpid())
    assert after.descriptors == before.descriptors + 1
    assert before.memory_mb > 10
    assert before.threads >= 1


def test_the_page_has_the_account_and_the_picture_every_part() -> None:
    page = written(run_of(), ["ship grew"], "A note.")
    assert "| 100 | 78 | 20 | 2 | 79 | 0 | 0 |" in page
    assert "- ship grew" in page
    assert "A note." in page
    assert picture(run_of()).count("<polyline ") == 3 * len(PARTS) + 1


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("FAULTS") != "long", reason="a minute of load: FAULTS=long")
@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_a_minute_at_twice_the_capacity_loses_nothing_and_nothing_grows(tmp_path: Path) -> None:
    run = soak(tmp_path, 1.0)
    assert run.account.wrong() == []
    assert run.account.sent.refused > 0, "twice the capacity must be too much"
    assert list(run.restarts) == []
