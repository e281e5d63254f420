"""The measurement of one evaluation of all problems, over a small day."""

from __future__ import annotations

import pytest

from bench.effort import Effort
from bench.figures import Target
from bench.measurements import problems


@pytest.mark.slow
def test_an_evaluation_is_the_sum_of_its_parts_of_all_sites(tmp_path, monkeypatch):
    monkeypatch.setattr(problems, "HISTORY_DAYS", 3)
    monkeypatch.setattr(problems, "RUNS", 1)
    monkeypatch.setattr(problems, "LIMITS", {20_000: 5.0})
    findings = problems.measure(Effort(tmp_path, tables=(20_000,)))
    figures = {figure.key.removeprefix("problems.20000."): figure for figure in findings.figures}
    assert figures["evaluation"].target == Target("<=", 5.0)
    parts = [figures["last_hour"].median, figures["reading"].median, figures["comparing"].median / 1000]
    assert all(part > 0 for part in parts)
    # The two smaller sites are a part of it, too.
    assert figures["evaluation"].median > sum(parts)
    assert figures["busiest_hour.memory"].median > 1
    assert "3 days with" in figures["reading"].what


def test_only_a_day_with_a_target_has_a_limit():
    assert set(problems.LIMITS) == {1_000_000, 10_000_000}
    assert problems.LIMITS[1_000_000] < problems.LIMITS[10_000_000]
