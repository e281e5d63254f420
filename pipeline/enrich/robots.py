"""Declared robots: the names that automated clients give themselves (column `robot`).

Owns the lists and their order: our own few names, the public list crawler-user-agents, then a list of general words for
unlisted robots. Rules: a name comes from the list, never from the agent, so the names are a closed set; the form of the
agent decides how much a word proves. An agent with a platform and an engine is a browser: there a listed robot counts,
the model of a phone never does, a service that has an app counts only as a robot by name (`Viber` is its in-app browser),
and general words count less the more the agent is an app's. One engine matches all patterns and looks for their literals
first: about 2 us an agent for 1,500 patterns, and a second match only after a first one was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser_rs import UserAgentExtractor

from pipeline.enrich.labels import Label

UNLISTED = "unlisted robot"
"""Name of a robot that ua-parser recognises and our lists do not have."""

PROGRAM = "unlisted program"
"""Name of a program whose agent names neither a system nor a browser, as every browser's and app's does."""

IN_AGENT = "attack in the agent"
"""Name of a client whose agent is an attack, which sql/fraud/signals/F17.sql counts."""


class Robot(NamedTuple):
    """A declared robot: its name and the label of its category (None if no label fits)."""

    name: str
    category: Label | None


HINTED = "automated browser"
"""Name of a robot whose agent is a browser's and whose client hints name a controlled browser."""

CATEGORIES: dict[str, Label | None] = {
    "scanner": Label.ROBOT_SCANNER,
    "browser-automation": Label.AUTOMATION,
    "http-library": Label.HTTP_LIBRARY,
    "ai-crawler": Label.ROBOT_AI,
    "search-engine": Label.ROBOT_SEARCH,
    "social-preview": Label.ROBOT_PREVIEW,
    "seo": Label.ROBOT_SEO,
    "monitoring": Label.ROBOT_MONITOR,
}
"""Tag of the public list -> label, the more specific tag first, for a robot with several."""

PEOPLE: tuple[str, ...] = (
    r"(?i:banca caboto)",  # a bank whose computers have its name in their agents
    r"http://bsalsa\.com/?",  # a browser component that adds its address to the agent
    r"Sogou(?:MobileBrowser|MSE|Search)",  # browsers of the search engine
)
"""Text of people's agents that looks like a robot's: removed before a match counts."""

NOT_ROBOTS = frozenset(
    {
        r"AP3A\.240617\.008",  # an Android build of many phones
        r"Asana\/",  # desktop programs and in-app browsers, used by people
        "Fluid",
        r"Grammarly\/",
        "MetaIAB Facebook",
        r"Notion\/",
        r"PayPal\/",
        r"Trae\/",
    }
)
"""Patterns of the public list that match people's browsers."""

_PLATFORM = r"[A-Za-z]+/[0-9.]+ \((?P<platform>(?:[^()]|\([^()]*\))*)\)+"
_BROWSER = re.compile(
    _PLATFORM + r" ?(?:AppleWebKit/[0-9.]+\+? ?\(KHTML, like Gecko\)|Gecko/[0-9.]+)(?P<rest> .*(?:Chrome|Firefox|Safari"
    r"|Version|CriOS|FxiOS|Mobile)/.*)",
    re.DOTALL,
)
"""The form of a browser's agent: a platform, an engine, and a version after it. The first word is almost always Mozilla/5.0."""

_OLD_EXPLORER = re.compile(r"Mozilla/[45]\.0 \((?:compatible; MSIE [0-9.]+; )?Windows NT [0-9.]+;[^()]*\bTrident/")
"""Its agent lists whatever was installed, encoded texts included."""

_PHONE = re.compile(r"Android|iPhone|iPad|iPod|OpenHarmony|HarmonyOS|Windows Phone")
_APP = re.compile(r"; ?wv\)|\bElectron/|\bQtWebEngine/|(?:iPhone|iPad|iPod)(?!.*Safari/)")
"""A web view or a desktop shell: the page is shown inside of an app, which adds its own name."""

