"""Requests of a person against the real ClickHouse: found, hidden, held, exported, erased; and every refusal."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.audit.log import Audit
from pipeline.database.client import connect, working_as
from pipeline.edge.blocks import BlockList
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress
from pipeline.fraud.views import review_views
from pipeline.headers.cookies import DAY_SECONDS, IdCookie
from pipeline.inventory.columns import inventory
from pipeline.keys.directory import DESTROYED, KeyDirectory, KeyName
from pipeline.keys.holds import blocked_days
from pipeline.keys.ring import Keyring
from pipeline.keys.tokens import DayTokens, cookie_visitor
from pipeline.networks.address import canonical
from pipeline.privacy_check.compressed import unpacked
from pipeline.publish.counting import QUERY
from pipeline.reports import catalogue, run
from pipeline.reports.views import PLAIN
from pipeline.settings.model import Settings
from pipeline.ship.schedule import JOBS
from pipeline.subjects import request_code
from pipeline.subjects.desk import ADDRESSES_PER_HOUR, Desk
from pipeline.subjects.erasure import finish_erasures
from pipeline.subjects.rows import HOLD_AHEAD, TABLES, hold_blocked_rows
from support import clinic_day
from support.command import free_port
from support.server import Rows
from support.shipping import event, write_segment

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()
DAY = clinic_day.MIDNIGHT.date()
SECRET, OTHER = "A" * 22, "B" * 22
ADDRESS = RawAddress("198.51.100.7")


class Office:
    """A clinic with its own cases, keys and audit on the shared ClickHouse."""

    def __init__(self, home: Path, rows: Rows) -> None:
        self.rows = rows
        self.settings: Settings = rows.settings.model_copy(update={"data": home})
        shutil.copytree(rows.settings.secrets_dir, self.settings.secrets_dir)
        self.keyring = Keyring(KeyDirectory(self.settings.keys_dir), may_mint=True)
        self.keys: KeyDirectory = self.keyring.files
        for day in (DAY, TODAY):
            assert self.keyring.day(day, today=TODAY)
            assert self.keyring.visitor_key(day, today=TODAY)

    def desk(self, now: datetime = NOW) -> Desk:
        return Desk(self.settings, now=now, who="olga")

    def visitor(self, secret: str = SECRET) -> int:
        return cookie_visitor(self.keys.year_key(DAY.year) or b"", secret)

    def code(self, now: datetime = NOW, secret: str = SECRET) -> str:
        set_day = int(clinic_day.MIDNIGHT.timestamp()) // DAY_SECONDS
        return request_code.make(IdCookie(secret, set_day), self.keys.year_key, now=now)

    def token(self, address: RawAddress = ADDRESS, day: date = DAY) -> str:
        return DayTokens(self.keys.read(KeyName.of_day(day)) or b"").ip_token(address)

    def store(self, count: int = 3, *, visitor: int | None = None, **facts: object) -> None:
        """Store page views of a visitor, by default the person's, a minute apart."""
        who = {
            "visitor": self.visitor() if visitor is None else visitor,
            "visitor_kind": "cookie",
            "ip_token": self.token(),
        }
        start = clinic_day.MIDNIGHT + timedelta(hours=12)
        clinic_day.store(
            self.settings,
            [
                clinic_day.row(start + timedelta(minutes=number), **{**who, "event_id": uuid.uuid4(), **facts})
                for number in range(count)
            ],
        )

    def counts(self, condition: str = "1") -> dict[str, int]:
        return {
            table: self.rows.admin.query(f"SELECT count() FROM pixel.{table} WHERE {condition}").result_rows[0][0]
            for table in TABLES
        }

    def audited(self) -> list[str]:
        return [entry.action for entry, _ in Audit(self.settings.audit_dir).entries()]

    def state(self) -> tuple[object, ...]:
        """Return all that a refused step must leave as it was."""
        blocks = self.rows.admin.query("SELECT * FROM pixel.subject_blocks ORDER BY ALL").result_rows
        return (self.desk().book.all(), self.counts(), blocks, sorted(self.settings.blocks_dir.glob("*")))


