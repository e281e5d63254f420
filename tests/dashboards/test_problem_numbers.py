"""Which published numbers show a problem, over days of which every report has rows; and the steps of its history."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver import Client

from dashboards.problems.life import seen, steps
from dashboards.problems.place import WHOLE, source_of
from pipeline.database.client import connect
from pipeline.detection.watches import all_watches
from pipeline.settings.model import Settings
from support import booking_day
from support.publishing import store_published_day, store_published_faults

NONE = "1970-01-01 00:00:00"


@pytest.fixture(scope="module")
def ops(clickhouse: Settings) -> Client:
    """A reader of the published days."""
    store_published_day(clickhouse)
    booking_day.store_and_publish(clickhouse)
    store_published_faults(clickhouse)
    return connect(clickhouse, "ops")


@pytest.mark.parametrize(
    ("site", "watch", "dimension", "name", "number"),
    [
        ("booking", "form_broken", "version", "Mobile Safari 18", 22),
        ("booking", "form_broken", "browser", "Mobile Safari", 22),
        ("booking", "dead_ad", "ad", "checkup", 154),
        ("booking", "script_lost", "browser", "Mobile Safari", 185),
        ("booking", "script_lost", "section", "/booking", 192),
        ("branch", "server_errors", "page", "/queue", 36),
        ("branch", "loop", "page", "/login", 27),
        ("clinic", "network_lost", "network", "AS12389 Rostelecom", 181),
        ("clinic", "broken_link", "source", "/contacts", 25),
    ],
)
def test_the_number_of_a_place_is_the_one_that_its_report_shows(
    ops: Client, site: str, watch: str, dimension: str, name: str, number: int
) -> None:
    source = source_of(watch, dimension, name)
    query = (
        "SELECT sum(number) FROM technical.cells WHERE site = {site:String} AND report = {report:String} AND grain = 'day'"
        f" AND measure = {{measure:String}} AND ({source.where})"
    )
    values = {"site": site, "report": source.report, "measure": source.measure, **source.values}
    assert ops.query(query, parameters=values).result_rows == [(number,)]
    assert not source.is_whole


def test_every_place_of_every_watch_has_numbers_and_those_of_the_site_say_so() -> None:
    for watch in all_watches().values():
        for dimension in watch.dimensions:
            source = source_of(watch.name, dimension, "LCP /x")
            assert source.is_whole == (source.report == "traffic_by_day" and dimension != "site"), watch.name


def test_a_place_that_no_report_tells_apart_is_shown_by_the_whole_site() -> None:
    for watch, dimension in (
        ("program_lost", "os"),
        ("form_broken", "engine"),
        ("form_retried", "role"),
        ("new_watch", "moon"),
    ):
        source = source_of(watch, dimension, "x")
        assert (source.report, source.where, source.is_whole) == ("traffic_by_day", WHOLE, True)


def change(at: str, state: str = "ongoing", muted: str = NONE, **changed: str) -> dict[str, str]:
    plain = {"fixed_by": "", "verdict": "", "reason": "", "by": ""}
    return {"at": f"2026-11-{at}", "state": state, "muted_until": muted, **plain, **changed}


def test_each_change_of_state_is_one_step_with_who_made_it() -> None:
    rows = [
        change("01 10:00:00", "open"),
        change("01 11:00:00"),
        change("02 09:00:00", muted="2026-11-09 09:00:00", reason="rebuilt", by="anna"),
        change("03 09:00:00", muted="2026-11-03 09:00:00", by="boris"),
        change("04 09:00:00", "closed", "2026-11-03 09:00:00", fixed_by="1.4.1", verdict="waiting", by="anna"),
        change("05 09:00:00", "resolved", "2026-11-03 09:00:00", fixed_by="1.4.1", verdict="held", by="anna"),
        change("07 09:00:00", "open", "2026-11-03 09:00:00", fixed_by="1.4.1", verdict="not_held", by="anna"),
        change("08 09:00:00", "resolved", "2026-11-03 09:00:00", fixed_by="1.4.1", verdict="not_held", by="anna"),
    ]
    assert [(each.kind, each.by, each.text) for each in steps(rows)] == [
        ("named", "", ""),
        ("ongoing", "", ""),
        ("muted", "anna", "rebuilt"),
        ("unmuted", "boris", ""),
        ("closed", "anna", "1.4.1"),
        ("held", "", "1.4.1"),
        ("resolved", "", ""),
        ("not_held", "", "1.4.1"),
        ("back", "", ""),
        ("resolved", "", ""),
    ]


def test_a_problem_that_was_stored_resolved_is_named_and_resolved() -> None:
    assert [each.kind for each in steps([change("01 10:00:00", "resolved")])] == ["named", "resolved"]


def test_what_a_form_carries_changes_with_what_people_do_and_not_with_what_the_engine_counts() -> None:
    first, on = change("01 10:00:00", "open"), change("01 11:00:00")
    assert seen([first]) == seen([first, on])
    for after in (
        change("02 09:00:00", "closed"),
        change("02 09:00:00", muted="2026-11-09 09:00:00"),
        change("02 09:00:00", "resolved"),
    ):
        assert seen([first, after]) != seen([first])
    assert seen([]) == ""
