"""The kind of the previous page's site (column `referrer_kind`).

Owns the tables of search engines, networks, mail services and advertising hosts, and the reading of the spam list.
Rules: a host is looked up itself and then by each parent domain, so the most specific entry counts; the site's own
hosts come first, the spam list next. The host names were collected by hand; a host without an entry is `other`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from pipeline.enrich.rows import ReferrerKind
from pipeline.errors import Fatal
from pipeline.host_names import normal_host
from pipeline.settings import Site

CACHED_HOSTS = 8192
HOST_LIMIT = 253  # RFC 1035: no host name is longer

HOSTS: Mapping[ReferrerKind, str] = {
    "search": (
        "go.mail.ru nova.rambler.ru search.rambler.ru sputnik.ru ya.ru nigma.ru aport.ru webalta.ru "
        "bing.com duckduckgo.com search.yahoo.com search.brave.com ecosia.org qwant.com startpage.com swisscows.com "
        "baidu.com sogou.com so.com naver.com search.daum.net seznam.cz mojeek.com kagi.com metager.org metager.de "
        "presearch.com perplexity.ai chatgpt.com search.aol.com ask.com gigablast.com marginalia.nu yep.com you.com "
        "petalsearch.com lens.google.com com.google.android.googlequicksearchbox"
    ),
    "social": (
        "vk.com vk.ru vkvideo.ru vk.cc ok.ru odnoklassniki.ru my.mail.ru dzen.ru zen.yandex.ru livejournal.com pikabu.ru "
        "t.me telegram.org telegram.me web.telegram.org org.telegram.messenger max.ru rutube.ru tenchat.ru "
        "facebook.com fb.com fb.me messenger.com instagram.com threads.net threads.com whatsapp.com wa.me viber.com "
        "twitter.com t.co x.com bsky.app mastodon.social linkedin.com lnkd.in reddit.com pinterest.com pin.it tumblr.com "
        "tiktok.com youtube.com youtu.be snapchat.com discord.com weibo.com weixin.qq.com quora.com"
    ),
    "mail": (
        "e.mail.ru touch.mail.ru light.mail.ru m.mail.ru mail.yandex.ru mail.yandex.com mail.rambler.ru "
        "mail.google.com com.google.android.gm outlook.live.com outlook.office.com outlook.office365.com mail.yahoo.com "
        "mail.proton.me mail.ukr.net webmail.aol.com mail.aol.com mail.zoho.com mail.zoho.eu account.mail.ru"
    ),
    "ad": (
        "yabs.yandex.ru an.yandex.ru direct.yandex.ru awaps.yandex.net adfox.ru adfox.yandex.ru ads.adfox.ru "
        "target.my.com ad.mail.ru rs.mail.ru ads.vk.com ads.vk.ru begun.ru adriver.ru ssp.rambler.ru "
        "doubleclick.net googleadservices.com googlesyndication.com adservice.google.com ads.google.com "
        "bingads.com ads.linkedin.com ads.twitter.com taboola.com outbrain.com criteo.com adnxs.com mgid.com "
        "admitad.com actionpay.net adsterra.com propellerads.com amazon-adsystem.com adform.net"
    ),
    "other": (
        "docs.google.com drive.google.com sites.google.com accounts.google.com translate.google.com classroom.google.com "
        "calendar.google.com disk.yandex.ru translate.yandex.ru forms.yandex.ru passport.yandex.ru metrika.yandex.ru"
    ),
}

WORLDWIDE: Mapping[str, ReferrerKind] = {"google": "search", "yandex": "search", "rambler": "search", "yahoo": "search"}
"""Names of search engines in every country's domain, such as google.com.tr and yandex.kz."""

_COUNTRY_DOMAIN = re.compile(rf"({'|'.join(WORLDWIDE)})\.(?:com|[a-z]{{2}}|com?\.[a-z]{{2}})")
_KIND_OF = {host: kind for kind, hosts in HOSTS.items() for host in hosts.split()}


class Referrers:
    """The look-up for the configured sites."""

    def __init__(self, sites: Iterable[Site], spam: Iterable[str] = ()) -> None:
        self._own = {site.id: frozenset(map(normal_host, site.hosts)) for site in sites}
        self._ads = {site.id: frozenset(map(normal_host, site.ad_hosts)) for site in sites}
        self._spam = frozenset(spam)
        self._kind = lru_cache(maxsize=CACHED_HOSTS)(self._look_up)

    def knowing(self, spam: Iterable[str]) -> Referrers:
        """Return the same look-up with another spam list."""
        known = Referrers((), spam)
        known._own, known._ads = self._own, self._ads
        return known

    def kind(self, host: str, site: str) -> ReferrerKind:
        """Return the kind of a referrer host seen by one site; a site no longer configured has no own hosts."""
        return self._kind(host[:HOST_LIMIT], site) if host else "none"

    def _look_up(self, host: str, site: str) -> ReferrerKind:
        host = host.lower().rstrip(".")
        if host in self._own.get(site, ()):
            return "internal"
        if host in self._ads.get(site, ()):
            return "ad"
        domains = tuple(_parents(host))
        if not self._spam.isdisjoint(domains):
            return "spam"
        return next((kind for domain in domains if (kind := _known(domain))), "other")


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
    # The host itself, then each parent down to two labels: no list may hold a whole top-level domain.
    while "." in host:
        yield host
        host = host.partition(".")[2]


def _known(domain: str) -> ReferrerKind | None:
    if kind := _KIND_OF.get(domain):
        return kind
    found = _COUNTRY_DOMAIN.fullmatch(domain)
    return WORLDWIDE[found[1]] if found else None