@pytest.fixture
def office(tmp_path: Path, tables: Rows) -> Iterator[Office]:
    yield Office(tmp_path / "var", tables)
    tables.clear()


def test_a_person_is_found_by_code_as_numbers_per_day(office: Office) -> None:
    office.store(3)
    office.store(5, visitor=office.visitor(OTHER))
    found = office.desk().open_by_code("1", "Anna", "asks", office.code())
    assert found.days == [(DAY, 3)]
    assert any("nobody can find them any more" in note for note in found.notes)
    assert office.audited() == ["subject_find"]
    entry, _ = next(Audit(office.settings.audit_dir).entries())
    assert (entry.who, entry.facts) == (
        "olga",
        {"case": "1", "requester": "Anna", "basis": "asks", "by": "request code"},
    )
    assert office.desk().open_by_code("1", "Anna", "asks", office.code()).case == found.case
    assert office.desk().find("1", "asks again").days == [(DAY, 3)]


def test_an_address_is_counted_and_kept_nowhere(office: Office) -> None:
    office.store(4)
    found = office.desk().open_by_address("1", "Anna", "asks", ADDRESS, DAY, TODAY)
    assert found.days == [(DAY, 4)]
    assert "may be other people's" in found.notes[0]
    written = b"".join(path.read_bytes() for path in office.settings.data.rglob("*") if path.is_file())
    assert ADDRESS.encode() not in written
    assert office.token().encode() in written


FINDER = "SELECT * FROM fraud.finder(site = {site:String}, day = {day:Date})"


def every_view(office: Office) -> dict[str, object]:
    """Return the rows of every report, the cells that would be published, and the numbers that outlive the tokens."""
    site, since, until = clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL
    day = {"site": site, "since": since, "until": until, "grain": "day", "k0": 1, "k1": 2}
    answers: dict[str, object] = {}
    for report in catalogue.all_reports():
        if report.is_published:
            cells = office.rows.writer.query(QUERY.format(name=report.name), parameters=day).result_rows
            answers[report.path] = sorted(map(repr, cells))
        else:
            answers[report.path] = run.run(office.settings, report, site, since, until).rows
    with working_as(office.settings, "security") as security:
        for view in review_views():
            answers[f"fraud/{view.name}"] = security.query(f"SELECT * FROM fraud.{view.name} ORDER BY ALL").result_rows
        found = security.query(FINDER, parameters={"site": site, "day": DAY}).result_rows
        answers["fraud/finder"] = sorted(map(repr, found))
    hours = "SELECT * FROM rollup.hourly_counts(day = {day:Date}) ORDER BY ALL"
    return answers | {"rollup": office.rows.writer.query(hours, parameters={"day": DAY}).result_rows}


@pytest.mark.parametrize("by", ["code", "address"])
def test_a_blocked_persons_rows_are_in_no_view_of_any_family(office: Office, by: str) -> None:
    clinic_day.store(office.settings, clinic_day.rows())
    without = every_view(office)
    for number in range(9):  # a burst of nine pages, a broken link, a rare browser, network and robot
        at = clinic_day.MIDNIGHT + timedelta(hours=12, seconds=number)
        office.store(
            1, received_at=at, page=f"/{number}", browser="Firefox", asn=12389, as_org="Rostelecom", country="RU"
        )
    office.store(1, page="/old-price", status=404)
    office.store(1, robot="Nobot")
    with_them = every_view(office)
    silent = {path for path in without if with_them[path] == without[path]}
    assert silent <= {
        *(report.path for report in catalogue.all_reports() if not report.counted),
        # Faults that this person did not meet.
        *("technical/broken_links", "technical/crawl_errors"),
        *("technical/dead_links", "technical/server_errors", "technical/one_time_links"),
        *("technical/loops", "technical/funnel", "technical/reload_storms"),
        # Nothing is scored here: tests/fraud/test_blocked_suspects.py has a blocked suspect.
        *(f"fraud/{view.name}" for view in review_views()),
        # It names no crowd of fewer than 20.
        "fraud/finder",
        # A measurement has no visitor and no token.
        *(report.path for report in catalogue.all_reports() if report.counted == "technical"),
    }, "the person must show in the reports at all"
    desk = office.desk()
    if by == "code":
        desk.open_by_code("1", "Anna", "asks", office.code())
    else:
        desk.open_by_address("1", "Anna", "asks", ADDRESS, DAY, TODAY)
    desk.block("1", "until checked")
    assert every_view(office) == without
    desk.unblock("1", "checked")
    assert every_view(office) == with_them


