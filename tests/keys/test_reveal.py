"""`reveal` and `relink`: nothing is shown before it is audited, and nothing that must not be."""

from __future__ import annotations

import errno
import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.audit.log import Audit, TooMany
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress, Token
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.reveal import RevealRequest, read_request, relink, reveal
from pipeline.keys.ring import Keyring
from pipeline.keys.tokens import DayTokens
from support.command import command

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADDRESS = RawAddress("203.0.113.77")
DAYS = [TODAY - timedelta(days=back) for back in (3, 2, 1, 0)]
GROUND = {"case": "12/345", "basis": "ст. 13 ФЗ № 144-ФЗ, запрос 7/8", "approver": "Boris"}


class Desk:
    """The keys of four days and tomorrow, an audit, and one address's tokens."""

    def __init__(self, directory: Path) -> None:
        self.files = KeyDirectory(directory / "keys")
        self.audit = Audit(directory / "audit")
        keyring = Keyring(self.files, may_mint=True)
        keyring.mint_ahead(DAYS[0], 5)
        self.tokens: dict[date, Token] = {}
        for day in DAYS:
            tokens = keyring.day(day, today=TODAY)
            assert tokens is not None
            self.tokens[day] = tokens.ip_token(ADDRESS)

    def of_today(self) -> DayTokens:
        key = self.files.read(KeyName.of_day(TODAY))
        assert key is not None
        return DayTokens(key)

    def request(self, epoch: date = TODAY, token: str | None = None) -> RevealRequest:
        return read_request(token or self.tokens[epoch], epoch, **GROUND, who="anna as root")

    def reveal(self, epoch: date = TODAY, *, now: datetime = NOW, per_hour: int = 5) -> RawAddress:
        return reveal(self.files, self.audit, self.request(epoch), now=now, per_hour=per_hour)

    def relink(self, epoch: date = TODAY, *, now: datetime = NOW, per_hour: int = 5) -> list[tuple[date, Token]]:
        return relink(self.files, self.audit, self.request(epoch), now=now, per_hour=per_hour)

    def actions(self) -> list[str]:
        return [entry.action for entry, _ in self.audit.entries()]


@pytest.fixture(name="desk")
def a_desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_token_is_reversed_after_one_line_of_audit(desk: Desk) -> None:
    assert desk.reveal() == ADDRESS
    ((entry, _),) = desk.audit.entries()
    assert (entry.action, entry.who, entry.at) == ("reveal", "anna as root", NOW)
    assert entry.facts == {"token": desk.tokens[TODAY], "epoch": "2026-11-22", **GROUND}


def test_the_answer_is_not_in_the_audit(desk: Desk) -> None:
    desk.reveal()
    desk.relink()
    assert ADDRESS not in desk.audit.file.read_text()


def test_relinking_gives_the_tokens_of_the_other_past_days_and_no_address(desk: Desk) -> None:
    linked = desk.relink(DAYS[1])
    assert linked == [(day, desk.tokens[day]) for day in DAYS if day != DAYS[1]]
    assert ADDRESS not in str(linked)
    assert desk.actions() == ["relink"]


def test_a_destroyed_day_is_refused_and_the_next_one_is_not(desk: Desk) -> None:
    destroy(desk.files, desk.audit, KeyName.of_day(DAYS[2]), now=NOW, by="anna", reason="test")
    with pytest.raises(
        Fatal, match="the key of 2026-11-21 was destroyed on 2026-11-22 12:00; its tokens cannot be reversed"
    ):
        desk.reveal(DAYS[2])
    assert desk.reveal(TODAY) == ADDRESS
    assert [day for day, _ in desk.relink()] == DAYS[:2]
    assert desk.actions() == ["key_destroyed", "reveal_refused", "reveal", "relink"]


