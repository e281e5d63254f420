"""The audit: what is written before anything happens, and what the chain shows afterwards."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.chain import Head, act, end, proven, torn
from pipeline.audit.log import Audit, Limit, TooMany, operator
from pipeline.errors import Fatal, Retryable

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(name="audit")
def fresh_audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path / "audit")


def record(audit: Audit, number: int, *, now: datetime = NOW) -> Head:
    return audit.record("look", {"number": str(number)}, now=now, who="anna")


def lines(audit: Audit) -> list[bytes]:
    return audit.file.read_bytes().splitlines(keepends=True)


def test_acts_come_back_in_order_with_their_heads(audit: Audit) -> None:
    heads = [record(audit, number) for number in range(5)]
    assert [(entry.seq, entry.facts["number"], head) for entry, head in audit.entries()] == [
        (number + 1, str(number), head) for number, head in enumerate(heads)
    ]
    assert [entry.seq for entry, _ in audit.entries(after=3)] == [4, 5]
    assert audit.head() == audit.verify_chain() == audit.verify_chain(heads) == heads[-1]
    assert stat.S_IMODE(audit.file.stat().st_mode) == 0o600


def test_an_audit_that_was_never_written_is_whole_and_empty(audit: Audit) -> None:
    assert list(audit.entries()) == []
    assert audit.verify_chain() == audit.head() == Head()
    audit.refuse_an_old_clock(NOW)


def _change(content: list[bytes]) -> list[bytes]:
    return [content[0], content[1].replace(b'"1"', b'"7"'), *content[2:]]


def _drop(content: list[bytes]) -> list[bytes]:
    return [content[0], *content[2:]]


def _insert(content: list[bytes]) -> list[bytes]:
    return [content[0], content[0], *content[1:]]


def _swap(content: list[bytes]) -> list[bytes]:
    return [content[0], content[2], content[1], *content[3:]]


def _spoil(content: list[bytes]) -> list[bytes]:
    return [content[0], b"#" + content[1], *content[2:]]


def _comment(content: list[bytes]) -> list[bytes]:
    return [content[0], b"nothing to see here\n", *content[1:]]


def _renumber(content: list[bytes]) -> list[bytes]:
    line, _ = act(Head(41), at=NOW, action="look", who="anna", facts={})
    return [line]


@pytest.mark.parametrize("tamper", [_change, _drop, _insert, _swap, _spoil, _comment, _renumber])
def test_a_changed_chain_is_found(audit: Audit, tamper: Callable[[list[bytes]], list[bytes]]) -> None:
    for number in range(4):
        record(audit, number)
    audit.verify_chain()
    audit.file.write_bytes(b"".join(tamper(lines(audit))))
    with pytest.raises(Fatal, match=r"audit\.log.* the audit was changed"):
        audit.verify_chain()


def _cut(audit: Audit) -> None:
    audit.file.write_bytes(b"".join(lines(audit)[:2]))


def _cut_whole(audit: Audit) -> None:
    audit.file.unlink()


def _write_anew(audit: Audit) -> None:
    other = Audit(audit.file.parent / "other")
    for number in range(10, 14):
        record(other, number)
    other.file.replace(audit.file)


@pytest.mark.parametrize("tamper", [_cut, _cut_whole, _write_anew])
def test_an_audit_that_lost_its_end_is_found_and_takes_no_more_acts(
    audit: Audit, tamper: Callable[[Audit], None]
) -> None:
    heads = [record(audit, number) for number in range(4)]
    tamper(audit)
    left = audit.file.read_bytes() if audit.file.exists() else b""
    with pytest.raises(Fatal, match=f"differs from the line known before; expected {heads[3]}"):
        audit.verify_chain()
    with pytest.raises(Fatal, match=f"differs from the line known before; expected {heads[3]}"):
        record(audit, 5)
    assert (audit.file.read_bytes() if audit.file.exists() else b"") == left


def test_a_head_that_is_behind_after_a_crash_is_true_as_well(audit: Audit) -> None:
    record(audit, 1)
    head_file = audit.file.with_name("audit.head")
    before = head_file.read_bytes()
    second = record(audit, 2)
    head_file.write_bytes(before)
    assert audit.verify_chain() == second
    assert record(audit, 3).seq == 3


def test_where_the_kept_head_was_changed_too_one_from_the_log_shows_it(audit: Audit) -> None:
    known = record(audit, 1)
    audit.file.unlink()
    audit.file.with_name("audit.head").unlink()
    record(audit, 2)
    assert audit.verify_chain([Head()]).seq == 1
    with pytest.raises(Fatal, match="line 1 of 1 differs from the line known before"):
        audit.verify_chain([Head.parse(str(known))])


@pytest.mark.parametrize("text", ["", "1", "1:abc", f"-1:{'0' * 64}", f"1:{'0' * 64}\n", f"1:{'G' * 64}"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(Fatal, match="expected a number, a colon and 64 hex digits"):
        Head.parse(text)


@pytest.mark.parametrize("left", range(1, 60, 7))
def test_a_torn_line_stays_and_is_explained_by_the_next_act(audit: Audit, left: int) -> None:
    record(audit, 1)
    whole, head = audit.file.read_bytes(), audit.file.with_name("audit.head").read_bytes()
    record(audit, 2)
    audit.file.write_bytes(audit.file.read_bytes()[: len(whole) + left])
    audit.file.with_name("audit.head").write_bytes(head)  # a torn line never had one
    assert audit.verify_chain().seq == 1
    record(audit, 3)
    assert audit.file.read_bytes().startswith(whole)
    assert [(entry.action, entry.seq) for entry, _ in audit.entries()] == [("look", 1), ("torn", 2), ("look", 3)]


def test_a_torn_first_line_and_one_torn_twice_are_explained(audit: Audit) -> None:
    audit.file.write_bytes(b"0123\nab")
    audit.file.chmod(0o600)
    record(audit, 1)
    assert [entry.action for entry, _ in audit.entries()] == ["torn", "look"]
    audit.file.write_bytes(audit.file.read_bytes() + b"x\ny\rz\n")
    record(audit, 2)
    assert [entry.action for entry, _ in audit.entries()] == ["torn", "look", "torn", "look"]


def test_a_torn_line_excuses_only_what_it_names(audit: Audit) -> None:
    record(audit, 1)
    audit.file.write_bytes(audit.file.read_bytes() + b"remains")
    record(audit, 2)
    audit.file.write_bytes(audit.file.read_bytes().replace(b"remains", b"Remains"))
    with pytest.raises(Fatal, match="the bytes before line 2 are not a line"):
        audit.verify_chain()


def test_an_end_that_is_no_audit_is_not_written_to(audit: Audit) -> None:
    audit.file.write_bytes(b"x" * 70_000)
    audit.file.chmod(0o600)
    with pytest.raises(Fatal, match="its end is not an audit"):
        record(audit, 1)
    assert audit.file.stat().st_size == 70_000


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5), st.binary(max_size=40).filter(lambda data: b"{" not in data))
def test_any_facts_and_any_remains_make_a_chain_that_holds(texts: list[str], remains: bytes) -> None:
    head, content = Head(), b""
    for text in texts:
        facts = {"text": text.encode("utf-8", "replace").decode()}
        line, head = act(head, at=NOW, action="look", who="anna", facts=facts)
        content += line
    assert end(content + remains) == (remains, head)
    if remains:
        line, head = torn(remains, head, at=NOW, who="anna")
        content += remains + line
    assert [made for _, made in proven(BytesIO(content), "here")][-1] == head


def test_an_act_too_long_is_refused_before_it_is_written(audit: Audit) -> None:
    with pytest.raises(Fatal, match="expected at most 16384"):
        audit.record("look", {"text": "x" * 17_000}, now=NOW, who="anna")
    assert audit.head() == Head()


def _append(directory: Path, number: int) -> None:
    audit = Audit(directory)
    for _ in range(10):
        record(audit, number)


def test_processes_appending_at_once_keep_one_chain(audit: Audit) -> None:
    crowd = [get_context("spawn").Process(target=_append, args=(audit.file.parent, number)) for number in range(4)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join(60)
        assert process.exitcode == 0
    assert audit.verify_chain().seq == 40


def test_a_limit_counts_what_the_audit_says_and_forgets_with_time(audit: Audit) -> None:
    limit = Limit(frozenset({"reveal", "relink"}), 2, HOUR)
    for action, minute in (("reveal", 0), ("sql", 1), ("relink", 30)):
        audit.record(action, {}, now=NOW + timedelta(minutes=minute), who="anna", limit=limit)
    with pytest.raises(TooMany, match="2 in the last 60 minutes, and 2 are allowed"):
        audit.record("reveal", {}, now=NOW + timedelta(minutes=59), who="boris", limit=limit)
    assert audit.record("reveal", {}, now=NOW + timedelta(minutes=60), who="boris", limit=limit).seq == 4


def test_a_limit_is_not_counted_from_a_broken_chain(audit: Audit) -> None:
    for number in range(4):
        record(audit, number)
    audit.file.write_bytes(b"".join(_drop(lines(audit))))
    with pytest.raises(Fatal, match="the audit was changed"):
        audit.record("reveal", {}, now=NOW, who="anna", limit=Limit(frozenset({"reveal"}), 1, HOUR))


def _edit(audit: Audit, number: int, old: bytes, new: bytes) -> None:
    """Change one line and leave its digest as it was."""
    content = lines(audit)
    assert old in content[number]
    content[number] = content[number].replace(old, new, 1)
    audit.file.write_bytes(b"".join(content))


REVEALS = Limit(frozenset({"reveal"}), 2, HOUR)


def reveal(audit: Audit, now: datetime) -> Head:
    return audit.record("reveal", {}, now=now, who="anna", limit=REVEALS)


def test_an_act_reads_no_more_of_the_audit_than_its_limit_needs(audit: Audit) -> None:
    for number in range(6):
        record(audit, number, now=NOW + timedelta(minutes=30 * number))
    _edit(audit, 0, b'"0"', b'"7"')
    assert reveal(audit, NOW + timedelta(minutes=150)).seq == 7
    audit.refuse_an_old_clock(NOW + timedelta(minutes=150))
    assert [entry.seq for entry, _ in audit.newest(3)] == [5, 6, 7]
    with pytest.raises(Fatal, match="line 1 does not follow"):
        audit.verify_chain()


@pytest.mark.parametrize("number", range(2, 6))
def test_the_acts_of_a_limit_are_proven_with_the_one_that_ends_its_window(audit: Audit, number: int) -> None:
    for minute in (0, 10, 20, 90, 100, 110):
        record(audit, minute, now=NOW + timedelta(minutes=minute))
    _edit(audit, number, b'"anna"', b'"emma"')
    with pytest.raises(Fatal, match="does not follow from the one before"):
        reveal(audit, NOW + timedelta(minutes=115))


def test_a_clock_set_back_for_one_act_neither_ends_the_window_of_a_limit_nor_hides_the_newest_time(
    audit: Audit,
) -> None:
    for minute in (0, 1):
        reveal(audit, NOW + timedelta(minutes=minute))
    record(audit, 1, now=NOW - 3 * HOUR)
    record(audit, 2, now=NOW - 3 * HOUR)
    with pytest.raises(TooMany):
        reveal(audit, NOW + timedelta(minutes=2))
    with pytest.raises(Fatal, match="the audit goes up to 2026-11-22 12:01"):
        audit.refuse_an_old_clock(NOW - 3 * HOUR)


def test_an_audit_of_the_first_version_is_gone_on_with_and_read_whole_until_its_acts_are_old(audit: Audit) -> None:
    head, content = Head(), b""
    for minute in (0, 10, -200):  # the clock was set back, and no line says what it had been
        text = msgspec.json.encode(
            {"seq": head.seq + 1, "at": NOW + timedelta(minutes=minute), "action": "reveal", "who": "anna", "facts": {}}
        )
        head = Head(head.seq + 1, sha256(head.digest.encode() + text).hexdigest())
        content += head.digest.encode() + b" " + text + b"\n"
    audit.file.write_bytes(content)
    audit.file.chmod(0o600)
    with pytest.raises(Fatal, match="the audit goes up to 2026-11-22 12:10"):
        audit.refuse_an_old_clock(NOW)
    with pytest.raises(TooMany):
        reveal(audit, NOW + timedelta(minutes=20))
    record(audit, 4, now=NOW - HOUR)
    with pytest.raises(Fatal, match="the audit goes up to 2026-11-22 12:10"):
        audit.refuse_an_old_clock(NOW)
    assert reveal(audit, NOW + timedelta(minutes=80)).seq == 5
    assert audit.verify_chain().seq == 5


def test_an_end_that_is_not_the_kept_one_is_found_before_anything_is_counted(audit: Audit) -> None:
    for minute in (0, 90, 100):
        record(audit, minute, now=NOW + timedelta(minutes=minute))
    content = lines(audit)
    line, _ = act(end(content[1])[1] or Head(), at=NOW, action="look", who="emma", facts={})
    audit.file.write_bytes(b"".join([*content[:2], line]))
    for ask in (lambda: reveal(audit, NOW + 2 * HOUR), lambda: audit.newest(1), lambda: audit.refuse_an_old_clock(NOW)):
        with pytest.raises(Fatal, match="line 3 of 3 differs from the line known before"):
            ask()


@pytest.mark.parametrize("count", [1, 2, 5, 6, 100])
def test_the_newest_acts_are_the_last_of_all(audit: Audit, count: int) -> None:
    for number in range(6):
        audit.record("look", {"text": "x" * 15_000}, now=NOW, who=f"user {number}")  # more than one block of the file
    assert audit.newest(count) == list(audit.entries())[-count:]


def test_a_clock_before_the_newest_act_is_refused_but_for_a_small_step(audit: Audit) -> None:
    record(audit, 1)
    audit.refuse_an_old_clock(NOW - timedelta(seconds=59))
    with pytest.raises(Fatal, match="the clock says 2026-11-22 11:58, but the audit goes up to 2026-11-22 12:00"):
        audit.refuse_an_old_clock(NOW - timedelta(seconds=61))


def test_a_full_disk_is_an_error_and_its_remains_are_explained_later(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(audit, 1)
    write = os.write

    def full_after_half(descriptor: int, data: bytes) -> int:
        if len(data) > 60:
            return write(descriptor, data[: len(data) // 2 + 30])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.audit.log.os.write", full_after_half)
        with pytest.raises(Retryable, match=r"audit\.log: cannot be written: No space left on device"):
            record(audit, 2)
    record(audit, 3)
    assert [entry.action for entry, _ in audit.entries()] == ["look", "torn", "look"]


def test_a_file_that_may_not_grow_is_an_error_of_the_system_itself(audit: Audit) -> None:
    record(audit, 1)
    limit = audit.file.stat().st_size + 40
    code = f"""
