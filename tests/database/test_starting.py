"""Other processes learn that `up` still prepares the database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.database import starting
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system import locks

VIEW = "technical.some_view"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    given = Settings(data=tmp_path)
    given.run_dir.mkdir(parents=True)
    return given


@pytest.fixture
def up(settings: Settings) -> Iterator[int]:
    """The held lock of an `up` that has just begun."""
    with locks.locked(starting.up_lock(settings)) as lock:
        starting.mark_begun(lock)
        yield lock


def test_a_missing_view_asks_for_migrate_only_where_nothing_prepares_it(settings: Settings) -> None:
    assert isinstance(starting.missing(settings, VIEW), Fatal)
    with locks.locked(starting.up_lock(settings)) as lock:
        starting.mark_begun(lock)
        assert str(starting.missing(settings, VIEW)).startswith("starting: the database is being prepared")
        starting.mark_ready(lock)
        assert "run `clinic-pixel migrate`" in str(starting.missing(settings, VIEW))
        starting.mark_begun(lock)
        assert isinstance(starting.missing(settings, VIEW), Retryable)
    assert isinstance(starting.missing(settings, VIEW), Fatal)


def test_a_question_that_fails_at_the_start_is_asked_again_when_reports_answer(settings: Settings, up: int) -> None:
    asked = 0

    def ask() -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            starting.mark_ready(up)
            raise Retryable("away")
        return "answer"

    assert starting.once_prepared(settings, ask) == "answer"
    assert asked == 2


def test_a_start_that_lasts_longer_is_told_in_words(settings: Settings, up: int) -> None:
    def away() -> str:
        raise Retryable("ClickHouse does not answer")

    with pytest.raises(Retryable, match=r"starting: .* ask again in a moment"):
        starting.once_prepared(settings, away, seconds=0)
    starting.mark_ready(up)
    with pytest.raises(Retryable, match="ClickHouse does not answer"):
        starting.once_prepared(settings, away, seconds=0)


def test_the_begin_of_up_is_kept_when_it_is_ready(settings: Settings, up: int) -> None:
    os.utime(up, (1_000_000.0, 1_000_000.0))
    starting.mark_ready(up)
    assert starting.begin_of_up(settings) == 1_000_000.0
