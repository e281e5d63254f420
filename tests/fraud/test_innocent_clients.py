"""Screens, readers and quick people over made rows: whatever signals of rate, timing and path say together, nobody is likely."""

from __future__ import annotations

from random import Random
from typing import Final

from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import Scored, Sign, Surroundings, scored
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient, found

SIGNALS: Final = (
    *("F05", "F13", "F14", "F15", "F15b", "F16", "F17", "F18", "F19"),
    *("F20", "F21", "F22", "F23", "F26", "F27", "F54", "F57"),
)
PAGES = tuple(f"/doctor-{number}" for number in range(60))
NOBODY = {"visitor": 0, "visitor_kind": "none", "cookie_state": "none", "cookie_age": "none"}
MORNING, NIGHT = -36_000, 86_400 - 36_000 - 60
"""First and last second of the day, from 10 o'clock."""


def _scores(rows: Rows, settings: Settings, made: list[dict[str, object]]) -> list[Scored]:
    """Return the scores of the suspects of a day, as if all signals had been judged."""
    store(settings, made)
    judged = {
        name: all_signals()[name].model_copy(update={"judged": all_signals()[name].fingerprint}) for name in SIGNALS
    }
    return [
        scored([Sign(judged[sign.signal], sign.value) for sign in suspect.signs], Surroundings())
        for suspect in found(rows.writer, *SIGNALS)
    ]


def test_a_screen_that_loads_one_page_all_day_is_not_likely(tables: Rows, clickhouse: Settings) -> None:
    rows = MadeClient(NOBODY).views(range(MORNING, NIGHT, 20), ("/queue",))
    (screen,) = _scores(tables, clickhouse, rows)
    assert {name for name, points in screen.points.items() if points} == {"F18", "F22", "F23"}
    assert screen.band == "watch"


def test_a_screen_that_shows_six_pages_in_turn_all_day_is_not_likely(tables: Rows, clickhouse: Settings) -> None:
    rows = MadeClient(NOBODY).views(range(MORNING, NIGHT, 15), PAGES[:6])
    (screen,) = _scores(tables, clickhouse, rows)
    assert {"F14", "F20", "F22", "F23"} <= {name for name, points in screen.points.items() if points}
    assert screen.band == "watch"


def test_a_person_who_reads_twelve_pages_in_a_quarter_of_an_hour_is_no_suspect(
    tables: Rows, clickhouse: Settings
) -> None:
    seconds = [0, 12, 70, 190, 205, 320, 335, 480, 520, 700, 715, 890]
    assert _scores(tables, clickhouse, MadeClient().views(seconds, PAGES)) == []


def test_a_quick_person_who_compares_doctors_behind_a_vpn_is_not_likely(tables: Rows, clickhouse: Settings) -> None:
    in_tabs = [number * 0.8 for number in range(9)]
    draw, at, compared = Random(4), 30.0, []
    for _ in range(45):
        compared.append(at)
        at += draw.lognormvariate(2.5, 0.9)
    person = MadeClient({"net_class": "datacenter", "as_org": "Hosting"})
    (score,) = _scores(tables, clickhouse, person.views([*in_tabs, *compared], PAGES))
    assert {"F05", "F13", "F15b"} == {name for name, points in score.points.items() if points}
    assert score.band in {"none", "unclear", "watch"}
