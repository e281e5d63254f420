"""The kind of the previous page's site (column `referrer_kind`).

Owns the tables of search engines, networks, mail services, advertising hosts and apps, and the reading of the spam list.
Rules: the site's own hosts come first, the spam list next, then the host itself, then its service. A company's name speaks
for its search only: of another service on the same domain (`mail`, `docs`) the label in front of the domain decides, in
every country. An app is found by its whole id (`android-app://ru.ok.android`). The names were collected by hand; a host
without an entry is `other`. The suffixes of countries are those of publicsuffix.org, without its private part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

from publicsuffixlist import PublicSuffixList

from pipeline.enrich.rows import ReferrerKind
from pipeline.errors import Fatal
from pipeline.host_names import normal_host
from pipeline.pages.page import spellings
from pipeline.settings.site import Site

CACHED_HOSTS = 8192
HOST_LIMIT = 253  # RFC 1035: no host name is longer

HOSTS: Mapping[ReferrerKind, str] = {
    "search": (
        "go.mail.ru nova.rambler.ru search.rambler.ru sputnik.ru ya.ru nigma.ru aport.ru webalta.ru "
        "bing.com duckduckgo.com search.brave.com ecosia.org qwant.com startpage.com swisscows.com "
        "baidu.com sogou.com so.com naver.com search.daum.net seznam.cz mojeek.com kagi.com metager.org metager.de "
        "presearch.com perplexity.ai chatgpt.com search.aol.com ask.com gigablast.com marginalia.nu yep.com you.com "
        "petalsearch.com copilot.microsoft.com chat.deepseek.com giga.chat"
    ),
    "social": (
        "vk.com vk.ru vk.me vkvideo.ru vk.cc ok.ru ok.me odnoklassniki.ru my.mail.ru dzen.ru zen.yandex.ru livejournal.com "
        "pikabu.ru t.me telegram.org telegram.me telegram.dog max.ru rutube.ru tenchat.ru yappy.media "
        "facebook.com fb.com fb.me messenger.com instagram.com threads.net threads.com whatsapp.com wa.me viber.com "
        "twitter.com t.co x.com bsky.app mastodon.social linkedin.com lnkd.in reddit.com redd.it pinterest.com pinterest.ru "
        "pin.it tumblr.com tiktok.com youtube.com youtu.be snapchat.com discord.com weibo.com weixin.qq.com quora.com "
        "blog.naver.com cafe.naver.com tieba.baidu.com zhidao.baidu.com line.me"
    ),
    "mail": (
        "e.mail.ru touch.mail.ru light.mail.ru m.mail.ru octavius.mail.ru checklink.mail.ru account.mail.ru win.mail.ru "
        "outlook.com outlook.live.com mail.live.com outlook.office.com outlook.office365.com outlook.cloud.microsoft "
        "safelinks.protection.outlook.com mail.proton.me mail.ukr.net webmail.aol.com mail.aol.com mail.zoho.com mail.zoho.eu "
        "mail.qq.com mail.163.com mail.tutanota.com app.tuta.com app.fastmail.com i.ua "
        "deref-mail.com deref-gmx.net deref-web.de"
    ),
    "ad": (
        "awaps.yandex.net adfox.ru target.my.com ad.mail.ru rs.mail.ru target.mail.ru ads.vk.com ads.vk.ru begun.ru "
        "adriver.ru ssp.rambler.ru doubleclick.net googleadservices.com googlesyndication.com syndicatedsearch.goog "
        "bingads.com ads.linkedin.com ads.twitter.com taboola.com outbrain.com criteo.com adnxs.com mgid.com "
        "admitad.com actionpay.net adsterra.com propellerads.com amazon-adsystem.com adform.net"
    ),
    "other": "cloud.mail.ru calendar.mail.ru otvet.mail.ru news.mail.ru",
}

APPS: Mapping[ReferrerKind, str] = {
    "search": (
        "com.google.android.googlequicksearchbox com.google.android.apps.searchlite com.google.android.apps.maps "
        "com.google.android.apps.bard ru.yandex.searchplugin com.yandex.searchapp ru.yandex.yandexmaps com.microsoft.bing "
        "com.duckduckgo.mobile.android com.baidu.searchbox com.nhn.android.search com.ecosia.android com.openai.chatgpt "
        "ai.perplexity.app.android"
    ),
    "social": (
        "com.vkontakte.android com.vk.im com.vk.vkvideo ru.ok.android ru.ok.messages ru.ok.live ru.oneme.app "
        "ru.zen.android ru.rutube.app ru.pikabu.android com.livejournal.android "
        "org.telegram.messenger org.telegram.messenger.web org.telegram.plus org.thunderdog.challegram com.viber.voip "
        "com.whatsapp com.whatsapp.w4b com.facebook.katana com.facebook.lite com.facebook.orca com.facebook.mlite "
        "com.instagram.android com.instagram.lite com.instagram.barcelona com.twitter.android com.linkedin.android "
        "com.pinterest com.reddit.frontpage com.snapchat.android com.zhiliaoapp.musically com.ss.android.ugc.trill "
        "com.google.android.youtube com.discord com.skype.raider jp.naver.line.android com.tencent.mm com.kakao.talk "
        "com.tumblr xyz.blueskyweb.app"
    ),
    "mail": (
        "com.google.android.gm com.google.android.gm.lite ru.yandex.mail ru.mail.mailapp com.microsoft.office.outlook "
        "com.yahoo.mobile.client.android.mail com.samsung.android.email.provider com.fsck.k9 net.thunderbird.android "
        "ch.protonmail.android me.bluemail.mail"
    ),
}
"""Ids of apps: Android's browsers send `android-app://` and the id as the previous page."""

