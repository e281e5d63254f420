"""A host is normalised once, when the settings are read, and a text that is no host is refused with the right spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.edge.tables import SiteTables
from pipeline.enrich.referrers import Referrers
from pipeline.errors import Fatal
from pipeline.host_names import bare_host, host_setting, readable_host, same_site
from pipeline.pages.page import read_page
from pipeline.settings.model import load
from pipeline.settings.site import Site

CYRILLIC = "клиника.рф"
PUNYCODE = "xn--80apagcdp.xn--p1ai"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (CYRILLIC, PUNYCODE),
        ("КЛИНИКА.РФ", PUNYCODE),
        ("Клиника。рф", PUNYCODE),
        (PUNYCODE.upper(), PUNYCODE),
        ("Clinic.Example.", "clinic.example"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[0:0::1]", "[::1]"),
    ],
)
def test_every_spelling_of_a_host_means_the_same(given: str, stored: str) -> None:
    assert host_setting(given) == stored


def test_a_stored_host_is_shown_in_its_own_letters() -> None:
    assert [readable_host(host) for host in (PUNYCODE, "clinic.example", "[::1]")] == [
        CYRILLIC,
        "clinic.example",
        "[::1]",
    ]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("*.net.example", "`net.example`"),
        ("*.клиника.рф", "`клиника.рф`"),
        ("clinic.*", "`clinic.example`"),
        ("*", "`clinic.example`"),
        ("https://polyclinic.example/", "`polyclinic.example`"),
        ("//polyclinic.example", "`polyclinic.example`"),
        ("polyclinic.example:8443", "`polyclinic.example`"),
        ("polyclinic.example/vrachi?a=1#b", "`polyclinic.example`"),
        (" polyclinic.example", "`polyclinic.example`"),
        ("polyclinic.example\n", "`polyclinic.example`"),
        ("https://user:secret@polyclinic.example/", "`polyclinic.example`"),
        ("a.example, b.example", "`clinic.example`"),
        ("poly clinic.example", "`clinic.example`"),
        ("-a.example", "`clinic.example`"),
        ("[::1]:8080", "`[::1]`"),
        ("::1", "`[::1]`"),
        ("[zz]", "`clinic.example`"),
        ("", "`clinic.example`"),
    ],
)
def test_a_text_that_is_no_host_is_refused_with_the_expected_spelling(given: str, meant: str) -> None:
    with pytest.raises(ValueError, match="expected ") as refused:
        host_setting(given)
    assert f"such as {meant}" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", ["hosts", "ad_hosts"])
def test_a_start_with_such_a_host_names_file_key_and_spelling(tmp_path: Path, key: str) -> None:
    named = {"hosts": ["clinic.example"], key: ["*.net.example"]}
    lines = "\n".join(f"{name} = {hosts}" for name, hosts in named.items())
    (tmp_path / "pixel.toml").write_text(f"[[sites]]\nid = 'a'\n{lines}\n")
    with pytest.raises(Fatal, match=rf"pixel\.toml: sites\.0\.{key}: .*such as `net\.example`"):
        load(tmp_path / "pixel.toml")


@pytest.mark.parametrize("spelling", [CYRILLIC, CYRILLIC.upper(), PUNYCODE, PUNYCODE.upper()])
@pytest.mark.parametrize("visited", [CYRILLIC, PUNYCODE.upper()])
def test_pages_and_previous_pages_are_the_sites_own_in_every_spelling(spelling: str, visited: str) -> None:
    site = Site(id="clinic", hosts=(spelling,))
    page = read_page(f"https://{visited}/tseny", SiteTables(site).pages)
    assert (page.host, page.path) == (PUNYCODE, "/tseny")
    assert Referrers((site,)).kind(page.host, "clinic") == "internal"
    assert site.hosts == (PUNYCODE,)


@pytest.mark.parametrize(
    ("host", "other", "same"),
    [
        ("stats.clinic.example", "www.clinic.example", True),
        ("clinic.example", "clinic.example", True),
        ("a.clinic.spb.ru", "clinic.spb.ru", True),
        ("other.spb.ru", "clinic.spb.ru", False),
        ("a.github.io", "b.github.io", False),
        ("10.0.1.5", "192.168.1.5", False),
        ("10.0.1.5", "10.0.1.5", True),
        ("[::1]", "[::2]", False),
        ("localhost", "localhost", True),
        ("localhost", "clinic.example", False),
    ],
)
def test_two_hosts_are_one_site_as_browsers_decide(host: str, other: str, same: bool) -> None:
    assert same_site(host, other) is same
    assert same_site(other, host) is same


@pytest.mark.parametrize("host", ["www.clinic.example", "clinic.example.", "WWW.Clinic.Example:443"])
def test_a_host_is_bare_without_www(host: str) -> None:
    assert bare_host(host) == "clinic.example"
