"""Levels of a signal that an operator changes: what is taken, what is refused, and that a changed signal is in shadow."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.scoring.rules import changed_signals, shipped_signals


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "thresholds.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_changed_levels_are_in_force_and_put_the_signal_into_shadow(tmp_path: Path) -> None:
    shipped = shipped_signals()
    judged = {**shipped, "F13": shipped["F13"].model_copy(update={"judged": shipped["F13"].fingerprint})}
    changed = changed_signals(judged, written(tmp_path, "[fraud_signals.F13]\nlevels = [[12, 20]]\n"))
    assert (judged["F13"].is_shadow, changed["F13"].is_shadow) == (False, True)
    assert (judged["F13"].points(11), changed["F13"].points(11), changed["F13"].points(12)) == (20, 0, 20)
    assert {name for name in changed if changed[name] != judged[name]} == {"F13"}


def test_the_shipped_levels_written_again_change_nothing(tmp_path: Path) -> None:
    shipped = shipped_signals()
    levels = [list(level) for level in shipped["F13"].levels]
    again = changed_signals(shipped, written(tmp_path, f"[fraud_signals.F13]\nlevels = {levels}\n"))
    assert again["F13"].fingerprint == shipped["F13"].fingerprint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fraud_signals.F00]\nlevels = [[1, 2]]\n", r"\[fraud_signals.F00\]: expected one of"),
        ("[fraud_signals.F13]\nstrong = true\n", "expected levels"),
        ("[fraud_signals.F13]\nlevels = []\n", "levels: "),
        ("[fraud_signals.F13]\nlevels = [[12, 200]]\n", "family R has at most 60 points"),
        ("[fraud_signals.F13]\nlevels = [[12, 20], [8, 30]]\n", "levels begin with the weakest"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Fatal, match=said):
        changed_signals(shipped_signals(), written(tmp_path, text))
