"""The kind of a previous page by its service, app or own host, from the address as a browser sends it."""

from __future__ import annotations

import pytest

from pipeline.enrich.referrers import APPS, HOSTS, Referrers, registrable_domain
from pipeline.pages.page import SitePages, read_referrer
from pipeline.settings.site import Site

SITE = Site(
    id="clinic",
    hosts=("клиника.рф", "lab.example", "www.Doctors.example."),
    ad_hosts=("Газета.рф",),
)
PAGES = SitePages.of(SITE)
READER = Referrers((SITE,), spam={"spam.example", "co.uk", "ru"})

TABLE = [
    ("https://mail.yandex.ru/lite/message/1", "mail"),
    ("https://mail.yandex.kz/", "mail"),
    ("https://mail.yandex.com.tr/", "mail"),
    ("https://mail.360.yandex.ru/", "mail"),
    ("https://e.mail.ru/inbox/", "mail"),
    ("https://mail.google.com/mail/u/0/", "mail"),
    ("https://mail.rambler.ru/", "mail"),
    ("https://ru.mail.yahoo.com/", "mail"),
    ("https://nam02.safelinks.protection.outlook.com/?url=x", "mail"),
    ("https://outlook.live.com/", "mail"),
    ("https://email.seznam.cz/", "mail"),
    ("https://mail.naver.com/", "mail"),
    ("https://meet.google.com/", "other"),
    ("https://docs.google.com/document/d/1", "other"),
    ("https://drive.google.com/", "other"),
    ("https://translate.google.com.tr/", "other"),
    ("https://sites.google.com/", "other"),
    ("https://disk.yandex.kz/", "other"),
    ("https://translate.yandex.by/", "other"),
    ("https://forms.yandex.ru/u/1", "other"),
    ("https://telemost.yandex.ru/", "other"),
    ("https://360.yandex.ru/", "other"),
    ("https://cloud.mail.ru/", "other"),
    ("https://pan.baidu.com/", "other"),
    ("https://google.evil.example/", "other"),
    ("https://google.shop/", "other"),
    ("https://mail.google.com.evil.example/", "other"),
    ("https://www.google.co.uk/", "search"),
    ("https://m.yandex.uz/", "search"),
    ("https://yandex.com.tr/search/", "search"),
    ("https://images.google.de/", "search"),
    ("https://fr.search.yahoo.com/", "search"),
    ("https://search.yahoo.co.jp/", "search"),
    ("https://cn.bing.com/", "search"),
    ("https://yabs.yandex.ru/count/1", "ad"),
    ("https://an.yandex.ru/", "ad"),
    ("https://yabs.yandex.kz/", "ad"),
    ("https://adservice.google.ru/", "ad"),
    ("https://ads.tiktok.com/", "ad"),
    ("https://googleads.g.doubleclick.net/", "ad"),
    ("https://away.vk.com/away.php", "social"),
    ("https://m.ok.ru/", "social"),
    ("https://lm.facebook.com/", "social"),
    ("https://zen.yandex.ru/", "social"),
    ("https://my.mail.ru/", "social"),
    ("https://web.max.ru/", "social"),
    ("android-app://com.vkontakte.android/", "social"),
    ("android-app://ru.ok.android/", "social"),
    ("android-app://ru.oneme.app", "social"),
    ("android-app://org.telegram.messenger/", "social"),
    ("android-app://com.viber.voip/", "social"),
    ("android-app://com.whatsapp/", "social"),
    ("android-app://ru.yandex.searchplugin/", "search"),
    ("android-app://com.google.android.googlequicksearchbox/https/www.google.com", "search"),
    ("android-app://com.google.android.gm/", "mail"),
    ("android-app://ru.mail.mailapp/", "mail"),
    ("android-app://ru.yandex.mail/", "mail"),
    ("android-app://com.example.unknown/", "other"),
    ("https://клиника.рф/цены", "internal"),
    ("https://КЛИНИКА.РФ:443/цены", "internal"),
    ("https://www.клиника.рф/", "internal"),
    ("https://xn--80apagcdp.xn--p1ai/", "internal"),
    ("https://%D0%BA%D0%BB%D0%B8%D0%BD%D0%B8%D0%BA%D0%B0.%D1%80%D1%84/", "internal"),
    ("https://lab.example:8443/b", "internal"),
    ("https://lab.example/b", "internal"),
    ("https://doctors.example./", "internal"),
    ("https://www.doctors.example/", "internal"),
    ("https://notdoctors.example/", "other"),
    ("https://газета.рф/", "ad"),
    ("https://a.xn--80aaf0adg.xn--p1ai/", "other"),
    ("https://a.spam.example/", "spam"),
    ("https://clinic.co.uk/", "other"),
    ("https://clinic.ru/", "other"),
]


@pytest.mark.parametrize(("address", "kind"), TABLE, ids=[row[0] for row in TABLE])
def test_the_previous_page_is_of_the_kind_of_its_service(address: str, kind: str) -> None:
    assert READER.kind(read_referrer(address, PAGES).host, "clinic") == kind


@pytest.mark.parametrize(("kind", "names"), [*APPS.items(), *HOSTS.items()])
def test_every_listed_name_survives_the_scrubbing_and_is_found(kind: str, names: str) -> None:
    for name in names.split():
        scheme = "android-app" if name in APPS.get(kind, "").split() else "https"  # type: ignore[call-overload]
        assert READER.kind(read_referrer(f"{scheme}://{name}/", PAGES).host, "clinic") == kind, name


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.clinic.co.uk", "clinic.co.uk"),
        ("a.b.clinic.ru", "clinic.ru"),
        ("co.uk", ""),
        ("ru", ""),
        ("www.xn--80apagcdp.xn--p1ai", "xn--80apagcdp.xn--p1ai"),
        ("", ""),
        ("...", ""),
    ],
)
def test_the_registered_domain_ends_at_the_public_suffix(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain
