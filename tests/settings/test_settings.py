"""The settings: rules beyond single values."""

from ipaddress import IPv4Network, IPv6Network
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.errors import Fatal
from pipeline.settings import model as settings
from pipeline.settings.model import load
from pipeline.settings.sections import ClickHouse, Collector, Fraud, Retention
from pipeline.settings.site import AllowedValue, Site


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
        "http://db.example:8123",
        "https://db.example:8443",
        "https://db.example:8443/click/house",
        "http://127.0.0.1:8123",
        "http://[::1]:8123",
    ],
)
def test_an_address_of_a_server_is_taken(url):
    assert ClickHouse(url=url).url == url


def test_an_empty_address_of_a_server_is_none():
    assert ClickHouse(url="").url is None


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
        (28, {"rows_days": 28, "numbers_months": 1, "quarantine_days": 28}, None),
        (28, {"rows_days": 28, "quarantine_days": 29}, "quarantine_days of at most 28"),
        (28, {"rows_days": 28}, "quarantine_days = 30 is longer than rows_days = 28"),
        (29, {"rows_days": 28, "quarantine_days": 1}, "rows_days = 28"),
        (90, {"rows_days": 89}, "rows_days of at least 90"),
        (90, {"numbers_months": 4, "quarantine_days": 1}, None),
        (90, {"numbers_months": 2}, "numbers_months of at least 4"),
    ],
)
def test_no_term_ends_before_another_that_needs_it(days, terms, named):
    if named is None:
        assert Retention(keys_days=days, **terms).keys_days == days
    else:
        with pytest.raises(ValidationError, match=named):
            Retention(keys_days=days, **terms)


@pytest.mark.parametrize("name", ["min_visitors", "min_visitors_sensitive"])
def test_a_file_with_a_setting_that_was_removed_is_told_what_to_do(tmp_path, name):
    file = tmp_path / "pixel.toml"
    file.write_text(f"[privacy]\n{name} = 20\n", encoding="utf-8")
    with pytest.raises(Fatal, match=rf"privacy\.{name}; it was removed: .* delete the line"):
        settings.load(file)


SITE = '[[sites]]\nid = "clinic"\nhosts = ["clinic.example"]\n'

WRONG = [
    ('[collector]\nhost = ""', "collector.host: expected an address of this machine"),
    ('[collector]\nhost = "http://127.0.0.1"', "collector.host: expected an address of this machine"),
    ('[collector]\nhost = "0.0.0.0:8080"', "collector.host: expected an address of this machine"),
    ('[demo]\nhost = "*"', "demo.host: expected an address of this machine"),
    ("[collector]\nport = 8123", "collector.port and clickhouse.port are both 8123"),
    ("[clickhouse]\ntcp_port = 8123", "clickhouse.port and clickhouse.tcp_port are both 8123"),
    (
        '[collector]\npublic_url = "stats.clinic.example"',
        "public_url: expected the collector's address such as https://",
    ),
    ('[collector]\npublic_url = "//stats.clinic.example"', "with https:// and without user and query"),
    ('[collector]\npublic_url = "https://stats.clinic.example/p.js"', "without the name of a file"),
    ('[collector]\npublic_url = "https://clinic.example/px/p.gif"', "without the name of a file"),
    ('[collector]\npublic_url = "https://clinic.example/a//px"', "single slashes"),
    ('[collector]\npublic_url = "https://stats.clinic.example:99999"', "in full"),
    ('[collector]\npublic_url = "https://*.clinic.example"', "in full"),
    ('[collector]\ntrusted_proxies = ["192.0.2.5/24"]', "expected 192.0.2.0/24 for the network, or 192.0.2.5"),
    ('[collector]\ntrusted_proxies = ["localhost"]', "expected a network such as 192.0.2.0/24"),
    ('[collector]\ntrusted_proxies = ["0.0.0.0/0"]', "a large part of the internet"),
    ('[collector]\ntrusted_proxies = ["::ffff:0.0.0.0/96"]', "a large part of the internet"),
    ('[collector]\nadmin_networks = ["::/0"]', "a large part of the internet"),
    ('[collector]\ntrusted_proxies = "127.0.0.1"', "expected a list"),
    ("[collector]\nprot = 1", "unknown key collector.prot; did you mean `port`?"),
    ("[spool]\nmax_mb = 20", "expected max_mb of at least 32"),
    ("[spool]\nsegment_seconds = inf", "less than or equal to 3600"),
    ("[ship]\npoll_seconds = 600", "less than or equal to 30"),
    ("[retention]\nkeys_days = true", "keys_days: expected a number"),
    ("[retention]\nrows_days = 60000", "less than or equal to 3660"),
    ("[retention]\nnumbers_months = 2000", "less than or equal to 240"),
    ('[privacy]\npolicy_url = "javascript:alert(1)"', "an address that a browser can open"),
    ('[privacy]\npolicy_url = "clinic.example/policy"', "an address that a browser can open"),
    ('[sites]\nid = "clinic"\nhosts = ["clinic.example"]', "expected a list of tables; write [[sites]]"),
    ('[[sites]]\nid = "clinic"\nhosts = []', "sites.0.hosts: expected at least one value (got [])"),
    ('[[sites]]\nid = "clinic"\nhosts = ["clinic.example"]\nconsnet = "explicit"', "did you mean `consent`?"),
    (SITE + 'ad_hosts = ["Clinic.Example"]', "clinic.example is in hosts and in ad_hosts"),
    (SITE + 'own_networks = ["0.0.0.0/0"]', "a large part of the internet"),
    (SITE + 'templates = ["doctors/*"]', "begins with one slash"),
    (SITE + 'templates = ["https://clinic.example/doctors/*"]', "begins with one slash"),
    (SITE + 'templates = ["/doctors/**"]', "`*` is one whole segment"),
    (SITE + 'templates = ["/?page_id=10"]', "matched without its query"),
    (SITE + "sensitive = {hiv = []}", "sensitive.hiv: expected at least one value"),
    (SITE + 'sensitive = {hiv = ["clinic.example/hiv"]}', "begins with one slash"),
    (SITE + 'sensitive = {hiv = ["/hiv*"]}', "`*` is one whole segment"),
    (SITE + 'sensitive = {hiv = ["/*"]}', "it is every page of the site"),
    (SITE + '[[sites.roles]]\nrole = "form"\npath = "/zapis/**"', "`*` is one whole segment"),
    (SITE + 'staff_sections = ["doctors/team"]', "the name of one path segment"),
    (
        SITE + '[[sites.query]]\nname = "a"\nvalues = ["x"]\n[[sites.query]]\nname = "a"\nvalues = ["y"]',
        "a is there twice",
    ),
    (SITE + '[[sites.query]]\nname = "a"\nvalues = ["%D0%B2"]', "expected 'в'"),
    (SITE + '[[sites.cookies]]\nname = "__Host-px"\nvalues = ["x"]', "is the collector's own"),
    (SITE + '[[sites.cookies]]\nname = "ab"\nvalues = ["x;y"]', "never arrives in a Cookie header"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text.rpartition("\n")[2] for text, _ in WRONG])
