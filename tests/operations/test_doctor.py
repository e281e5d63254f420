"""The results of `doctor` on the collector's totals and the worker's status, without any process running."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import orjson
import pytest
from urllib3 import HTTPResponse

from pipeline import __version__
from pipeline.clock import now_ms
from pipeline.database.confinement import supported
from pipeline.database.starting import up_lock
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.networks.fetched import Origin, origins_file, sha256, write_origins
from pipeline.operations import collector_checks, doctor, machine_checks, setting_checks
from pipeline.operations.doctor import examine
from pipeline.settings.model import Settings
from pipeline.settings.sections import Networks, SignedAgent
from pipeline.ship.status import ShipStatus, status_path, write_status
from pipeline.system import locks
from support.command import free_port
from support.databases import write_countries
from support.server import Rows

Published = tuple[tuple[str, timedelta], ...]
"""Grain and age of the end of published spans."""


def findings(settings: Settings, check: str) -> list[tuple[str, str]]:
    return [(finding.state, finding.text) for finding in examine(settings) if finding.check == check]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"data": tmp_path, "collector": {"port": free_port()}, "clickhouse": {"port": free_port()}}
    )


@pytest.mark.parametrize(("may_mint", "copied", "told"), [(False, False, 1), (False, True, 0), (True, False, 0)])
def test_a_host_whose_keys_are_copied_is_told_that_the_key_of_ad_clicks_was_forgotten(
    settings: Settings, may_mint: bool, copied: bool, told: int
) -> None:
    tried = settings.model_copy(update={"collector": settings.collector.model_copy(update={"mint_keys": may_mint})})
    today = datetime.now(UTC).date()
    files = KeyDirectory.of(tried)
    for name in (KeyName.of_day(today), KeyName.of_year(today), *([KeyName.of_quarter(today)] if copied else [])):
        files.create(name, secrets.token_bytes(32))
    found = [text for state, text in machine_checks.keys(tried) if state == "problem"]
    assert len(found) == told
    assert all("no key for the ad clicks" in text and "keys mint" in text for text in found)


def test_a_job_that_failed_is_named_with_its_error(settings: Settings) -> None:
    status = ShipStatus(
        1, at_ms=now_ms(), state="idle", failed_jobs={"copy the audit": "unforeseen KeyError at x.py:1"}
    )
    write_status(status_path(settings.data), status)
    state, text = findings(settings, "ship")[-1]
    assert state == "problem"
    assert "'copy the audit'" in text
    assert "unforeseen KeyError at x.py:1" in text


@pytest.mark.parametrize(
    ("lost", "state", "text"),
    [
        (0, "ok", "every page address could be read"),
        (20, "note", "20 of 2,000 events"),
        (21, "problem", "21 of 2,000 events"),
    ],
)
def test_pages_that_an_error_of_ours_made_unreadable_are_counted(
    settings: Settings, lost: int, state: str, text: str
) -> None:
    settings.run_dir.mkdir(parents=True)
    rows = [("spooled", "", "", 1_000), *([("page_faults", "", "", lost)] if lost else [])]
    (settings.run_dir / "collector-w0.json").write_bytes(msgspec.json.encode(rows))
    (settings.run_dir / "collector-w1.json").write_bytes(msgspec.json.encode([("spooled", "", "", 1_000)]))
    ((found, said),) = findings(settings, "pages")
    assert found == state
    assert text in said


def test_files_that_somebody_planted_in_the_engine_are_named(settings: Settings) -> None:
    assert [state for state, _ in findings(settings, "engine")] == ["ok" if supported() else "note"]
    (settings.clickhouse_dir / "planted").mkdir(parents=True)
    (settings.clickhouse_dir / "planted" / "0-x.sql").touch()
    state, text = findings(settings, "engine")[-1]
    assert state == "problem"
    assert "1 planted files were moved" in text


def test_a_kernel_without_landlock_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.operations.database_checks.supported", lambda: False)
    ((state, text),) = findings(settings, "engine")
    assert state == "note"
    assert "no Landlock" in text


def test_a_check_that_fails_by_itself_is_a_result_and_the_others_are_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings) -> Iterator[tuple[str, str]]:
        yield from [][0]

    monkeypatch.setattr(doctor, "CHECKS", (("broken", broken), *doctor.CHECKS))
    ((state, text),) = findings(settings, "broken")
    assert state == "problem"
    assert "unforeseen IndexError" in text
    assert findings(settings, "files") == [("ok", "keys, secrets and audit are private to this user")]


def test_a_ship_that_ended_is_named_with_its_last_words(settings: Settings) -> None:
    status = ShipStatus(1, at_ms=now_ms(), state="stopped", error="journal: line 7 is damaged", error_ms=now_ms())
    write_status(status_path(settings.data), status)
    state, text = findings(settings, "ship")[0]
    assert state == "problem"
    assert "it ended with: journal: line 7 is damaged" in text


def test_a_ship_whose_process_is_gone_is_named_at_once(settings: Settings) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_status(status_path(settings.data), ShipStatus(gone.pid, at_ms=now_ms(), state="shipping"))
    state, text = findings(settings, "ship")[0]
    assert state == "problem"
    assert text.startswith("not running for 0 s")


def test_segments_that_vanished_are_named(settings: Settings) -> None:
    lost = [f"w0-20261127000000-{number:06d}" for number in range(1, 8)]
    write_status(status_path(settings.data), ShipStatus(os.getpid(), at_ms=now_ms(), state="idle", lost_segments=lost))
    state, text = findings(settings, "ship")[-1]
    assert state == "problem"
    assert "7 segments vanished" in text
    assert lost[4] + ", ..." in text


@pytest.mark.parametrize(
    ("name", "state"),
    [("w0-20261127000000-000001.seg", "problem"), ("w0-20261127000000-000001.seg.bad", "problem"), ("junk", "note")],
)
def test_acknowledged_events_in_quarantine_are_a_problem_and_other_files_a_note(
    settings: Settings, name: str, state: str
) -> None:
    (settings.spool_dir / "quarantine").mkdir(parents=True)
    (settings.spool_dir / "quarantine" / name).write_text("damaged\n")
    assert [found for found, text in findings(settings, "spool") if "quarantine" in text] == [state]


def test_a_segment_that_cannot_be_sealed_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = b"clinic_pixel_segment_unsealed_seconds %d.0\n"

    def answer(age: int) -> list[tuple[str, str]]:
        monkeypatch.setattr(collector_checks, "answer_of", lambda *_, **__: HTTPResponse(figures % age, status=200))
        return findings(settings, "collector")

    assert [state for state, _ in answer(settings.spool.segment_seconds + 5)] == ["ok", "ok"]
    state, text = answer(settings.spool.segment_seconds + 61)[-1]
    assert state == "problem"
    assert "should have been sealed" in text


def test_a_damaged_request_or_block_is_named(settings: Settings) -> None:
    assert findings(settings, "persons") == [("ok", "0 requests of persons can be read, and every block")]
    for directory in (settings.blocks_dir, settings.cases_dir):
        directory.mkdir(mode=0o700)
        (directory / "a.json").touch(mode=0o600)
        ((state, text),) = findings(settings, "persons")
        assert state == "problem"
        assert "a.json: not a " in text


@pytest.mark.parametrize(("starred", "named"), [(1, False), (2, True)])
def test_the_share_of_pages_without_a_name_is_told(
    clickhouse: Settings, tables: Rows, starred: int, named: bool
) -> None:
    tables.writer.command(
        "INSERT INTO pixel.events (received_at, site, kind, page) SELECT now64(3) - INTERVAL 1 MINUTE, 'clinic', 'pageview',"
        f" if(number < {starred}, '/karta/*', '/uslugi') FROM numbers(20)"
    )
    told = [each for each in examine(clickhouse) if "`clinic-pixel pages learn`" in each.text]
    assert [each.state for each in told] == (["note"] if named else [])
    assert not named or told[0].text.startswith("10% of the page views")


def test_rows_of_the_future_and_hits_that_were_lost_on_the_way_are_named(clickhouse: Settings, tables: Rows) -> None:
    soon = datetime.now(UTC) + timedelta(days=3)
    tables.writer.raw_insert(
        "pixel.events", insert_block=orjson.dumps({"received_at": f"{soon:%Y-%m-%d %H:%M:%S}"}), fmt="JSONEachRow"
    )
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    counts = [("offered", "", 9), ("refused", "spool_full", 7), ("refused", "flood", 2)]
    for name, reason, value in counts:
        tables.count(minute, name, value, reason=reason)
    problems = [text for state, text in findings(clickhouse, "clickhouse") if state == "problem"]
    assert [text for text in problems if "in the future" in text], findings(clickhouse, "clickhouse")
    assert [text for text in problems if "refused with" in text] == [
        "7 hits of the last hour were refused with `spool_full` (docs/refusals.md)"
    ]


STATS = "https://stats.clinic.example"
OWN = {"sites": [{"id": "clinic", "hosts": ["clinic.example"]}]}
PROXIED = {"trusted_proxies": ["127.0.0.1/32"]}


@pytest.mark.parametrize(
    ("collector", "state", "said"),
    [
        ({}, "note", "works on this machine only"),
        ({"public_url": "http://localhost:8080"}, "note", "no tag reaches the collector"),
        ({"public_url": "http://stats.clinic.example"}, "problem", "no id cookie over http"),
        ({"public_url": STATS}, "problem", "collector.trusted_proxies names none"),
        ({"public_url": STATS, **PROXIED}, "ok", f"browsers reach the collector at {STATS}"),
        ({"public_url": "https://clinic.example/px", **PROXIED}, "ok", "https://clinic.example/px"),
    ],
)
def test_the_address_for_browsers_is_tried_against_its_use(
    settings: Settings, collector: dict[str, object], state: str, said: str
) -> None:
    tried = Settings.model_validate({"data": settings.data, "collector": {"port": free_port(), **collector}, **OWN})
    ((found, text),) = findings(tried, "browsers")
    assert found == state
    assert said in text


@pytest.mark.parametrize("host", ["clinic.spb.ru", "other.example"])
def test_a_collector_on_another_site_than_the_pages_is_named_with_its_cost(settings: Settings, host: str) -> None:
    given = {
        "collector": {"public_url": "https://stats.spb.ru", **PROXIED},
        "sites": [{"id": "clinic", "hosts": [host]}],
    }
    tried = Settings.model_validate({"data": settings.data, **given})
    state, text = findings(tried, "browsers")[-1]
    assert state == "note"
    assert "each visitor is new every day" in text


@pytest.mark.parametrize(
    ("privacy", "state", "said"),
    [
        ({}, "note", "set privacy.operator, privacy.contact, privacy.policy_url"),
        (
            {"operator": " \n", "contact": "a@b.example", "policy_url": "https://b.example/p"},
            "note",
            "set privacy.operator",
        ),
        ({"policy_version": "2126-01-01"}, "problem", "a day in the future"),
        ({"policy_version": "01.01.2126"}, "problem", "a day in the future"),
        ({"operator": "A", "contact": "a@b.example", "policy_url": "https://b.example/p"}, "ok", "names the operator"),
        ({"policy_version": "2026-01-01"}, "note", "set privacy."),
    ],
)
def test_a_privacy_page_without_names_and_a_policy_of_the_future_are_named(
    settings: Settings, privacy: dict[str, str], state: str, said: str
) -> None:
    found, text = findings(Settings.model_validate({"data": settings.data, "privacy": privacy}), "privacy")[-1]
    assert found == state
    assert said in text


@pytest.mark.parametrize(
    ("clickhouse", "said"),
    [
        ({"url": "http://db.clinic.invalid:8123"}, ["without encryption"]),
        ({"url": "https://db.clinic.invalid:8443"}, []),
        ({"url": "http://127.0.0.1:8123"}, []),
        ({"memory_mb": 10**9}, ["and this machine has"]),
        ({"memory_mb": 300}, []),
    ],
)
def test_an_open_way_to_the_database_and_too_much_memory_are_named(
    settings: Settings, clickhouse: dict[str, object], said: list[str]
) -> None:
    tried = Settings.model_validate({"data": settings.data, "clickhouse": clickhouse})
    found = [text for _, text in setting_checks.clickhouse(tried)]
    assert len(found) == len(said)
    assert all(words in text for words, text in zip(said, found, strict=True))


@pytest.mark.parametrize(("keys", "states"), [(90, ["ok"]), (30, ["note"]), (1, ["note", "note"])])
def test_keys_that_end_before_the_rows_made_with_them_are_told_with_the_cost(
    settings: Settings, keys: int, states: list[str]
) -> None:
    tried = Settings.model_validate({"data": settings.data, "retention": {"keys_days": keys}})
    found = findings(tried, "terms")
    assert [state for state, _ in found] == states
    if keys < 90:
        assert f"for the {90 - keys} days between, a person who names an address and a day is not found" in found[0][1]


def test_files_that_would_stop_ship_or_leave_a_list_empty_are_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text("# the download failed\n")
    lists = [{"net_class": "tor", "file": tmp_path / "tor.txt"}]
    networks = {"referrer_spam": tmp_path, "lists": lists}
    found = findings(Settings.model_validate({"data": settings.data, "networks": networks}), "networks")
    problems = [text for state, text in found if state == "problem"]
    assert any(
        "networks.referrer_spam cannot be read" in text and "`ship` would not start" in text for text in problems
    )
    assert any("tor.txt: names no network" in text for text in problems)


def hits_of_an_hour(rows: Rows, number: int, *, addresses: int, browsers: int, net_class: str = "other") -> None:
    rows.writer.command(
        "INSERT INTO pixel.events (received_at, site, kind, ip_token, net_token, ua_token, net_class)"
        " SELECT now64(3) - INTERVAL 1 MINUTE, 'clinic', 'pageview', toIPv6(concat('2001:db8::', hex(1 + number % {a}))),"
        f" toIPv6('2001:db8::'), number % {browsers}, '{net_class}' FROM numbers({number})".replace(
            "{a}", str(addresses)
        )
    )


@pytest.mark.parametrize(
    ("number", "addresses", "browsers", "net_class", "state", "said"),
    [
        (
            200,
            1,
            40,
            "other",
            "problem",
            "one address sends 100% of the 200 hits of the last hour, with 40 different browsers",
        ),
        (200, 1, 1, "other", "note", "a program or one person"),
        (200, 20, 40, "other", "problem", "one network sends 100%"),
        (99, 1, 40, "other", "ok", "no address or network sends most hits"),
        (200, 1, 40, "own", "ok", "no address or network sends most hits"),
    ],
)
def test_one_sender_of_most_hits_is_told_without_its_address(
    clickhouse: Settings,
    tables: Rows,
    number: int,
    addresses: int,
    browsers: int,
    net_class: str,
    state: str,
    said: str,
) -> None:
    hits_of_an_hour(tables, number, addresses=addresses, browsers=browsers, net_class=net_class)
    ((found, text),) = findings(clickhouse, "visitors")
    assert found == state
    assert said in text
    assert "2001:db8" not in text


def test_hits_that_were_turned_away_are_told_with_their_share_and_meaning(clickhouse: Settings, tables: Rows) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    counts = [
        ("offered", "", 300),
        ("refused", "flood", 92),
        ("refused", "foreign_origin", 3),
        ("refused", "bad_query", 5),
    ]
    for name, reason, value in counts:
        tables.count(minute, name, value, reason=reason)
    found = findings(clickhouse, "visitors")
    assert [state for state, _ in found] == ["problem", "note"]
    assert found[0][1].startswith("92 hits of the last hour (31%) were refused as `flood`")
    assert "Behind a CDN" in found[0][1]
    assert found[1][1].startswith("3 hits of the last hour (1%) were refused as `foreign_origin`")


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def stored_and_published(
    rows: Rows, stored: timedelta, *published: tuple[str, timedelta], site: str = "clinic"
) -> None:
    """Store a page view of so long ago, and publish spans of the clinic by the age of their end."""
    now = datetime.now(UTC)
    rows.writer.command(
        "INSERT INTO pixel.events (received_at, site, kind) VALUES ({at:DateTime64(3)}, {site:String}, 'pageview')",
        parameters={"at": now - stored, "site": site},
    )
    for grain, age in published:
        end = now - age
        rows.writer.command(
            "INSERT INTO pixel.publications (site, report, grain, start, end, id) VALUES ('clinic', 'pages', {grain:String},"
            " {start:DateTime}, {end:DateTime}, generateUUIDv4())",
            parameters={"grain": grain, "start": end - (HOUR if grain == "hour" else DAY), "end": end},
        )


@pytest.mark.parametrize(("publishes", "late"), [(True, "problem"), (False, "note")])
@pytest.mark.parametrize(
    ("published", "said"),
    [
        ((), "clinic: the numbers of the last 47 hours are not published; "),
        ((("hour", 5 * HOUR),), "clinic: the numbers of the last 5 hours are not published; "),
        ((("hour", HOUR),), " are not published, although those of hours are; "),
        ((("hour", HOUR), ("day", 3 * DAY)), " are not published, although those of hours are; "),
        ((("hour", HOUR), ("day", timedelta())), None),
    ],
)
def test_numbers_that_are_behind_are_told_as_a_problem_of_the_ship_that_publishes(
    clickhouse: Settings, tables: Rows, publishes: bool, late: str, published: Published, said: str | None
) -> None:
    settings = clickhouse.model_copy(update={"ship": clickhouse.ship.model_copy(update={"publish": publishes})})
    stored_and_published(tables, 2 * DAY - HOUR + timedelta(minutes=1), *published)
    (found,) = [each for each in findings(settings, "clickhouse") if "numbers" in each[1] and "clinic: " in each[1]]
    if said is None:
        assert found[0] == "ok"
        assert "clinic: numbers are published up to " in found[1]
    else:
        assert found[0] == late
        assert said in found[1]
        assert ("is `ship` running?" in found[1]) is publishes


def test_a_site_without_a_closed_hour_is_told_that_its_first_numbers_will_come(
    clickhouse: Settings, tables: Rows
) -> None:
    stored_and_published(tables, timedelta(minutes=5))
    told = [each for each in findings(clickhouse, "clickhouse") if "clinic: " in each[1]]
    assert told == [
        ("ok", "clinic: no hour has ended since its first hit; the first numbers come some minutes after one has")
    ]


def numbers_behind(settings: Settings) -> list[str]:
    return [text for _, text in findings(settings, "clickhouse") if "are not published" in text]


def test_no_day_is_missing_at_a_site_whose_first_page_view_is_newer_than_the_last_closed_day(
    clickhouse: Settings, tables: Rows
) -> None:
    stored_and_published(tables, 2 * HOUR, ("hour", HOUR))
    assert numbers_behind(clickhouse) == []
    stored_and_published(tables, 40 * HOUR)
    (text,) = numbers_behind(clickhouse)
    assert "although those of hours are" in text


def test_numbers_of_a_site_that_the_settings_do_not_name_are_not_missed(clickhouse: Settings, tables: Rows) -> None:
    stored_and_published(tables, 40 * HOUR, site="former")
    assert not [text for state, text in findings(clickhouse, "clickhouse") if state == "problem" or "former" in text]
    stored_and_published(tables, 40 * HOUR)
    (text,) = numbers_behind(clickhouse)
    assert text.startswith("clinic: ")


def test_a_ship_that_up_has_not_started_yet_is_no_problem(settings: Settings) -> None:
    settings.run_dir.mkdir(parents=True)
    before = ShipStatus(1, at_ms=now_ms() - 6_000, state="stopped")
    write_status(status_path(settings.data), before)
    assert [state for state, _ in findings(settings, "ship")] == ["problem"]
    lock = up_lock(settings)
    with locks.locked(lock):
        os.utime(lock)
        assert [state for state, _ in findings(settings, "ship")] == ["note"]
        long_ago = now_ms() / 1000 - machine_checks.STARTING_SECONDS - 1
        os.utime(lock, (long_ago, long_ago))
        assert [state for state, _ in findings(settings, "ship")] == ["problem"]
    os.utime(lock)
    assert [state for state, _ in findings(settings, "ship")] == ["problem"]


def test_the_keys_of_signing_programs_are_shown_with_their_age(tmp_path: Path) -> None:
    agents = (
        SignedAgent(name="fetched", url="https://a.example"),
        SignedAgent(name="own", url="https://b.example", file=tmp_path / "own.json"),
    )
    settings = Settings(data=tmp_path, networks=Networks(signed_agents=agents))

    def seen() -> list[tuple[str, str]]:
        return [
            (state, text)
            for state, text in collector_checks.networks(settings)
            if "keys of" in text or "signature" in text
        ]

    assert [state for state, _ in seen()] == ["problem", "problem"]
    assert "run `clinic-pixel lists fetch`" in seen()[0][1]
    settings.agent_keys_dir.mkdir(parents=True)
    for file in (settings.agent_keys_dir / "fetched.json", tmp_path / "own.json"):
        file.write_text('{"keys":[]}')
        os.utime(file, (time.time() - 9 * 86_400,) * 2)
    assert [(state, "9 days old" in text) for state, text in seen()] == [("note", True), ("ok", True)]
    (tmp_path / "own.json").write_text("{")
    assert seen()[1][0] == "problem"


def _origin_of(file: Path, age: int, licence: str = "PDDL-1.0") -> Origin:
    return Origin(
        "a source", "1", datetime.now(UTC).date() - timedelta(days=age), licence, "by Somebody", sha256(file), ()
    )


def test_the_source_age_and_licence_of_the_file_that_the_collector_has_are_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def country() -> tuple[str, str]:
        (found,) = [each for each in findings(settings, "networks") if each[1].startswith("country: ")]
        return found

    assert country()[0] == "note"
    assert "so it stays unknown; run `clinic-pixel lists fetch`" in country()[1]
    settings.networks_dir.mkdir()
    file = write_countries(settings.networks_dir / "country.mmdb", "RU")
    assert country() == (
        "ok",
        f"country: country.mmdb of {datetime.now(UTC).date()}, 0 days old, licence not known here, on disk",
    )
    for age, state in ((90, "ok"), (91, "note")):
        write_origins(settings, {"country": _origin_of(file, age)})
        assert country()[0] == state
        assert f", {age} days old, licence PDDL-1.0, on disk; name the source: by Somebody" in country()[1]
    of_file = file.stat().st_mtime_ns / 1e9  # as the collector computes it; `st_mtime` differs in the last digit
    for modified, place in ((of_file, "in the collector's memory"), (of_file - 1, "on disk")):
        figures = b"clinic_pixel_country_mmdb_modified_seconds %r\n" % modified
        monkeypatch.setattr(
            collector_checks, "answer_of", lambda *_, figures=figures, **__: HTTPResponse(figures, status=200)
        )
        assert f"licence PDDL-1.0, {place};" in country()[1]
    write_countries(file, "KZ")  # the description speaks for the earlier file
    assert "licence not known here" in country()[1]


def test_a_configured_file_that_is_missing_and_a_broken_description_are_problems(settings: Settings) -> None:
    given = settings.model_copy(update={"networks": Networks(country_mmdb=settings.data / "own.mmdb")})
    assert ("problem", f"country: no file {settings.data}/own.mmdb, so it stays unknown; put the file there") in (
        findings(given, "networks")
    )
    settings.networks_dir.mkdir()
    origins_file(settings).write_text("[")
    (trouble,) = [text for state, text in findings(settings, "networks") if state == "problem"]
    assert "run `clinic-pixel lists fetch`; `ship` would not start" in trouble


@pytest.mark.parametrize(("clients", "states"), [(0, set()), (1, {"note"}), (10, {"note"}), (11, {"problem"})])
def test_a_few_private_addresses_are_the_clinics_own_people(settings: Settings, clients: int, states: set[str]) -> None:
    settings.run_dir.mkdir()
    (settings.run_dir / "collector-1.json").write_bytes(orjson.dumps([["private_clients", "", "", clients]]))
    said = [(state, text) for state, text in findings(settings, "proxies") if "private addresses" in text]
    assert {state for state, _ in said} == states


def test_the_first_line_tells_the_version(settings: Settings) -> None:
    state, text = examine(settings)[0][1:]
    assert (state, text.split(",")[0]) == ("ok", f"clinic-pixel {__version__}")
