"""The kind of site that a visitor came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.enrich.referrers import HOSTS, Referrers, read_spam, registrable_domain
from pipeline.errors import Fatal
from pipeline.host_names import normal_host
from pipeline.settings.site import Site

SPAM = Path(__file__).parents[2] / "../shared/data/lists/referrer-spam/spammers.txt"
CLINIC = Site(id="clinic", hosts=("clinic.example", "www.clinic.example"), ad_hosts=("news.example",))
OTHER_SITE = Site(id="lab", hosts=("lab.example",))


@pytest.fixture(scope="module")
def referrers() -> Referrers:
    return Referrers((CLINIC, OTHER_SITE), spam={"spam.example", "mail.ru.example"})


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("", "none"),
        ("clinic.example", "internal"),
        ("www.clinic.example", "internal"),
        ("WWW.Clinic.Example.", "internal"),
        ("lab.example", "other"),
        ("evil-clinic.example", "other"),
        ("news.example", "ad"),
        ("yandex.ru", "search"),
        ("www.yandex.com.tr", "search"),
        ("ya.ru", "search"),
        ("www.google.com", "search"),
        ("google.co.uk", "search"),
        ("notgoogle.com", "other"),
        ("google.com.evil.example", "other"),
        ("go.mail.ru", "search"),
        ("www.bing.com", "search"),
        ("duckduckgo.com", "search"),
        ("nova.rambler.ru", "search"),
        ("e.mail.ru", "mail"),
        ("mail.yandex.ru", "mail"),
        ("mail.google.com", "mail"),
        ("m.vk.com", "social"),
        ("away.vk.com", "social"),
        ("ok.ru", "social"),
        ("t.me", "social"),
        ("l.facebook.com", "social"),
        ("yabs.yandex.ru", "ad"),
        ("googleads.g.doubleclick.net", "ad"),
        ("docs.google.com", "other"),
        ("spam.example", "spam"),
        ("a.b.spam.example", "spam"),
        ("notspam.example", "other"),
        ("example", "other"),
        ("192.0.2.1", "other"),
        ("[2001:db8::1]", "other"),
        ("...", "other"),
        ("\ud800\x00 ", "other"),
        ("x" * 100_000, "other"),
    ],
)
def test_a_referrer_has_one_kind(referrers: Referrers, host: str, kind: str) -> None:
    assert referrers.kind(host, "clinic") == kind


def test_own_hosts_belong_to_one_site_only(referrers: Referrers) -> None:
    assert referrers.kind("lab.example", "lab") == "internal"
    assert referrers.kind("clinic.example", "lab") == "other"
    assert referrers.kind("clinic.example", "closed-site") == "other"


def test_no_host_stands_in_the_tables_twice() -> None:
    hosts = [host for text in HOSTS.values() for host in text.split()]
    assert sorted(hosts) == sorted(set(hosts))


def test_the_spam_list_is_read_with_comments(tmp_path: Path) -> None:
    file = tmp_path / "spam.txt"
    file.write_text("# from somewhere\nSpam.Example\n\nother.example # seen twice\n", "utf-8")
    assert read_spam(file) == {"spam.example", "other.example"}
    assert read_spam(None) == frozenset()


@pytest.mark.parametrize("line", ["com", "http://spam.example", "two words.example", "a@b.example"])
def test_a_broken_line_of_the_spam_list_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "spam.txt"
    file.write_text(f"good.example\n{line}\n", "utf-8")
    with pytest.raises(Fatal, match=r"spam\.txt: line 2: .*expected"):
        read_spam(file)


def test_a_missing_spam_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="referrer_spam cannot be read"):
        read_spam(tmp_path / "absent.txt")


@pytest.mark.skipif(not SPAM.exists(), reason="the public lists are not beside the checkout")
def test_the_public_spam_list_is_known_and_harms_no_known_host() -> None:
    spam = read_spam(SPAM)
    referrers = Referrers((CLINIC,), spam)
    assert len(spam) > 2000
    assert {referrers.kind(f"www.{domain}", "clinic") for domain in spam if registrable_domain(domain)} == {"spam"}
    assert not spam & {host for text in HOSTS.values() for host in text.split()}


def test_a_site_named_in_its_own_letters_knows_its_hosts_as_they_are_stored() -> None:
    site = Site(id="clinic", hosts=("клиника.example", "groß.example"), ad_hosts=("газета.example",))
    referrers = Referrers((site,))
    hosts = ("xn--80apagcdp.example", "xn--gro-7ka.example")
    assert [referrers.kind(host, "clinic") for host in hosts] == ["internal", "internal"]
    assert referrers.kind(normal_host("газета.example"), "clinic") == "ad"
