"""One row for each change, exactly once, and none where nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.errors import Fatal, Retryable
from pipeline.marks import record, versions
from pipeline.marks.record import Mark, Seen, marks_file, note_changes
from pipeline.marks.releases import MOST_OF_A_SITE, Releases, read_releases, releases_file
from pipeline.marks.versions import Thing, versions_now
from pipeline.settings.model import Settings
from pipeline.settings.sections import AddressList, ClickHouse, Networks, Privacy, SignedAgent
from pipeline.ship.schedule import JOBS
from support.command import free_port
from support.databases import write_countries
from support.server import Rows

AT = "2026-11-22 12:00:00.000"


@pytest.fixture
def server(tables: Rows) -> Iterator[Rows]:
    """Empty tables, and no earlier look."""
    files = (marks_file(tables.settings), releases_file(tables.settings))
    for file in files:
        file.unlink(missing_ok=True)
    yield tables
    for file in files:
        file.unlink(missing_ok=True)


def stored(rows: Rows) -> list[tuple[str, ...]]:
    """Return the marks without their times."""
    query = "SELECT site, kind, name, before, after FROM pixel.marks ORDER BY kind, site, name, after"
    return [tuple(row) for row in rows.admin.query(query).result_rows]


def changed(settings: Settings, **sections: Any) -> Settings:
    return settings.model_copy(update=sections)


def note_releases(settings: Settings, *known: tuple[str, str, str]) -> None:
    releases = Releases(settings)
    for site, release, at in known:
        releases.note(site, release, at)
    releases.save()


def test_the_first_look_remembers_and_a_second_finds_nothing(server: Rows) -> None:
    note_releases(server.settings, ("clinic", "1.0.0", AT))
    note_changes(server.settings)
    note_changes(server.settings)
    assert stored(server) == []
    assert marks_file(server.settings).stat().st_mode & 0o777 == 0o600


def test_a_changed_setting_is_one_row_with_the_name_of_its_section(server: Rows) -> None:
    note_changes(server.settings)
    for _ in range(2):
        note_changes(changed(server.settings, privacy=Privacy(policy_version="2", contact="privacy@clinic.example")))
    policy, section = stored(server)
    assert policy == ("", "policy", "privacy policy", "1", "2")
    assert section[:3] == ("", "settings", "privacy")
    assert len(section[3]) == len(section[4]) == 12
    assert section[3] != section[4]


def test_a_changed_file_of_networks_is_a_row_with_its_name(server: Rows, tmp_path: Path) -> None:
    listed, spam, keys = tmp_path / "tor.txt", tmp_path / "spam.txt", tmp_path / "agent.json"
    for file in (listed, spam, keys):
        file.write_text("192.0.2.0/24\n")
    networks = Networks(
        lists=(AddressList(net_class="tor", file=listed),),
        referrer_spam=spam,
        country_mmdb=write_countries(tmp_path / "country.mmdb", "RU"),
        signed_agents=(SignedAgent(name="agent", url="https://agent.example", file=keys),),
    )
    settings = changed(server.settings, networks=networks)
    note_changes(settings)
    listed.write_text("192.0.2.0/25\n")
    keys.write_text("{}")
    note_changes(settings)
    assert [(kind, name) for _, kind, name, *_ in stored(server)] == [("list", "agent.json"), ("list", "tor.txt")]
    spam.unlink()  # away for a moment: no change of version, `doctor` names it
    note_changes(settings)
    spam.write_text("192.0.2.0/24\n")
    note_changes(settings)
    assert len(stored(server)) == 2


def test_a_thing_that_is_new_or_gone_has_one_empty_side(server: Rows, tmp_path: Path) -> None:
    file = write_countries(tmp_path / "country.mmdb", "RU")
    with_file = changed(server.settings, networks=Networks(country_mmdb=file))
    note_changes(server.settings)
    note_changes(with_file)
    note_changes(server.settings)
    rows = [(before == "", after == "") for _, kind, _, before, after in stored(server) if kind == "database"]
    assert sorted(rows) == [(False, True), (True, False)]


def test_a_fetched_file_has_a_version_once_it_is_there(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    before, unread = versions_now(settings)
    assert unread == set()
    settings.networks_dir.mkdir()
    write_countries(settings.networks_dir / "country.mmdb", "RU")
    after, unread = versions_now(settings)
    assert set(after) - set(before) == {Thing("database", "country.mmdb")}
    assert unread == set()


def test_a_new_package_of_a_parser_and_a_new_version_of_the_software_are_rows(
    server: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_changes(server.settings)
    monkeypatch.setattr(versions, "version", lambda _name: "99.1")
    monkeypatch.setattr(versions, "__version__", "99.1")
    note_changes(server.settings)
    assert {(kind, name, after) for _, kind, name, _, after in stored(server)} == {
        ("software", "clinic-pixel", "99.1"),
        *(("parser", name, "99.1") for name in versions.PARSERS),
    }


def test_a_release_is_one_row_at_the_time_when_it_became_known(server: Rows) -> None:
    note_changes(server.settings)
    note_releases(server.settings, ("clinic", "1.0.0", AT), ("other", "2024-a", AT))
    note_changes(server.settings)
    later = AT.replace("12:00", "13:00")
    note_releases(server.settings, ("clinic", "1.1.0", later))
    for _ in range(2):
        note_changes(server.settings)
    assert stored(server) == [
        ("clinic", "release", "release", "", "1.0.0"),
        ("clinic", "release", "release", "1.0.0", "1.1.0"),
        ("other", "release", "release", "", "2024-a"),
    ]
    newest = server.admin.query("SELECT toString(max(at)) FROM pixel.marks").result_rows
    assert newest == [(later,)]


def test_a_lost_file_of_releases_repeats_no_row(server: Rows) -> None:
    note_changes(server.settings)
    for _ in range(2):
        note_releases(server.settings, ("clinic", "1.0.0", AT))
        note_changes(server.settings)
        releases_file(server.settings).unlink()
    assert len(stored(server)) == 1


@pytest.mark.parametrize("broken", [b"{", b"", b'{"versions":1}'])
def test_a_damaged_file_of_the_last_look_is_like_the_first_look(server: Rows, broken: bytes) -> None:
    note_changes(server.settings)
    marks_file(server.settings).write_bytes(broken)
    note_changes(changed(server.settings, privacy=Privacy(policy_version="2")))
    assert stored(server) == []


def test_a_crash_right_after_the_insert_makes_no_second_row(server: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    note_changes(server.settings)
    note_releases(server.settings, ("clinic", "1.0.0", AT), ("clinic", "1.1.0", AT.replace("11-22", "12-01")))
    write, calls = record._write, 0

    def write_until_killed(file: Path, seen: Seen) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        write(file, seen)

    monkeypatch.setattr(record, "_write", write_until_killed)
    with pytest.raises(KeyboardInterrupt):
        note_changes(server.settings)
    assert len(stored(server)) == 2
    monkeypatch.undo()
    for _ in range(2):
        note_changes(server.settings)
    assert len(stored(server)) == 2


def test_a_crash_before_the_insert_loses_no_row(server: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    note_changes(server.settings)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "_deliver", die)
    with pytest.raises(KeyboardInterrupt):
        note_changes(changed(server.settings, privacy=Privacy(policy_version="2")))
    assert stored(server) == []
    monkeypatch.undo()
    note_changes(changed(server.settings, privacy=Privacy(policy_version="2")))
    assert [row[1] for row in stored(server)] == ["policy"]


def test_while_the_database_is_away_the_rows_wait(server: Rows) -> None:
    note_changes(server.settings)
    away = changed(
        server.settings, privacy=Privacy(policy_version="2"), clickhouse=ClickHouse(port=free_port(), tcp_port=0)
    )
    for _ in range(2):
        with pytest.raises((Retryable, Fatal)):
            note_changes(away)
    waiting = msgspec.json.decode(marks_file(server.settings).read_bytes(), type=Seen).waiting
    assert {(mark.kind, mark.name) for mark in waiting} == {("policy", "privacy policy"), ("settings", "clickhouse")}
    note_changes(server.settings)
    kinds = [row[1] for row in stored(server)]
    assert sorted(kinds) == ["policy", "policy", "settings", "settings"]  # there and back again


def test_a_mark_has_the_columns_of_the_table() -> None:
    assert Mark.__struct_fields__ == record.COLUMNS


def test_ship_looks_for_changes() -> None:
    assert note_changes in [job.run for job in JOBS]


def test_neither_a_secret_nor_the_text_of_a_setting_is_in_a_version(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, privacy=Privacy(operator="Clinic of Petrov", contact="a@b.example"))
    found, unread = versions_now(settings)
    assert unread == set()
    assert not [said for said in found.values() if "Petrov" in said or "@" in said]
    url = Settings(data=tmp_path, clickhouse=ClickHouse(url="https://db.example:8443"))
    assert versions_now(url)[0][Thing("settings", "clickhouse")] == found[Thing("settings", "clickhouse")]
    assert {thing.kind for thing in found} == {"software", "parser", "settings", "policy"}


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = [tmp_path / place / "list.txt" for place in ("a", "b")]
    for file in files:
        file.parent.mkdir()
        file.write_text("192.0.2.0/24\n")
    lists = tuple(AddressList(net_class="tor", file=file) for file in files)
    found, _ = versions_now(Settings(data=tmp_path, networks=Networks(lists=lists)))
    assert [thing.name for thing in found if thing.kind == "list"] == ["a/list.txt", "b/list.txt"]


def test_the_known_releases_of_a_site_are_bounded_and_outlive_a_restart(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    releases = Releases(settings)
    for number in range(MOST_OF_A_SITE + 5):
        releases.note("clinic", f"1.{number}", AT)
    releases.save()
    again = Releases(settings)
    assert ("clinic", "1.204") in again
    assert ("clinic", "1.0") not in again
    assert ("other", "1.204") not in again
    releases_file(settings).write_bytes(b"{")
    assert read_releases(releases_file(settings)) == {}
