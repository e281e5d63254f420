"""kill -9, EIO and ENOSPC at each system call by which the shipper changes a file: journal, numbers, quarantine, removal of segments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from pipeline.enrich.steps import EnrichTables
from support.auditor import Stored
from support.ledger import Ledger
from support.rounds import Rounds
from support.ship_to_lists import backlog, store_of, worker_on
from support.shipping import plain_tables
from support.traced import under_strace, why_not

CALLS: Final = ("write", "fdatasync", "fsync", "rename", "unlink")
"""Calls that neither the start of the interpreter nor a reading thread makes, so that their numbers are those of shipping."""


@pytest.fixture(autouse=True, scope="module")
def strace() -> None:
    if reason := why_not():
        pytest.skip(reason)


def ship(home: Path, *inject: str, log: Path) -> tuple[int, str]:
    """Ship until nothing is left or the fault ends it; return the exit status and what was told of the store."""
    options = [*(inject or ("-e", f"trace={','.join(CALLS)}")), "-e", "signal=none", "-o", str(log)]
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = under_strace("support.ship_to_lists", str(home), options=options, environment=environment)
    return done.returncode, done.stdout


def positions(home: Path) -> list[tuple[str, int]]:
    """Return each call and its number in its thread: every plan has a thread of its own and meets the fault anew."""
    home.mkdir()
    backlog(home, Ledger())
    assert ship(home, log=home / "strace")[0] == 0
    seen: Counter[tuple[str, str]] = Counter()
    for line in (home / "strace").read_text().splitlines():
        thread, call = line.split(maxsplit=1)
        if not call.startswith("<..."):
            seen[thread, call.partition("(")[0]] += 1
    most = {call: max(number for (_, name), number in seen.items() if name == call) for call in CALLS}
    return [(call, number) for call in CALLS for number in range(1, most[call] + 1)]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["kill -9", "EIO", "ENOSPC"])
def test_the_shipper_stores_everything_once_whichever_system_call_is_hit(
    tmp_path: Path, rounds: Rounds, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EnrichTables, "load", lambda _: plain_tables())  # half a second each adds up
    places = positions(tmp_path / "traced")
    name = f"{fault} at each system call of ship"
    how = "signal=KILL" if fault == "kill -9" else f"error={fault}"
    for call, number in rounds.each(name, rounds.some(places, quick=4)):
        home, ledger = tmp_path / f"{call}-{number}", Ledger()
        home.mkdir()
        backlog(home, ledger)
        log = home / "strace"
        status, told = ship(home, "-e", f"trace={call}", "-e", f"inject={call}:{how}:when={number}", log=log)
        struck = status != 0 if fault == "kill -9" else "(INJECTED)" in log.read_text()
        assert struck, f"{call} number {number} never came: that proves nothing"
        store = store_of(told)
        worker_on(home, store).run(until_empty=True)
        rounds.book(name, ledger, Stored.in_lists(store), what=f"{call} number {number}")
        assert not list((home / "spool").glob("*.seg"))
