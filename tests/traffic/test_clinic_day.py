"""The simulated days: whole, in the site's time zone, and each with the same story."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.attackers.commands import simulate
from pipeline.database import starting
from pipeline.durations import DAY_MS, HOUR_MS
from pipeline.errors import Retryable
from pipeline.settings.model import load
from pipeline.settings.site import DEMO_SITE
from pipeline.system import locks
from pipeline.traffic import commands
from pipeline.traffic.clinic_day import BROKEN_LINK, SLOW_PAGE, clinic_day, span_of
from pipeline.traffic.send import PlannedHit
from support.command import free_port
from support.system import System

DAY = date(2026, 11, 18)
ZONE = ZoneInfo("Asia/Vladivostok")
SITE = DEMO_SITE.model_copy(update={"timezone": ZONE.key})


def errors_of(hits: list[PlannedHit], page: str, status: str) -> list[PlannedHit]:
    return [hit for hit in hits if hit.query["u"].endswith(page) and hit.query.get("e") == status]


def test_the_hits_fill_one_day_of_the_sites_zone() -> None:
    hits = clinic_day(SITE, DAY, seed=1, people=200)
    assert {datetime.fromtimestamp(hit.at_ms / 1000, ZONE).date() for hit in hits} == {DAY}
    assert [hit.at_ms for hit in hits] == sorted(hit.at_ms for hit in hits)
    hours = Counter(datetime.fromtimestamp(hit.at_ms / 1000, ZONE).hour for hit in hits if hit.person)
    assert sum(hours[hour] for hour in range(9, 18)) > 3 * sum(hours[hour] for hour in range(7))


def test_a_day_on_which_the_clocks_go_forward_is_shorter() -> None:
    berlin = DEMO_SITE.model_copy(update={"timezone": "Europe/Berlin"})
    assert len(span_of(date(2026, 3, 29), berlin)) == DAY_MS - HOUR_MS
    assert len(span_of(date(2026, 10, 25), berlin)) == DAY_MS + HOUR_MS


def test_the_same_seed_gives_the_same_day_and_another_one_on_another_date() -> None:
    def day(seed: int, day: date) -> list[PlannedHit]:
        return clinic_day(SITE, day, seed=seed, people=50)

    assert day(1, DAY) == day(1, DAY)
    assert [hit.query for hit in day(1, DAY)] != [hit.query for hit in day(2, DAY)]
    assert [hit.query for hit in day(1, DAY)] != [hit.query for hit in day(1, DAY + timedelta(days=1))]


def test_many_people_follow_one_broken_link_of_the_clinics_own_page() -> None:
    lost = errors_of(clinic_day(SITE, DAY, seed=1, people=250), BROKEN_LINK, "404")
    assert len({hit.person for hit in lost}) == len(lost) >= 20
    assert {hit.query["r"] for hit in lost} == {"https://clinic.example/services/"}


def test_one_scanner_tries_more_than_twenty_addresses_at_night() -> None:
    hits = clinic_day(SITE, DAY, seed=1, people=50)
    tried = [hit for hit in hits if hit.query.get("e") == "404" and not hit.person]
    assert len({hit.address for hit in tried}) == 1
    assert len({hit.query["u"] for hit in tried}) > 20


def test_on_a_slow_evening_people_reload_one_page_until_the_server_gives_up() -> None:
    hits = clinic_day(SITE, DAY, seed=1, people=250)
    waiting = [hit for hit in hits if "waiting" in hit.person]
    assert {hit.query["u"] for hit in waiting} == {f"https://clinic.example{SLOW_PAGE}"}
    views = Counter(hit.person for hit in waiting)
    assert len(views) == len(errors_of(hits, SLOW_PAGE, "504")) >= 10
    assert min(views.values()) >= 4
    assert {datetime.fromtimestamp(hit.at_ms / 1000, ZONE).hour for hit in waiting} <= {19, 20, 21}
    assert not errors_of(clinic_day(SITE, DAY, seed=1, people=250, is_slow=False), SLOW_PAGE, "504")


def test_some_people_come_again_on_the_next_day_with_the_same_browser() -> None:
    first, second = (
        {(hit.person, hit.address, hit.agent) for hit in clinic_day(SITE, day, seed=1, people=200) if hit.person}
        for day in (DAY, DAY + timedelta(days=1))
    )
    people = [{person for person, _, _ in each if person.startswith("person")} for each in (first, second)]
    again = people[0] & people[1]
    assert 30 < len(again) < 150
    assert {each for each in first if each[0] in again} == {each for each in second if each[0] in again}


@pytest.fixture
def far_away(tmp_path: Path) -> Iterator[System]:
    """A system whose site is in a zone where it is about noon, so that both days have hits."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "UTC"
    own = System(tmp_path, sites=[{"id": "clinic", "hosts": ["clinic.example"], "timezone": zone}])
    yield own.start()
    own.stop()


def test_yesterday_comes_whole_and_today_so_far(far_away: System) -> None:
    zone = far_away.settings.sites[0].zone
    today = datetime.now(zone).date()
    done = far_away.run("simulate", "--people", "30", "--format", "json")
    told = json.loads(done.stdout)
    planned = {name: count for name, count in told.items() if name.startswith("hits of")}
    yesterday, so_far = planned
    assert yesterday == f"hits of {today - timedelta(days=1)}"
    assert so_far.startswith(f"hits of {today} until ")
    assert told["sent"] == told["accepted"] == sum(planned.values())
    assert (told["stored"], told["stored twice"]) == (told["events of the accepted"], 0)
    assert f"simulated: {today - timedelta(days=1)} and {today} until" in done.stderr
    stored = dict(
        far_away.rows(
            "SELECT toDate(received_at, {zone:String}) AS day, uniqExact(nonce) FROM pixel.events GROUP BY day",
            zone=zone.key,
        )
    )
    assert stored == {today - timedelta(days=1): planned[yesterday], today: planned[so_far]}
    hours = far_away.rows("SELECT uniqExact(toHour(received_at)) FROM pixel.events WHERE received_at < now() - 43200")
    assert hours[0][0] >= 20
    again = far_away.run("simulate", "--people", "5", "--day", f"{today - timedelta(days=3)}", "--format", "json")
    assert [name for name in json.loads(again.stdout) if name.startswith("hits of")] == [
        f"hits of {today - timedelta(days=3)}"
    ]


def test_nothing_is_sent_while_the_database_is_being_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "START_SECONDS", 0)
    config = tmp_path / "pixel.toml"
    config.write_text(f'data = "{tmp_path}"\n[collector]\nport = {free_port()}\n')
    settings = load(config)
    settings.run_dir.mkdir(parents=True)
    with locks.locked(starting.up_lock(settings)) as lock:
        starting.mark_begun(lock)
        with pytest.raises(Retryable, match="starting: the database is being prepared"):
            simulate(people=1, config=config)
        starting.mark_ready(lock)
        with pytest.raises(Retryable, match="no collector answers"):
            simulate(people=1, config=config)