def test_every_view_there_is_was_asked(office: Office) -> None:
    found = office.rows.admin.query(
        "SELECT database || '/' || name FROM system.tables WHERE engine = 'View' AND database IN ('technical', 'fraud', 'privacy')"
    ).result_rows
    reports = catalogue.all_reports()
    plain = {f"{report.path}_{name}" for report in reports for name in (PLAIN if report.is_published else report.plain)}
    lists = {f"{report.purpose}/reports" for report in reports}
    asked = {name for (name,) in found if not name.endswith("_test")} - plain - lists
    assert asked == {report.path for report in reports} | {f"fraud/{view.name}" for view in review_views()} | {
        "fraud/finder",
        "fraud/path",  # of one suspect that is named: tests/dashboards/test_fraud_evidence.py blocks one
    }


def test_no_report_names_the_held_copies() -> None:
    assert [report.path for report in catalogue.all_reports() if "held" in report.sql] == []


def test_a_block_refuses_new_hits_and_holds_the_keys_until_it_is_lifted(office: Office) -> None:
    office.store(2)
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    assert blocked_days(office.settings, TODAY) == frozenset()
    office.desk().block("1", "until checked")
    assert BlockList(office.settings.blocks_dir, office.keys).person(SECRET)
    assert not BlockList(office.settings.blocks_dir, office.keys).person(OTHER)
    assert {DAY, TODAY} <= blocked_days(office.settings, TODAY)
    office.desk().unblock("1", "checked")
    assert not BlockList(office.settings.blocks_dir, office.keys).person(SECRET)
    assert blocked_days(office.settings, TODAY) == frozenset()
    assert office.audited() == ["subject_find", "subject_block", "subject_unblock"]


def test_a_block_by_address_goes_on_to_its_last_day(office: Office) -> None:
    office.desk().open_by_address("1", "Anna", "asks", ADDRESS, DAY, TODAY + timedelta(days=3))
    office.desk().block("1", "until checked")
    blocks = BlockList(office.settings.blocks_dir, office.keys)
    days = [DAY - timedelta(days=1), DAY, TODAY, TODAY + timedelta(days=3), TODAY + timedelta(days=4)]
    assert [blocks.address(ADDRESS, day) for day in days] == [False, True, True, True, False]


def test_rows_that_end_while_the_block_lasts_are_held_and_stay_hidden(office: Office) -> None:
    settings = office.settings
    old = NOW - timedelta(days=settings.retention.rows_days) + HOLD_AHEAD - timedelta(hours=1)
    office.store(2, received_at=old, epoch=old.date())
    office.store(3)
    desk = office.desk()
    desk.open_by_code("1", "Anna", "asks", office.code())
    desk.block("1", "until checked")
    assert office.counts(f"visitor = {office.visitor()}") == {
        "events": 5,
        "held": 2,
        "fraud_signals": 0,
        "fraud_hits": 0,
        "fraud_cases": 0,
    }
    hold_blocked_rows(settings)
    assert office.counts()["held"] == 2
    assert desk.find("1", "asks").days == [(old.date(), 2), (DAY, 3)]
    # What age does to the originals.
    office.rows.age(f"visitor = {office.visitor()} AND received_at < now() - INTERVAL 30 DAY")
    viewer = connect(settings, "privacy")
    try:
        seen = "SELECT sum(events) FROM privacy.retention(site='clinic', since='2020-01-01 00:00:00', until='2100-01-01 00:00:00')"
        assert viewer.query(seen).result_rows == [(0,)]
        desk.unblock("1", "checked")
        assert office.counts()["held"] == 0
        assert viewer.query(seen).result_rows == [(3,)]
    finally:
        viewer.close()


def test_a_held_copy_has_no_sealed_click_id_which_ends_earlier(office: Office) -> None:
    old = NOW - timedelta(days=office.settings.retention.rows_days) + HOLD_AHEAD - timedelta(hours=1)
    office.store(1, received_at=old, epoch=old.date(), click_token=7, click_sealed="sealed")
    desk = office.desk()
    desk.open_by_code("1", "Anna", "asks", office.code())
    desk.block("1", "until checked")
    admin = connect(office.settings, "pixel_admin")
    try:
        held = admin.query("SELECT click_token, click_sealed, page FROM pixel.held").result_rows
        kept = admin.query("SELECT click_token, '', page FROM pixel.events").result_rows
        assert held == kept
        assert len(held) == 1
    finally:
        admin.close()


def test_the_daily_job_holds_what_comes_near_its_end(office: Office) -> None:
    office.store(2)
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    office.desk().block("1", "until checked")
    assert office.counts()["held"] == 0
    short = office.settings.model_copy(
        update={"retention": office.settings.retention.model_copy(update={"rows_days": 7})}
    )
    hold_blocked_rows(short)
    hold_blocked_rows(short)
    assert office.counts()["held"] == 2


def test_a_host_without_the_files_of_the_blocks_holds_the_rows_too(office: Office, tmp_path: Path) -> None:
    office.store(2)
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    office.desk().block("1", "until checked")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secrets").symlink_to(office.settings.secrets_dir)
    short = office.settings.retention.model_copy(update={"rows_days": 7})
    other = office.settings.model_copy(update={"data": tmp_path / "other", "retention": short})
    hold_blocked_rows(other)
    assert office.counts()["held"] == 2


def test_ship_holds_and_finishes() -> None:
    assert {hold_blocked_rows, finish_erasures} <= {job.run for job in JOBS}


def test_an_export_holds_everything_of_the_person_and_no_token(office: Office) -> None:
    office.store(1, page="/doctors", cookies={"lang": "ru"}, ua_token=991, click_token=992, net_token="fd00::9")
    office.store(5, visitor=office.visitor(OTHER), page="/others")
    office.rows.writer.command(
        "INSERT INTO pixel.fraud_cases (day, last_seen, visitor, suspect, case_id, ip_token, score, band, reasons, links)"
        f" VALUES (today(), now(), {office.visitor()}, {office.visitor()}, 'case-of-others', '{office.token()}', 20.5, 'likely',"
        " ['9 attack attempts'], ['way-of-others'])"
    )
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    exported = office.desk().export("1", "asks for a copy")
    (row,) = exported["events"]
    assert (row["page"], row["cookies"], row["site"]) == ("/doctors", {"lang": "ru"}, "clinic")
    (score,) = exported["fraud_scores"]
    assert (score["score"], score["band"], score["reasons"]) == (20.5, "likely", ["9 attack attempts"])
    told = {column.name for column in inventory().of("events") if column.group.words}
    assert told - row.keys() == {"ip_token", "net_token", "ua_token", "click_token", "click_sealed", "visitor"}
    assert {"policy", "hints", "page_flags", "epoch"} <= row.keys()
    text = json.dumps(exported, default=str)
    for token in (office.token(), str(office.visitor()), "991", "992", "fd00::9", "token", "/others", "of-others"):
        assert token not in text
    assert office.audited() == ["subject_find", "subject_export"]