def test_a_day_without_a_key_is_refused_and_audited(desk: Desk) -> None:
    day = date(2026, 1, 1)
    with pytest.raises(Fatal, match=r"2026-01-01\.key: missing"):
        reveal(desk.files, desk.audit, desk.request(day, desk.tokens[TODAY]), now=NOW, per_hour=5)
    ((entry, _),) = desk.audit.entries()
    assert entry.action == "reveal_refused"
    assert "2026-01-01.key: missing" in entry.facts["why"]
    assert not desk.files.exists(KeyName.of_day(day))


def test_the_hourly_limit_covers_both_ways_and_counts_from_the_audit(desk: Desk) -> None:
    desk.reveal(per_hour=2)
    desk.relink(per_hour=2, now=NOW + timedelta(minutes=10))
    for refused in (desk.reveal, desk.relink):
        with pytest.raises(TooMany, match="2 in the last 60 minutes, and 2 are allowed"):
            refused(per_hour=2, now=NOW + timedelta(minutes=59))
    assert desk.reveal(per_hour=2, now=NOW + timedelta(minutes=60)) == ADDRESS
    assert desk.actions() == ["reveal", "relink", "reveal_refused", "relink_refused", "reveal"]


def test_a_limit_of_zero_switches_both_off(desk: Desk) -> None:
    for refused in (desk.reveal, desk.relink):
        with pytest.raises(TooMany):
            refused(per_hour=0)


def test_a_clock_set_back_does_not_get_around_the_limit(desk: Desk) -> None:
    desk.reveal(per_hour=1)
    with pytest.raises(Fatal, match="set the clock right"):
        desk.reveal(per_hour=1, now=NOW - timedelta(hours=5))
    assert desk.actions() == ["reveal", "reveal_refused"]