def test_a_setting_that_could_not_mean_anything_is_refused_in_words(tmp_path, text, said):
    file = tmp_path / "pixel.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Fatal) as refusal:
        load(file)
    shown = str(refusal.value)
    assert said in shown
    assert shown.count(";") < 3, "one fault is told once"


@pytest.mark.parametrize(
    ("text", "name", "read"),
    [
        ('[collector]\npublic_url = "https://stats.clinic.example/"', "public_url", "https://stats.clinic.example"),
        (
            '[collector]\npublic_url = "https://стат.клиника.рф/px/"',
            "public_url",
            "https://xn--80a7adb.xn--80apagcdp.xn--p1ai/px",
        ),
        ('[collector]\nhost = "0:0:0:0:0:0:0:0"', "host", "::"),
        ('[collector]\nhost = "[::1]"', "host", "::1"),
        ('[collector]\nhost = "[::]"', "host", "::"),
        ('[collector]\ntrusted_proxies = ["::ffff:10.0.0.0/104"]', "trusted_proxies", (IPv4Network("10.0.0.0/8"),)),
        ('[collector]\ntrusted_proxies = ["fc00::/7"]', "trusted_proxies", (IPv6Network("fc00::/7"),)),
    ],
)
def test_another_spelling_of_a_right_setting_means_the_same(tmp_path, text, name, read):
    file = tmp_path / "pixel.toml"
    file.write_text(text, encoding="utf-8")
    assert getattr(load(file).collector, name) == read


@pytest.mark.parametrize("name", ["yclid", "gclid", "GCLID", "utm_source", "utm_term"])
def test_a_parameter_of_ads_belongs_to_no_page(name):
    with pytest.raises(ValidationError, match=f"{name} tells of an ad"):
        Site(id="c", hosts=("clinic.example",), page_parameters=(name,))


@pytest.mark.parametrize(
    ("given", "said"),
    [({"gclick": 1.0}, "no ad network marks clicks with 'gclick'"), ({"gclid": -1.0}, "greater than or equal to 0")],
)
def test_a_cost_of_no_click_and_a_negative_cost_are_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Fraud(click_cost=given)


@pytest.mark.parametrize("host", ["[", "[]", "[x]", "[::1", "::1]", "[clinic.example]"])
def test_a_torn_address_is_no_address_to_listen_on(host):
    with pytest.raises(ValidationError, match="expected an address of this machine alone"):
        Collector(host=host)


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