_DECLARES = re.compile(r"(?i:compatible;)")
_MODEL = re.compile(r"(Android [0-9.]+;)((?:[^()]|\([^()]*\))*)(?=\))")
_PRODUCT = re.compile(r"/|@")
_SAYS_ROBOT = re.compile(r"(?i:bot|preview|spider|crawl|external|proxy|share|fetch|scan|scrap|link|thumb|service)")
_APP_TAGS = frozenset({"social-preview", "feed-reader"})
"""Robots of services that people read in an app of the same name."""

_ATTACK = (
    r"\$\{(?:jndi|env|sys|lower|upper|::-)|\bO:[0-9]{1,3}:\\?\"[A-Za-z_\\]|<\?(?:php|=)|\(\) ?\{ ?:;|;\s*(?:wget|curl) "
    r"|(?i:<script|\beval\(|\bbase64_decode\(|\bunion(?: all)? select |/etc/passwd|\bsleep\([0-9]|['\"]\s?or\s?['\"]?1['\"]?=)"
)
"""A program that logs, stores or reads the agent would run these: look-ups, serialised objects, code, commands, pieces of a query."""

_OWN: tuple[tuple[str, str, Label | None], ...] = (
    (_ATTACK, IN_AGENT, Label.ROBOT_SCANNER),
    (r"yandex\.com/bots|YandexBot/", "YandexBot", Label.ROBOT_SEARCH),
    (r"\bSlurp\b", "Yahoo Slurp", Label.ROBOT_SEARCH),
    (r"(?i:headless_?chrome|headlessfirefox)", "HeadlessChrome", Label.AUTOMATION),
    (r"(?i:phantomjs|slimerjs|casperjs)", "PhantomJS", Label.AUTOMATION),
    (r"(?i:selenium|webdriver)", "Selenium", Label.AUTOMATION),
    (r"(?i:puppeteer)", "Puppeteer", Label.AUTOMATION),
    (r"(?i:playwright)", "Playwright", Label.AUTOMATION),
    (r"(?i:\bcypress/|\bhtmlunit|\bjsdom/|\bzombie\.js)", "scripted browser", Label.AUTOMATION),
    (
        r"(?i:nuclei\b|gobuster|ffuf|fuzz faster|nikto|sqlmap|arachni|\bshodan)",
        "vulnerability scanner",
        Label.ROBOT_SCANNER,
    ),
    (
        r"(?i:burpcollaborator|\boast\.(?:site|online|me|pro|live|fun)\b)",
        "vulnerability scanner",
        Label.ROBOT_SCANNER,
    ),
    (r"(?i:mediapartners-google)", "Mediapartners-Google", None),
    (r"(?i:datadogsynthetics|dynatracesynthetic|syntheticsagent)", "synthetic monitor", Label.ROBOT_MONITOR),
    (r"\b(?:kube-probe|[Pp]rometheus|Grafana|collectd|munin)/", "infrastructure monitor", Label.ROBOT_MONITOR),
    (r"Cloudflare(?:Diagnostics|Observatory)/", "Cloudflare diagnostics", Label.ROBOT_MONITOR),
)

_LIBRARIES = (
    "curl|wget|python|java|php|ruby|perl|node|go|rust|dart|lua|axios|undici|postman|insomnia|restsharp|rest-client|scalaj"
    "|guzzle|okhttp|jakarta|apache-httpclient|http-kit|http_|http-|https?/|grpc|aiohttp|httpx|libwww|lwp|winhttp"
    "|microsoft-cryptoapi|cpp-httplib|reqwest|hyper|faraday|typhoeus|mechanize"
)

_SERVICES: tuple[tuple[str, str, Label | None], ...] = (
    (r"\bGoogle-[A-Za-z]|\bDuplexWeb-Google/|\bGoogleProber\b", "Google service", None),
)
"""Robots known by the form of their name, after those that the public list names."""

_CRAWLING: tuple[tuple[str, str, Label | None], ...] = (
    (r"like Gecko; compatible;", "unlisted crawler", None),  # the form of large crawlers that take a browser's agent
    (r"(?i:[a-z0-9.!_ -](?:ro)?bots?(?:[^a-z]|$)|^bot(?:[^a-z]|$))", "unlisted bot", None),
    (r"(?i:crawl(?:er|ing|s?\b))", "unlisted crawler", None),
    (r"(?i:spider(?:s?[^a-z]|$))", "unlisted spider", None),
)
"""Words of robots that copy a phone's agent and add their name."""