def test_a_changed_audit_is_refused(desk: Desk) -> None:
    desk.reveal()
    desk.reveal()
    desk.audit.file.write_bytes(desk.audit.file.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(Fatal, match="the audit was changed"):
        desk.reveal()


@pytest.mark.parametrize("broken", ["write", "fsync"])
def test_a_full_disk_reveals_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def not_reached(*_: object) -> RawAddress:
        raise AssertionError("reversed before the audit line was on disk")

    monkeypatch.setattr(f"pipeline.audit.log.os.{broken}", full)
    monkeypatch.setattr(DayTokens, "reverse", not_reached)
    for refused in (desk.reveal, desk.relink):
        with pytest.raises(Retryable, match="nothing is done without an audit line"):
            refused()


@pytest.mark.parametrize("address", ["4000::1", "8000::", "ff02::1", "::", "ffff::"])
def test_what_can_be_no_visitors_address_is_not_shown_as_one(desk: Desk, address: str) -> None:
    # A token of another day decrypts to random bits; seven times out of eight they fall outside of the internet.
    token = desk.of_today().ip_token(RawAddress(address))
    for refused in (reveal, relink):
        with pytest.raises(Fatal, match="no ip_token of 2026-11-22; expected the epoch and the ip_token of one row"):
            refused(desk.files, desk.audit, desk.request(token=token), now=NOW, per_hour=5)


@pytest.mark.parametrize("address", ["203.0.113.1", "127.0.0.1", "2001:db8::7", "::1", "fd00::1", "0.0.0.0"])  # noqa: S104
def test_every_address_that_can_reach_a_server_is_revealed(desk: Desk, address: str) -> None:
    token = desk.of_today().ip_token(RawAddress(address))
    assert reveal(desk.files, desk.audit, desk.request(token=token), now=NOW, per_hour=5) == address


BAD = [
    pytest.param({"token": "203.0.113.77"}, "--token: expected one ip_token", id="an address"),
    pytest.param({"token": "::"}, "--token: expected one ip_token", id="no token"),
    pytest.param({"token": "1:2:3"}, "--token: expected one ip_token", id="half a token"),
    pytest.param({"token": "1::2,3::4"}, "--token: expected one ip_token", id="two tokens"),
    pytest.param({"case": ""}, "--case: expected a case number", id="no case"),
    pytest.param({"case": "x" * 65}, "--case: expected a case number", id="long case"),
    pytest.param({"case": "1\n2"}, "--case: expected a case number", id="two lines of case"),
    pytest.param({"basis": "  "}, "--basis: expected one line", id="blank basis"),
    pytest.param({"basis": "x" * 301}, "--basis: expected one line", id="long basis"),
    pytest.param({"basis": "a\x1b[2Jb"}, "--basis: expected one line", id="escape in basis"),
    pytest.param({"approver": ""}, "--approver: expected one line", id="no approver"),
    pytest.param({"approver": " ANNA "}, "--approver: expected another person than anna as root", id="herself"),
    pytest.param({"approver": "root"}, "--approver: expected another person than anna as root", id="her other name"),
]


@pytest.mark.parametrize(("wrong", "expected"), BAD)
def test_a_request_without_ground_is_wrong_use(desk: Desk, wrong: dict[str, str], expected: str) -> None:
    given = {"token": desk.tokens[TODAY], **GROUND, **wrong}
    with pytest.raises(ValueError, match=expected) as caught:
        read_request(given["token"], TODAY, given["case"], given["basis"], given["approver"], who="anna as root")
    assert "203.0.113.77" not in str(caught.value)


def test_another_spelling_of_a_token_is_the_same_token(desk: Desk) -> None:
    token = desk.tokens[TODAY]
    spelled = ":".join(f"{int(group or '0', 16):04X}" for group in token.split(":")) if "::" not in token else token
    assert desk.request(token=spelled).token == token


# The command line, as a person meets it.


def token_of_today(data: Path) -> tuple[str, list[str]]:
    today = datetime.now(UTC).date()
    tokens = Keyring(KeyDirectory(data / "keys"), may_mint=True).day(today, today=today)
    assert tokens is not None
    token = tokens.ip_token(ADDRESS)
    ground = ["--case", "12/345", "--basis", "ст. 13", "--approver", "somebody else"]
    return token, ["--token", token, "--epoch", today.isoformat(), *ground]


def test_the_commands_answer_once_the_audit_is_written(tmp_path: Path) -> None:
    data = tmp_path / "var"
    token, options = token_of_today(data)
    revealed = command(data, "reveal", *options)
    assert json.loads(revealed.stdout) == {"token": token, "epoch": options[3], "address": ADDRESS}, revealed.stderr
    relinked = command(data, "relink", *options, "--format", "csv")
    assert relinked.stdout == "epoch,ip_token\n"
    assert [entry.action for entry, _ in Audit(data / "audit").entries()] == ["reveal", "relink"]


def test_the_command_shows_nothing_when_the_audit_may_not_grow(tmp_path: Path) -> None:
    data = tmp_path / "var"
    _, options = token_of_today(data)
    command(data, "reveal", *options)
    limit = (data / "audit" / "audit.log").stat().st_size + 40
    before = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    refused = command(data, "reveal", *options, before=before)
    assert (refused.returncode, refused.stdout) == (75, "")
    assert re.search(r"audit\.log: cannot be written: File too large", refused.stderr)
    assert ADDRESS not in refused.stderr


def test_two_tokens_in_one_call_are_wrong_use(tmp_path: Path) -> None:
    data = tmp_path / "var"
    token, options = token_of_today(data)
    refused = command(data, "reveal", *options, "--token", token)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expected one token per call" in refused.stderr
    assert not (data / "audit" / "audit.log").exists()


def test_an_unsafe_key_directory_is_refused_and_audited(tmp_path: Path) -> None:
    data = tmp_path / "var"
    _, options = token_of_today(data)
    (data / "keys").chmod(0o755)
    refused = command(data, "relink", *options)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "others can reach it (mode 0755)" in refused.stderr
    assert [entry.action for entry, _ in Audit(data / "audit").entries()] == ["relink_refused"]
