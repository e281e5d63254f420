"""The kept corpus of every parser, and seeded changes of it; `make fuzz` searches for longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fuzzing import corpus
from support.fuzzing.every import EVERY
from support.fuzzing.parser import Parser, TooSlow, tried

LARGEST_KEPT = 16 * 1024


@pytest.fixture(scope="module")
def wrong() -> dict[str, dict[str, str]]:
    """Return what went wrong, by parser and input: in a process of its own, for some parsers change what is global."""
    command = [sys.executable, "-m", "support.fuzzing", "--replay"]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "tests")))}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode in (0, 1), done.stderr[-3000:]
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", EVERY)
def test_no_input_of_the_corpus_and_no_change_of_it_breaks_a_promise(
    wrong: dict[str, dict[str, str]], name: str
) -> None:
    assert wrong[name] == {}


@pytest.mark.parametrize("name", EVERY)
def test_every_parser_has_small_inputs(name: str) -> None:
    kept = corpus.inputs(EVERY[name])
    assert len(kept) >= 1
    assert max(map(len, kept.values())) <= LARGEST_KEPT


def test_every_folder_of_the_corpus_belongs_to_a_parser() -> None:
    assert {place.name for place in corpus.DIRECTORY.iterdir()} == EVERY.keys()


def test_an_exception_that_is_not_documented_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        assert data != b"bad"

    monkeypatch.setattr(corpus, "EVERY", {"broken": Parser("broken", broken)})
    monkeypatch.setattr(corpus, "inputs", lambda _: {"good": b"good", "bad": b"bad"})
    assert corpus.replayed("broken").keys() == {"bad"}


def test_an_input_that_takes_too_long_is_found() -> None:
    def slow(data: bytes) -> None:
        sum(range(10**6))

    with pytest.raises(TooSlow, match="slow"):
        tried(Parser("slow", slow, seconds=1e-6), b"")