_CONTACTS: tuple[tuple[str, str, Label | None], ...] = (
    (r"(?i:https?://|\bwww\.)", "agent with a web address", None),
    (r"(?i:[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})", "agent with an e-mail", None),
)
"""An address of the operator; no browser and no app has one in its agent."""

_LIBRARY_WORDS: tuple[tuple[str, str, Label | None], ...] = (
    (
        rf"(?i:^(?:{_LIBRARIES})(?:[/ ._-]|$))",
        "unlisted library",
        Label.HTTP_LIBRARY,
    ),
    (
        r"(?i:request-promise|guzzlehttp|httpclient/|urllib|\bnode\.js\b|\bopenai/js)",
        "unlisted library",
        Label.HTTP_LIBRARY,
    ),
)
_OTHER_WORDS: tuple[tuple[str, str, Label | None], ...] = (
    (r"(?i:(?:scan|recon|audit)(?:s|ner|ning)?(?:[^a-z]|$))", "unlisted scanner", Label.ROBOT_SCANNER),
    (
        r"(?i:(?:scrap|fetch|check|index|valid|archiv|sniff|prob|inspect)(?:p?er|ator|or)(?:[^a-z]|$))",
        "unlisted fetcher",
        None,
    ),
    (r"[A-Za-z]-?[Aa]gent(?:[ /][0-9]|[;)]|$)", "unlisted agent", None),
    (r"(?i:[a-z] ?proxy\))", "unlisted proxy", None),
    (r"(?i:monitor(?:ing)?(?:[^a-z]|$)|uptime|healthservice)", "unlisted monitor", Label.ROBOT_MONITOR),
    (r"(?i:link ?preview|uripreview|thumbnails\b)", "unlisted preview", Label.ROBOT_PREVIEW),
    (r"(?i:feed ?(?:reader|fetcher|parser)|\brss\b|rss/|rss ?reader)", "unlisted feed reader", None),
)
"""The other general words; all general words are tried last, so that a listed robot keeps its name."""


_SYSTEMS = re.compile(
    r"windows|\bwin ?(?:[0-9]|nt)|\bmac\b|mac ?os|macintosh|os ?x\b|darwin|cfnetwork|linux|x11|bsd\b|sunos|solaris|\bcros\b|amiga|beos|haiku|morphos|risc ?os|inferno"
    r"|android|dalvik|iphone|ipad|ipod|\bios\b|watchos|tvos|symb(?:ian|os)|series ?[46]0|midp|j2me|cldc|brew\b|blackberry|\bbb10|tizen|kaios|harmony"
    r"|webos|web0s|playstation|\bps[p2-5]\b|xbox|nintendo|dreamcast|kindle|roku|hbbtv|smart-?tv|mobile|phone|tablet"
    r"|nokia|samsung|sonyericsson|\blge?[-/]|\bmot-|htc|docomo|kddi|softbank|vodafone|zte|huawei|pantech|alcatel|philips"
    r"|browser|msie|trident|opera|presto|gecko|webkit|khtml|netscape|netfront|obigo|openwave|lynx|links|w3m|dillo|netsurf|mosaic|konqueror|ucweb"
    r"|\[fb|outlook|microsoft office|mozilla/[0-9. ]*$",
    re.IGNORECASE,
)
"""The words for systems, makers of phones, engines and browsers, one of which is in the agent of whatever a person looks through. `Mozilla/5.0`
alone is what a tool for privacy leaves of an agent."""


