"""The secret behind the noise: made once, kept private, never guessed around; and the keys derived from it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from pipeline.errors import Fatal
from pipeline.publish.noise import KEYS
from pipeline.publish.secret import FILE, SECRET_BYTES, noise_key, secret_of
from pipeline.settings.model import Settings

SECRET = bytes(range(SECRET_BYTES))
PLACE = ("clinic", "day", "2026-11-27T00:00:00+00:00")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(settings: Settings) -> None:
    made = secret_of(settings)
    assert len(made) == SECRET_BYTES
    assert secret_of(settings) == made
    assert (settings.secrets_dir / FILE).stat().st_mode & 0o777 == 0o600


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert secret_of(Settings(data=tmp_path / "a")) != secret_of(Settings(data=tmp_path / "b"))


@pytest.mark.parametrize("size", [0, SECRET_BYTES - 1, SECRET_BYTES + 1])
def test_a_secret_of_another_size_is_refused_and_kept(settings: Settings, size: int) -> None:
    secret_of(settings)
    file = settings.secrets_dir / FILE
    file.write_bytes(b"x" * size)
    with pytest.raises(Fatal, match=f"{FILE}: expected {SECRET_BYTES} bytes; restore it"):
        secret_of(settings)
    assert file.stat().st_size == size


def test_a_secret_that_others_can_read_is_refused(settings: Settings) -> None:
    secret_of(settings)
    (settings.secrets_dir / FILE).chmod(0o640)
    with pytest.raises(Fatal, match="others can reach it"):
        secret_of(settings)


def test_a_key_is_the_same_again_and_fits_the_hash_of_clickhouse() -> None:
    key = noise_key(SECRET, *PLACE)
    assert noise_key(SECRET, *PLACE) == key
    assert all(0 <= half < KEYS for half in key)
    # RFC 5869 with these inputs; another value would give published numbers new noise.
    assert key == (7987492141614090599, 1523769941173164290)


def test_each_site_span_and_secret_has_a_key_of_its_own() -> None:
    sites, grains, starts = ("clinic", "other"), ("hour", "day", "week"), ("2026-11-27", "2026-11-28")
    keys = {noise_key(secret, *place) for secret in (SECRET, SECRET[::-1]) for place in product(sites, grains, starts)}
    assert len(keys) == 2 * 2 * 3 * 2