WORLDWIDE: Mapping[str, ReferrerKind] = {"google": "search", "yandex": "search", "rambler": "search", "yahoo": "search"}
"""Names of search engines in every country's domain, such as google.com.tr and yandex.kz."""

SERVICES: Mapping[ReferrerKind, str] = {
    "search": "search image images video videos maps lens scholar cse gemini alice",
    "mail": "mail email e-mail webmail outlook",
    "ad": "ads ad adservice googleads adfox yabs an bs direct awaps",
    "other": "docs doc drive disk pan meet cloud translate calendar accounts passport id forms support help developers",
}
"""The label of a service below a company's domain; an unknown one below a worldwide name is `other`."""

_PLAIN = frozenset({"www", "m", "touch", "l", "lm", "amp", "mobile"})
_KIND_OF = {host: kind for kind, hosts in HOSTS.items() for host in hosts.split()}
_KIND_OF_APP = {app: kind for kind, apps in APPS.items() for app in apps.split()}
_KIND_OF_SERVICE = {label: kind for kind, labels in SERVICES.items() for label in labels.split()}


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def registrable_domain(host: str) -> str:
    """Return the part of a host that somebody registered, `clinic.co.uk` of `www.clinic.co.uk`; '' for a suffix alone."""
    return _suffixes().privatesuffix(host) or ""


class Referrers:
    """The look-up for the configured sites."""

    def __init__(self, sites: Iterable[Site], spam: Iterable[str] = ()) -> None:
        self._sites = tuple(sites)
        self._own = {site.id: spellings(site.hosts) for site in self._sites}
        self._ads = {site.id: spellings(site.ad_hosts) for site in self._sites}
        self._spam = frozenset(spam)
        self._kind = lru_cache(maxsize=CACHED_HOSTS)(self._look_up)

    def knowing(self, spam: Iterable[str]) -> Referrers:
        """Return the same look-up with another spam list."""
        return Referrers(self._sites, spam)

    def kind(self, host: str, site: str) -> ReferrerKind:
        """Return the kind of a referrer host seen by one site; a site no longer configured has no own hosts."""
        return self._kind(host[:HOST_LIMIT], site) if host else "none"

    def _look_up(self, host: str, site: str) -> ReferrerKind:
        host = normal_host(host)
        if host in self._own.get(site, ()):
            return "internal"
        if host in self._ads.get(site, ()):
            return "ad"
        domains = tuple(_parents(host))
        if not self._spam.isdisjoint(domains):
            return "spam"
        return _KIND_OF_APP.get(host) or _of_service(host, domains)


def read_spam(file: Path | None) -> frozenset[str]:
    """Read the spam list: one domain a line, `#` starts a comment; raises `Fatal` naming file and line."""
    if file is None:
        return frozenset()
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Fatal(
            f"{file}: networks.referrer_spam cannot be read ({type(error).__name__}); expected a text file"
        ) from None
    domains: set[str] = set()
    for number, line in enumerate(lines, start=1):
        domain = line.partition("#")[0].strip().lower().rstrip(".")
        if domain and ("." not in domain or any(mark in domain for mark in " /:@")):
            raise Fatal(
                f"{file}: line {number}: {domain[:80]!r} is not a domain; expected one such as `spam.example` a line"
            )
        if domain:
            domains.add(domain)
    return frozenset(domains)


def _parents(host: str) -> Iterator[str]:
    # The host itself, then each parent down to the registered domain: no list may hold a whole suffix.
    last = registrable_domain(host)
    while last and host != last:
        yield host
        host = host.partition(".")[2]
    if last:
        yield last


def _of_service(host: str, domains: tuple[str, ...]) -> ReferrerKind:
    if kind := _KIND_OF.get(host):
        return kind
    for domain in domains[1:]:
        if kind := _KIND_OF.get(domain):
            service = _service_of(host, domain)
            return kind if service in {None, "search"} else service
    if not domains:
        return "other"
    name, _, suffix = domains[-1].partition(".")
    kind = WORLDWIDE.get(name) if _is_of_a_country(suffix) else None
    if kind is None:
        return "other"
    return kind if _labels(host, domains[-1]) <= _PLAIN else _service_of(host, domains[-1]) or "other"


def _is_of_a_country(suffix: str) -> bool:
    # Anybody may register a name below the newer suffixes.
    return suffix == "com" or len(suffix.rpartition(".")[2]) == len("ru")


def _labels(host: str, domain: str) -> set[str]:
    return set(host.removesuffix(domain).strip(".").split(".")) - {""}


def _service_of(host: str, domain: str) -> ReferrerKind | None:
    labels = host.removesuffix(domain).strip(".").split(".")
    return next((kind for label in labels if (kind := _KIND_OF_SERVICE.get(label))), None)