def test_an_erased_person_is_in_no_part_of_any_table(office: Office) -> None:
    settings, visitor = office.settings, office.visitor()
    old = NOW - timedelta(days=settings.retention.rows_days) + HOLD_AHEAD - timedelta(hours=1)
    office.store(2, received_at=old, epoch=old.date())
    office.store(3)
    office.store(4, visitor=office.visitor(OTHER))
    before = int(NOW.timestamp()) - 60  # of the desk's clock, which may be minutes behind ClickHouse's in a long run
    office.rows.writer.command(
        "INSERT INTO pixel.fraud_signals (window_start, visitor, signal)"
        f" VALUES ({before}, {visitor}, 'F13'), ({before}, {office.visitor(OTHER)}, 'F02')"
    )
    office.rows.writer.command(
        "INSERT INTO pixel.fraud_cases (day, last_seen, visitor, suspect, case_id)"
        f" VALUES (today(), {before}, {visitor}, {visitor}, 'a'), (today(), {before}, {office.visitor(OTHER)}, {office.visitor(OTHER)}, 'b')"
    )
    # A scoring that broke off leaves its copy.
    office.rows.writer.command(
        "INSERT INTO pixel.fraud_hits (received_at, visitor)"
        f" VALUES ({before}, {visitor}), ({before}, {office.visitor(OTHER)})"
    )
    write_segment(settings.spool_dir, 1, [event(1, visitor=visitor, received_ms=int(NOW.timestamp() * 1000) - 1)])
    write_segment(settings.spool_dir / "quarantine", 1, [event(2, visitor=visitor), event(3, visitor=5)])
    desk = office.desk()
    desk.open_by_code("1", "Anna", "asks", office.code())
    desk.block("1", "until checked")
    scored = ("fraud_signals", "fraud_hits", "fraud_cases")
    assert office.counts(f"visitor = {visitor}") == {"events": 5, "held": 2, **dict.fromkeys(scored, 1)}
    office.rows.age(f"visitor = {visitor} AND received_at < now() - INTERVAL 30 DAY")
    facts = desk.erase("1", "withdrew")
    assert office.counts(f"visitor = {visitor}") == {"events": 0, "held": 0, **dict.fromkeys(scored, 0)}
    assert office.counts() == {"events": 4, "held": 0, **dict.fromkeys(scored, 1)}
    assert (facts["pixel.events"], facts["pixel.held"], facts["pixel.fraud_signals"]) == ("3", "2", "1")
    assert facts["pixel.fraud_cases"] == "1"
    assert (facts["unshipped"], facts["quarantined"]) == ("1", "1")
    assert office.audited()[-2:] == ["subject_erase", "subject_erased"]
    unfinished = office.rows.admin.query("SELECT count() FROM system.mutations WHERE NOT is_done").result_rows
    assert unfinished == [(0,)]
    assert not BlockList(settings.blocks_dir, office.keys).person(SECRET)
    assert blocked_days(settings, TODAY) == frozenset()


def test_an_erased_visitor_is_in_no_byte_of_a_part_in_use(office: Office) -> None:
    visitor = office.visitor()
    office.store(3)
    office.store(4, visitor=office.visitor(OTHER))

    def in_parts(number: int) -> bool:
        paths = office.rows.admin.query(
            "SELECT path FROM system.parts WHERE database = 'pixel' AND active AND table IN ('events', 'held')"
        ).result_rows
        files = [file for (path,) in paths for file in Path(path).glob("*.bin")]
        assert files
        return any(number.to_bytes(8, "little") in block for file in files for block in unpacked(file.read_bytes()))

    assert in_parts(visitor)
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    office.desk().erase("1", "withdrew")
    assert not in_parts(visitor)
    assert in_parts(office.visitor(OTHER))


def test_every_table_that_bears_a_visitor_is_erased(office: Office) -> None:
    found = office.rows.admin.query(
        "SELECT DISTINCT table FROM system.columns WHERE database = 'pixel' AND name IN ('visitor', 'ip_token')"
    ).result_rows
    assert {name for (name,) in found} == {*TABLES, "subject_blocks"}


