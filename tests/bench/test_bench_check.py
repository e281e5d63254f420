"""The guard: it fails on a loss that three measurements show, and on nothing less."""

import dataclasses
import sys

import pytest

from bench import check, results
from bench.check import Group, Guard, comparable, compare
from bench.figures import Figure, Findings
from bench.results import Result

COMMITTED = {"ratio": Figure("ratio", "a ratio", "x", (2.0, 1.9, 2.1))}


def guarded(*values, committed=COMMITTED):
    """Return the outcomes of a guard whose measurement gives these medians one after the other, and how often it was measured."""
    coming = iter(values)
    taken = []

    def measure():
        taken.append(next(coming))
        return Findings((Figure("ratio", "a ratio", "x", (taken[-1],)),))

    return compare(Group(lambda _: Findings(), (Guard("ratio"),)), committed, measure), len(taken)


def test_a_ratio_that_is_lost_three_times_fails_the_check():
    (outcome,), measured = guarded(2.7, 2.61, 3.0)
    assert (outcome.is_lost, measured) == (True, 3)


def test_a_ratio_that_is_kept_is_measured_once():
    (outcome,), measured = guarded(2.5)
    assert (outcome.is_lost, measured) == (False, 1)


@pytest.mark.parametrize("values", [(2.7, 2.0), (2.7, 2.7, 2.5)])
def test_a_loss_that_is_not_confirmed_does_not_fail(values):
    (outcome,), measured = guarded(*values)
    assert (outcome.is_lost, measured) == (False, len(values))


def test_a_better_ratio_is_no_loss():
    (outcome,), _ = guarded(0.5)
    assert (outcome.is_lost, outcome.guard.loss(2.0, 0.5)) == (False, -0.75)


def test_a_figure_that_is_not_committed_is_not_compared():
    outcomes, _ = guarded(9.0, committed={})
    assert outcomes == []


def test_calls_of_another_version_of_python_are_not_compared():
    def result(key):
        return Result(Findings((Figure(key, key, "", (1.0,)),)), {"Python": "3.11.7"}, {})

    known = {"calls": result("calls.hit"), "tag": result("tag.gzip_bytes")}
    assert set(comparable(known, "3.11.9")) == {"calls.hit", "tag.gzip_bytes"}
    assert set(comparable(known, "3.12.1")) == {"tag.gzip_bytes"}


def test_every_guard_has_a_committed_figure():
    committed = results.by_key(results.read())
    assert [guard.key for group in check.GROUPS for guard in group.guards if guard.key not in committed] == []


@pytest.mark.parametrize(("grown", "code"), [(1.0, 0), (1.2, 1)])
def test_the_command_fails_when_the_calls_of_a_hit_grow(monkeypatch, capsys, grown, code):
    committed = results.read()
    (was,) = (one for one in committed["calls"].findings.figures if one.key == "calls.hit")
    now = dataclasses.replace(was, samples=tuple(sample * grown for sample in was.samples))
    group = Group(lambda _: Findings((now,)), (Guard("calls.hit", allowed=check.EXACT),))
    monkeypatch.setattr(check, "GROUPS", (group,))
    monkeypatch.setattr(check, "comparable", lambda known, _python: results.by_key(known))
    monkeypatch.setattr(sys, "argv", ["bench.check"])
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code == code
    assert ("lost" if code else "kept") in capsys.readouterr().out


def test_exact_guards_are_those_of_counts_and_sizes():
    exact = [guard.key for group in check.GROUPS if group.is_exact for guard in group.guards]
    assert exact == ["tag.gzip_bytes", "calls.hit", "calls.hit_adversarial", "calls.shipped"]


def test_with_exact_alone_no_ratio_is_measured(monkeypatch):
    def never(_effort):
        raise AssertionError("a ratio was measured")

    monkeypatch.setattr(check, "GROUPS", (Group(never, (Guard("collector.fsync.cpu_ratio"),)),))
    monkeypatch.setattr(sys, "argv", ["bench.check", "--exact"])
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code == 0
