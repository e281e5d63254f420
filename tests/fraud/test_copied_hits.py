"""The copy of the hits of a day: nobody's hits count twice, and a run of a part of the day is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pipeline.errors import Retryable
from pipeline.fraud import copied, job, measure
from pipeline.fraud.day import Day
from pipeline.settings.model import Settings
from support.clinic_day import SINCE, SITE, store
from support.server import Rows
from support.suspicion import UNEVEN, MadeClient, found

LIBRARY = {"robot": "curl", "ivt_reasons": ["http_library"]}
OVER = SINCE + timedelta(days=1)
ALONG = Day(SITE, SINCE.date(), OVER, OVER + timedelta(hours=1))
"""Another scoring of the same day; `found` scores it a day later."""


@pytest.mark.parametrize("is_before", [True, False])
def test_hits_that_another_scoring_copied_count_for_nobody(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch, *, is_before: bool
) -> None:
    store(clickhouse, MadeClient(LIBRARY).views(UNEVEN))
    (suspect,) = found(tables.writer, "F07b")
    assert suspect.signs[0].value == len(UNEVEN)

    kept: Callable[..., Any] = measure.measure if is_before else measure.suspects_of

    def late(*given: object) -> object:
        """Copy the same hits for another run first: one of another host, or one that broke off and is still copying."""
        tables.writer.command(copied._COPY, parameters={**ALONG.words, "most": 9999})
        return kept(*given)

    monkeypatch.setattr("support.suspicion." + kept.__name__, late)
    (again,) = found(tables.writer, "F07b")
    assert (again.signs[0].value, again.views) == (len(UNEVEN), len(UNEVEN))


def test_a_scoring_whose_copy_ends_meanwhile_is_none_and_says_so(
    tables: Rows, clickhouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = MadeClient()
    store(clickhouse, scanner.views(UNEVEN, ("/a", "/b", "/c"), attack="dotfile"))
    kept: Callable[..., Any] = measure.measure

    def emptied(*given: object) -> object:
        tables.clear("fraud_hits")
        return kept(*given)

    monkeypatch.setattr("pipeline.fraud.job.measure", emptied)
    with pytest.raises(Retryable, match="copied hits ended while they were scored"):
        job.score_days(clickhouse, OVER)
    runs = "SELECT count() FROM pixel.fraud_runs"
    assert tables.admin.query(runs).result_rows == [(0,)]
    monkeypatch.undo()
    assert job.score_days(clickhouse, OVER) == 1
    assert tables.admin.query("SELECT suspect FROM pixel.fraud_cases").result_rows == [(scanner.suspect,)]


def test_a_user_agent_cut_within_a_letter_stops_no_scoring(tables: Rows, clickhouse: Settings) -> None:
    agent = "x" * 99 + "я" * 20
    odd = MadeClient({"ua_raw": agent, "ivt_reasons": ["odd_agent"]})
    store(clickhouse, odd.views(UNEVEN, ("/a", "/b", "/c"), attack="dotfile"))
    assert job.score_days(clickhouse, OVER) == 1
    ((reasons,),) = tables.admin.query("SELECT reasons FROM pixel.fraud_cases").result_rows
    assert any(f"one of no browser: {agent[:99]}" in each for each in reasons)
