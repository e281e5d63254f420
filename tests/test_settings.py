"""The settings: rules beyond single values."""

from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from pipeline import settings
from pipeline.errors import Fatal
from pipeline.settings import AllowedValue, ClickHouse, Collector, Retention, load


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("stats.internal", "http://stats.internal:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # noqa: S104 - a setting, nothing listens
        ("::1", "http://[::1]:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_the_collectors_own_address_can_be_opened_wherever_it_listens(host, url):
    assert Collector(host=host).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://db.example",
        "https://db.example:8443",
        "https://db.example:8443/click/house/",
        "http://127.0.0.1:8123",
        "http://[::1]:8123",
        "",
    ],
)
def test_an_address_of_a_server_is_taken(url):
    assert ClickHouse(url=url).url == url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIXEL_CLICKHOUSE__URL", "https://pixel:hunter2@db.example:8443"),
        ("PIXEL_CLICKHOUSE__URL", "https://pixel:hun/ter2@db.example:8443"),
        ("PIXEL_CLICKHOUSE__URL", "pixel:hunter2@db.example"),
        ("PIXEL_CLICKHOUSE__URL", "https://db.example/?user=pixel&password=hunter2"),
        ("PIXEL_CLICKHOUSE__PASSWORD", "hunter2"),
        ("PIXEL_CLICKHOUSE", '{"url": "https://pixel:hunter2@'),
        ("PIXEL_COLLECTOR__PUBLIC_URL", "https://pixel:hunter2@stats.example"),
        ("PIXEL_SITES", '["https://pixel:hunter2@db.example"]'),
    ],
)
def test_a_password_in_a_setting_is_refused_and_not_shown(monkeypatch, tmp_path, name, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(Fatal) as refusal:
        load()
    shown = str(refusal.value)
    assert "hunter2" not in shown
    assert "ter2" not in shown
    assert name.removeprefix("PIXEL_").split("__")[-1].lower() in shown


def test_a_wrong_value_without_a_secret_is_shown(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIXEL_COLLECTOR__PORT", "eighty")
    with pytest.raises(Fatal, match=r"collector\.port: .* \(got 'eighty'\)"):
        load()


@pytest.mark.parametrize(
    ("days", "terms", "named"),
    [
        (28, {"rows_days": 28, "numbers_months": 1}, None),
        (29, {"rows_days": 28}, "rows_days = 28"),
        (90, {"rows_days": 89}, "rows_days of at least 90"),
        (90, {"numbers_months": 4, "quarantine_days": 1}, None),
        (90, {"numbers_months": 2}, "numbers_months of at least 4"),
    ],
)
def test_whatever_may_still_be_replayed_can_be_stored(days, terms, named):
    if named is None:
        assert Retention(keys_days=days, **terms).keys_days == days
    else:
        with pytest.raises(ValidationError, match=named):
            Retention(keys_days=days, **terms)


def test_a_file_with_a_setting_that_was_removed_is_told_what_to_do(tmp_path):
    file = tmp_path / "pixel.toml"
    file.write_text("[privacy]\nmin_visitors_sensitive = 20\n", encoding="utf-8")
    with pytest.raises(Fatal, match=r"privacy\.min_visitors_sensitive; it was removed: .* delete the line"):
        settings.load(file)


def fields(model, path=""):
    """Yield the path and the field of every setting, tables and lists of tables included."""
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from fields(part, f"{path}{name}.")


def test_every_setting_has_its_meaning_for_the_page_of_settings():
    all_fields = dict(fields(settings.Settings))
    assert {"collector.port", "sites.hosts", "retention.keys_days"} <= all_fields.keys()
    sections = {path.partition(".")[0] for path in all_fields if "." in path}
    assert [path for path, field in all_fields.items() if not field.description and path not in sections] == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"name": "ab"}, "expected `values` or a `pattern`"),
        ({"name": "ab", "values": ("a",), "pattern": "a"}, "expected `values` or a `pattern`"),
        ({"name": "ab", "pattern": "[a-z]{2}"}, "has more than 64 values: such a value could follow one person"),
        ({"name": "ab", "pattern": ".*"}, "cannot be read from its character 2"),
        ({"name": "ab", "values": tuple(map(str, range(65)))}, "65 values; expected at most 64"),
    ],
)
def test_a_cookie_or_parameter_that_could_follow_a_person_is_refused(rule, said):
    with pytest.raises(ValidationError, match=said):
        AllowedValue(**rule)


def test_a_pattern_of_a_few_values_is_allowed():
    assert AllowedValue(name="ab", pattern="[ab][1-3]").kept == {"a1", "a2", "a3", "b1", "b2", "b3"}