class Robots:
    """The compiled lists, one matcher for each form of agent."""

    def __init__(self) -> None:
        listed = [*_OWN, *_public(in_browsers=False), *_SERVICES]
        entries = [*listed, *_LIBRARY_WORDS, *_CRAWLING, *_OTHER_WORDS, *_CONTACTS]
        self._people = re.compile("|".join(PEOPLE))
        self._robots = {name: Robot(name, category) for _, name, category in reversed(entries)}
        # It says no more than a library's name does: what it did is looked at.
        self._robots[PROGRAM] = Robot(PROGRAM, Label.HTTP_LIBRARY)
        self._everything = _matcher(entries)
        self._in_browsers = _matcher([*_OWN, *_public(in_browsers=True), *_SERVICES])
        self._words = _matcher([*_LIBRARY_WORDS, *_CRAWLING, *_OTHER_WORDS, *_CONTACTS])
        self._words_of_phones = _matcher([*_CRAWLING, *_CONTACTS])
        self._words_of_apps = _matcher(_CONTACTS)

    @property
    def names(self) -> frozenset[str]:
        """Return every name that `find` can return."""
        return frozenset(self._robots)

    def find(self, agent: str) -> Robot | None:
        """Return the robot an agent declares, or None."""
        name = _name_in(self._everything, agent)
        if name:
            name = self._name_again(self._people.sub(" ", agent))
        elif _SYSTEMS.search(agent) is None:
            name = PROGRAM
        return self._robots[name] if name else None

    def resembles_people(self, agent: str) -> bool:
        """Return whether the agent is of a browser's form or contains text of people's agents that looks like a robot's."""
        return is_browser(agent) or bool(_OLD_EXPLORER.match(agent)) or self._people.search(agent) is not None

    def _name_again(self, agent: str) -> str | None:
        if not is_browser(agent):
            return _name_in(self._everything, without_model(agent))
        return _name_in(self._in_browsers, agent) or _name_in(self._words_for(agent), without_model(agent))

    def _words_for(self, agent: str) -> UserAgentExtractor:
        if _DECLARES.search(agent):
            return self._words
        if _APP.search(agent):
            return self._words_of_apps
        return self._words_of_phones if _PHONE.search(agent) else self._words


def is_browser(agent: str) -> bool:
    """Return whether the agent has the form of a browser's, whatever words are in it."""
    return _BROWSER.match(agent) is not None


def without_model(agent: str) -> str:
    """Return the agent without the model of an Android device; a product with a version in its place remains."""
    return _MODEL.sub(_blank_model, agent)


def _blank_model(found: re.Match[str]) -> str:
    if _DECLARES.search(found[2]):
        return found[0]
    parts = found[2].split(";")
    return found[1] + ";".join(part if _PRODUCT.search(part.partition(" Build/")[0]) else " " for part in parts)


def _name_in(matcher: UserAgentExtractor, agent: str) -> str | None:
    found = matcher.extract(agent)
    return found.family if found else None


def _matcher(entries: Iterable[tuple[str, str, Label | None]]) -> UserAgentExtractor:
    return UserAgentExtractor((pattern, name, None, None, None, None) for pattern, name, _ in entries)


def name_of(pattern: str) -> str:
    """Return the readable name inside a pattern of the public list: its first literal, without the marks of a regex."""
    text = re.sub(r"\(\^\| \)|\(\[\^-\]\|\$\)", "", pattern)
    text = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", text)
    text = text.split("|")[0]
    text = re.split(r"\[\\s\\S\]\*|\\d", text)[0]
    text = re.sub(r"\[(.).\]", lambda letter: letter[1].lower() if letter.start() else letter[1].upper(), text)
    text = re.sub(r"\\(.)", r"\1", text).strip("^$").split(" (")[0]
    return text.strip(" /;()-") or pattern


def _public(*, in_browsers: bool) -> Iterator[tuple[str, str, Label | None]]:
    entry: dict[str, Any]
    for entry in CRAWLER_USER_AGENTS_DATA:
        tags = entry.get("tags", ())
        if entry["pattern"] in NOT_ROBOTS or (in_browsers and _is_app(entry)):
            continue
        category = next((label for tag, label in CATEGORIES.items() if tag in tags), None)
        yield entry["pattern"], name_of(entry["pattern"]), category


def _is_app(entry: dict[str, Any]) -> bool:
    # The list's own examples prove where a robot uses the agent of a browser.
    return (
        not _APP_TAGS.isdisjoint(entry.get("tags", ()))
        and not _SAYS_ROBOT.search(entry["pattern"])
        and not any(map(is_browser, entry["instances"]))
    )
