"""`subject` on the running product: from the cookie in a browser to the act of erasure."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.headers import cookies
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.tokens import cookie_visitor
from pipeline.subjects import request_code
from support.system import System
from support.waiting import wait_until

ADDRESS = "198.51.100.201"


class Visitor:
    """A browser with an id cookie."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.now = datetime.now(UTC)
        self.value = cookies.new_id(os.urandom(16), now_s=int(self.now.timestamp()))
        known = cookies.parse_id(self.value, now_s=int(self.now.timestamp()))
        assert known is not None
        self.cookie = known
        self.keys = KeyDirectory(system.settings.keys_dir)

    def visit(self, page: str = "/") -> int:
        header = {"Cookie": f"{cookies.ID_COOKIE}={self.value}"}
        return self.system.pixel(u=f"https://clinic.example{page}", address=ADDRESS, headers=header).status

    def code(self) -> str:
        return request_code.make(self.cookie, self.keys.year_key, now=datetime.now(UTC))

    def stored(self) -> int:
        visitor = cookie_visitor(self.keys.year_key(self.now.year) or b"", self.cookie.secret)
        count: int = self.system.rows(
            "SELECT count() FROM pixel.events WHERE visitor = {visitor:UInt64}", visitor=visitor
        )[0][0]
        return count

    def wait_for(self, count: int) -> None:
        wait_until(lambda: self.stored() == count, f"{count} rows of the visitor")


@pytest.fixture
def visitor(system: System) -> Visitor:
    return Visitor(system)


def subject(system: System, *arguments: str) -> Any:
    return json.loads(system.run("subject", *arguments, "--basis", "a letter").stdout)


def test_a_person_is_found_blocked_exported_and_erased(system: System, visitor: Visitor) -> None:
    for page in ("/", "/doctors", "/contacts"):
        assert visitor.visit(page) == 200
    visitor.wait_for(3)
    found = subject(system, "find", "--case", "A-1", "--requester", "Anna", "--code", visitor.code())
    assert found["days"] == [{"day": visitor.now.date().isoformat(), "events": 3}]
    assert subject(system, "block", "--case", "A-1")["state"] == "blocked"
    wait_until(lambda: visitor.visit() == 403, "new hits to be refused", seconds=60, pause=0.2)
    assert Visitor(system).visit() == 200
    exported = subject(system, "export", "--case", "A-1")
    assert {"/", "/doctors", "/contacts"} <= {row["page"] for row in exported["events"]}
    assert visitor.value.split(".")[2] not in json.dumps(exported)
    act = system.run("subject", "erase", "--case", "A-1", "--basis", "a letter", "--yes").stdout
    assert "АКТ ОБ УНИЧТОЖЕНИИ" in act
    assert "обращение № A-1, заявитель: Anna" in act
    assert visitor.stored() == 0
    wait_until(lambda: visitor.visit() == 200, "new hits to be taken again", seconds=60, pause=0.2)
    listed = json.loads(system.run("subject", "list").stdout)
    assert {"case": "A-1", "state": "erased"}.items() <= next(row for row in listed if row["case"] == "A-1").items()
    again = system.run("subject", "find", "--case", "A-1", "--basis", "again", check=False)
    assert again.returncode == 1
    assert "was closed on" in again.stderr


def test_events_still_in_the_spool_of_an_erased_person_are_never_stored(system: System, visitor: Visitor) -> None:
    """The collector holds a segment open while its first record is young: those events are erased on the way."""
    subject(system, "find", "--case", "B-1", "--requester", "Boris", "--code", visitor.code())
    wait_until((system.settings.run_dir / "ship.json").exists, "ship to be at work")
    shipper = int(json.loads((system.settings.run_dir / "ship.json").read_text())["pid"])
    os.kill(shipper, signal.SIGSTOP)
    try:
        assert [visitor.visit() for _ in range(5)] == [200] * 5
        nonces = system.nonces(1)
        assert system.pixel(n=str(nonces[0]), address="198.51.100.202").status == 200
        system.run("subject", "erase", "--case", "B-1", "--basis", "a letter", "--yes")
    finally:
        os.kill(shipper, signal.SIGCONT)
    system.wait_for(nonces)
    assert visitor.stored() == 0
    erased = "SELECT sum(value) FROM pixel.counters WHERE name = 'rejected' AND reason = 'erased'"
    wait_until(lambda: system.rows(erased)[0][0] >= 5, "the erased events to be counted")


def test_by_address_there_is_a_number_and_a_block_and_nothing_more(system: System, visitor: Visitor) -> None:
    today = datetime.now(UTC).date().isoformat()
    assert visitor.visit() == 200
    visitor.wait_for(1)
    days = ("--from", today, "--to", today)
    found = subject(system, "find", "--case", "C-1", "--requester", "Vera", "--ip", ADDRESS, *days)
    assert found["days"][0]["events"] >= 1
    for step in ("export", "erase"):
        more = ["--yes"] if step == "erase" else []
        refused = system.run("subject", step, "--case", "C-1", "--basis", "a letter", *more, check=False)
        assert refused.returncode == 1
        assert "was opened by an address" in refused.stderr
    subject(system, "block", "--case", "C-1")
    wait_until(lambda: system.pixel(address=ADDRESS).status == 403, "new hits to be refused", seconds=60, pause=0.2)
    assert system.pixel(address="198.51.100.203").status == 200
    subject(system, "unblock", "--case", "C-1")
    wait_until(lambda: visitor.visit() == 200, "new hits to be taken again", seconds=60, pause=0.2)
    audit = (system.settings.audit_dir / "audit.log").read_text()
    assert '"subject_unblock"' in audit
    assert ADDRESS not in audit


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("find", "--case", "1", "--code", "x", "--ip", "y"), "--code, --ip"),
        (("find", "--case", "1", "--code", "x"), "--requester"),
        (("find", "--case", "1", "--requester", "Anna", "--ip", "198.51.100.9"), "--from, --to"),
        (
            ("find", "--case", "1", "--requester", "Anna", "--ip", "x", "--from", "2026-11-01", "--to", "2026-11-02"),
            "--ip",
        ),
        (("find", "--case", "../1"), "--case"),
        (("erase", "--case", "1"), "--yes"),
    ],
)
def test_a_request_that_is_not_well_formed_is_wrong_use(system: System, arguments: tuple[str, ...], said: str) -> None:
    refused = system.run("subject", *arguments, "--basis", "a letter", check=False)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_the_code_can_be_given_where_no_history_keeps_it(system: System, visitor: Visitor) -> None:
    command = ("subject", "find", "--case", "D-1", "--requester", "Dina", "--basis", "asks", "--code", "-")
    assert json.loads(system.run(*command, typed=visitor.code() + "\n").stdout)["case"] == "D-1"