import resource, signal
from datetime import UTC, datetime
from pathlib import Path
from pipeline.audit.log import Audit
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
Audit(Path({str(audit.file.parent)!r})).record("look", {{}}, now=datetime.now(UTC), who="anna")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert re.search(r"Retryable: .*audit\.log: cannot be written: File too large", ran.stderr)
    assert audit.file.stat().st_size == limit
    record(audit, 2)
    assert audit.verify_chain().seq == 3


def test_a_failed_fsync_is_an_error(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("pipeline.audit.log.os.fsync", broken)
    with pytest.raises(Retryable, match="Input/output error"):
        record(audit, 1)


def test_an_audit_others_can_reach_is_refused(audit: Audit, tmp_path: Path) -> None:
    record(audit, 1)
    audit.file.chmod(0o644)
    with pytest.raises(Fatal, match=r"audit\.log: others can reach it \(mode 0644\)"):
        record(audit, 2)
    audit.file.unlink()
    audit.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Fatal, match="is a symlink"):
        record(audit, 2)


def test_the_audit_names_the_login_behind_a_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    def login(value: str) -> str:
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: value)
        return operator()

    monkeypatch.setattr("pipeline.audit.log.os.getuid", lambda: 0)
    assert login("4294967295") == "root"
    assert login("0") == "root"
    assert login("nonsense") == "root"
    assert login("123456") == "uid 123456 as root"