def test_what_arrives_after_an_erasure_is_deleted_by_the_job_and_new_visits_are_not(office: Office) -> None:
    desk = office.desk(datetime.now(UTC))
    desk.open_by_code("1", "Anna", "asks", office.code())
    desk.erase("1", "withdrew")
    office.store(2)
    office.store(1, received_at=datetime.now(UTC) + timedelta(minutes=1))
    finish_erasures(office.settings)
    assert office.counts()["events"] == 1
    assert office.audited()[-1] == "subject_erased_late"
    finish_erasures(office.settings)
    assert office.audited().count("subject_erased_late") == 1


def test_an_erasure_that_was_cut_off_is_finished_by_the_next_try(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.store(3)
    office.desk().open_by_code("1", "Anna", "asks", office.code())

    def away(*_: object) -> None:
        raise Retryable("away")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.subjects.rows.SubjectRows.erase", away)
        with pytest.raises(Retryable):
            office.desk().erase("1", "withdrew")
    assert office.desk().book.working("1").state == "erasing"
    assert office.desk().erase("1", "withdrew")["pixel.events"] == "3"
    assert office.counts()["events"] == 0


def test_a_block_that_was_cut_off_is_finished_by_the_next_try(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.desk().open_by_code("1", "Anna", "asks", office.code())

    def away(*_: object) -> None:
        raise Retryable("away")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.subjects.rows.SubjectRows.set_block", away)
        with pytest.raises(Retryable):
            office.desk().block("1", "until checked")
    assert BlockList(office.settings.blocks_dir, office.keys).person(SECRET), "new hits are refused already"
    assert office.desk().block("1", "until checked").state == "blocked"


def test_while_clickhouse_is_away_nothing_is_changed_and_nothing_claimed(office: Office) -> None:
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    before, audited = office.state(), office.audited()
    away = office.settings.clickhouse.model_copy(update={"port": free_port()})
    desk = Desk(office.settings.model_copy(update={"clickhouse": away}), now=NOW, who="olga")
    for step in (desk.find, desk.block, desk.export, desk.erase):
        with pytest.raises(Retryable, match="does not answer"):
            step("1", "asks")
    assert (office.state(), office.audited()) == (before, audited)


def test_rows_that_stay_after_a_deletion_are_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.store(2)
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    monkeypatch.setattr("pipeline.subjects.rows.SubjectRows._delete", lambda *_: None)
    with pytest.raises(Fatal, match=r"pixel\.events: 2 rows are still there"):
        office.desk().erase("1", "withdrew")
    assert "subject_erased" not in office.audited()


REFUSALS = {
    "a forged code": (lambda desk, office: desk.open_by_code("2", "Eve", "asks", forged(office)), "not a request code"),
    "an old code": (lambda desk, office: desk.open_by_code("2", "Eve", "asks", old_code(office)), "ask for a new one"),
    "a code of another case": (
        lambda desk, office: desk.open_by_code("2", "Eve", "asks", office.code()),
        "opened request 1",
    ),
    "a case of somebody else": (
        lambda desk, office: desk.open_by_code("1", "Eve", "asks", office.code(secret=OTHER)),
        "is the number of another request",
    ),
    "an unknown case to find": (lambda desk, _: desk.find("9", "asks"), "unknown"),
    "an unknown case to block": (lambda desk, _: desk.block("9", "asks"), "unknown"),
    "an unknown case to unblock": (lambda desk, _: desk.unblock("9", "asks"), "unknown"),
    "an unknown case to export": (lambda desk, _: desk.export("9", "asks"), "unknown"),
    "an unknown case to erase": (lambda desk, _: desk.erase("9", "asks"), "unknown"),
    "an unblock of what is not blocked": (lambda desk, _: desk.unblock("1", "asks"), "expected one that is blocked"),
    "an export by address": (lambda desk, _: desk.export("by address", "asks"), "was opened by an address"),
    "an erasure by address": (lambda desk, _: desk.erase("by address", "asks"), "was opened by an address"),
    "a clock set back": (
        lambda _, office: office.desk(NOW - timedelta(days=2)).block("1", "asks"),
        "set the clock right",
    ),
    "days in the wrong order": (
        lambda desk, _: desk.open_by_address("2", "Eve", "asks", ADDRESS, TODAY, DAY),
        "two days in order",
    ),
    "an expired epoch": (
        lambda desk, _: desk.open_by_address("2", "Eve", "asks", ADDRESS, date(2026, 1, 1), date(2026, 1, 2)),
        "no key of 2026-01-01 to 2026-01-02 is left",
    ),
}


def forged(office: Office) -> str:
    code = office.code()
    return code[:-1] + ("7" if code[-1] != "7" else "8")


def old_code(office: Office) -> str:
    return office.code(NOW - request_code.LIFE - timedelta(hours=1))


@pytest.mark.parametrize("name", REFUSALS)
def test_a_bad_request_is_refused_audited_and_changes_nothing(office: Office, name: str) -> None:
    step, expected = REFUSALS[name]
    office.store(2)
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    office.desk().open_by_address("by address", "Anna", "asks", ADDRESS, DAY, TODAY)
    before, audited = office.state(), office.audited()
    with pytest.raises(Fatal, match=expected) as refusal:
        step(office.desk(), office)
    assert office.state() == before
    (new,) = office.audited()[len(audited) :]
    assert new.endswith("_refused")
    for secret in (office.code(), forged(office), ADDRESS):
        assert secret not in str(refusal.value)
        assert secret not in Audit(office.settings.audit_dir).file.read_text()


def test_an_erased_person_asked_for_again_is_refused_until_a_new_code_is_made(office: Office) -> None:
    office.desk().open_by_code("1", "Anna", "asks", office.code())
    office.desk().erase("1", "withdrew")
    for step in (office.desk().find, office.desk().block, office.desk().export, office.desk().erase):
        with pytest.raises(Fatal, match=r"was closed on .* \(erased\)"):
            step("1", "again")
    old = office.code(NOW - timedelta(minutes=3))
    with pytest.raises(Fatal, match="made before request 1 of this visitor was closed"):
        office.desk().open_by_code("2", "Anna", "again", old)
    later = NOW + timedelta(minutes=2)
    assert office.desk(later).open_by_code("2", "Anna", "again", office.code(later)).days == []


def test_addresses_cannot_be_tried_one_after_another(office: Office) -> None:
    desk = office.desk()
    for number in range(ADDRESSES_PER_HOUR):
        desk.open_by_address(f"A-{number}", "Eve", "asks", RawAddress(f"203.0.113.{number}"), DAY, TODAY)
    with pytest.raises(Fatal, match="20 in the last 60 minutes"):
        desk.open_by_address("B", "Eve", "asks", ADDRESS, DAY, TODAY)
    assert desk.book.find("B") is None
    assert office.desk(NOW + timedelta(hours=1, minutes=1)).open_by_address("B", "Eve", "asks", ADDRESS, DAY, TODAY)


def test_the_answer_says_which_days_can_no_longer_be_found(office: Office) -> None:
    office.keys.create(KeyName.of_day(DAY), b"", DESTROYED)
    found = office.desk().open_by_address("1", "Anna", "asks", ADDRESS, DAY, TODAY)
    gone = f"No key: events of these days can no longer be found by address: {DAY}, {DAY + timedelta(days=1)}."
    assert gone in found.notes


def test_nothing_is_done_without_its_line_in_the_audit(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.store(2)
    office.desk().open_by_code("1", "Anna", "asks", office.code())

    def full(*_: object, **__: object) -> None:
        raise Retryable("the disk is full")

    monkeypatch.setattr("pipeline.audit.log.Audit.record", full)
    before = office.state()
    for step in (office.desk().find, office.desk().block, office.desk().export, office.desk().erase):
        with pytest.raises(Retryable, match="disk is full"):
            step("1", "asks")
    assert office.state() == before


def test_canonical_addresses_are_found_however_they_are_written(office: Office) -> None:
    office.store(2)
    mapped = canonical("::ffff:198.51.100.7")
    assert mapped is not None
    assert office.desk().open_by_address("1", "Anna", "asks", mapped, DAY, TODAY).days == [(DAY, 2)]
