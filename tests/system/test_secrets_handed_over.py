"""Secrets that systemd or docker hands to a process (`CREDENTIALS_DIRECTORY`): they come before the directory of the secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.database.access import USERS, USERS_OF, hand_out_passwords, read_passwords
from pipeline.errors import Fatal
from pipeline.settings.model import Settings
from pipeline.system.secrets import handed_over, read_or_make_secret, read_secret


@pytest.fixture
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir(mode=0o500)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return directory


def hand(directory: Path, name: str, content: str, mode: int = 0o400) -> None:
    (directory / name).write_text(content)
    (directory / name).chmod(mode)


def test_a_secret_that_was_handed_over_is_read_and_none_is_made(tmp_path, handed):
    hand(handed, "replay.ticket", "the ticket\n")
    file = tmp_path / "secrets" / "replay.ticket"
    assert read_or_make_secret(file) == "the ticket"
    assert not file.parent.exists()


def test_a_secret_that_was_not_handed_over_is_made_as_before(tmp_path, handed):
    file = tmp_path / "secrets" / "replay.ticket"
    assert read_or_make_secret(file) == file.read_text()
    assert handed_over(file) is None


def test_the_access_list_of_systemd_is_taken_and_a_file_for_everybody_is_not(tmp_path, handed):
    hand(handed, "webhook.key", "key", mode=0o440)  # as the mask of an access list shows in the mode
    assert read_secret(tmp_path / "webhook.key") == b"key"
    hand(handed, "webhook.key", "key", mode=0o444)
    with pytest.raises(Fatal, match="others can reach it"):
        read_secret(tmp_path / "webhook.key")


def test_a_relative_directory_hands_nothing_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "replay.ticket").write_text("planted")
    for given in ("", "."):
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", given)
        assert handed_over(tmp_path / "secrets" / "replay.ticket") is None


def test_each_process_gets_the_passwords_of_its_own_users_and_is_told_which_it_lacks(tmp_path, monkeypatch):
    settings = Settings(data=tmp_path)
    hand_out_passwords(settings)
    passwords = read_passwords(settings)
    assert set(passwords) == set(USERS)
    for process, users in USERS_OF.items():
        own = settings.secrets_dir / process
        assert json.loads((own / "clickhouse.json").read_text()) == {user: passwords[user] for user in users}
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(own))
        assert read_passwords(settings, users) == {user: passwords[user] for user in users}
    with pytest.raises(Fatal, match="no password for pixel_migrator"):
        read_passwords(settings, ("pixel_migrator",))
