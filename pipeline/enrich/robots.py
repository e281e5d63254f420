"""Declared robots: the names that automated clients give themselves (column `robot`).

Owns the lists and their order: our own few names, the public list crawler-user-agents, then a list of general words for
unlisted robots. Rules: text of people's phones and apps does not count, so a phone named Cubot is a phone; a name comes
from the list, never from the agent, so the names are a closed set. One engine matches all patterns and looks for their
literals first: about 2 us an agent for 1,500 patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser_rs import UserAgentExtractor

from pipeline.enrich.labels import Label

UNLISTED = "unlisted robot"
"""Name of a robot that ua-parser recognises and our lists do not have."""


class Robot(NamedTuple):
    """A declared robot: its name and the label of its category (None if no label fits)."""

    name: str
    category: Label | None


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
    r"(?i:\bcubot)",  # a maker of phones
    r"(?i:banca caboto)",  # a bank whose computers have its name in their agents
    r"http://bsalsa\.com/?",  # a browser component that adds its address to the agent
    r"Sogou(?:MobileBrowser|MSE|Search)",  # browsers of the search engine
    r"CamScanner",  # an app that photographs documents
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

_OWN: tuple[tuple[str, str, Label | None], ...] = (
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
        r"(?i:burpcollaborator|\boast\.(?:site|online|me|pro|live|fun)\b|\$\{jndi:)",
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

_LAST: tuple[tuple[str, str, Label | None], ...] = (
    (r"\bGoogle-[A-Za-z]|\bDuplexWeb-Google/|\bGoogleProber\b", "Google service", None),
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
    (r"(?i:[a-z0-9.!_ -](?:ro)?bots?(?:[^a-z]|$)|^bot(?:[^a-z]|$))", "unlisted bot", None),
    (r"(?i:crawl(?:er|ing|s?\b))", "unlisted crawler", None),
    (r"(?i:spider(?:s?[^a-z]|$))", "unlisted spider", None),
    (r"(?i:(?:scan|recon|audit)(?:s|ner|ning)?(?:[^a-z]|$))", "unlisted scanner", Label.ROBOT_SCANNER),
    (r"(?i:(?:scrap|fetch|check|index|valid|archiv|sniff|prob)(?:p?er|ator|or)(?:[^a-z]|$))", "unlisted fetcher", None),
    (r"(?i:monitor(?:ing)?(?:[^a-z]|$)|uptime|healthservice)", "unlisted monitor", Label.ROBOT_MONITOR),
    (r"(?i:link ?preview|uripreview|thumbnails\b)", "unlisted preview", Label.ROBOT_PREVIEW),
    (r"(?i:feed ?(?:reader|fetcher|parser)|\brss\b|rss/|rss ?reader)", "unlisted feed reader", None),
    (r"(?i:https?://|\bwww\.)", "agent with a web address", None),
    (r"(?i:[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})", "agent with an e-mail", None),
)
"""The general words: tried last, so that a listed robot keeps its name."""


class Robots:
    """The compiled lists."""

    def __init__(self) -> None:
        entries = [*(_OWN), *_public(), *_LAST]
        self._people = re.compile("|".join(PEOPLE))
        self._robots = {name: Robot(name, category) for _, name, category in reversed(entries)}
        self._matcher = UserAgentExtractor((pattern, name, None, None, None, None) for pattern, name, _ in entries)

    @property
    def names(self) -> frozenset[str]:
        """Return every name that `find` can return."""
        return frozenset(self._robots)

    def find(self, agent: str) -> Robot | None:
        """Return the robot an agent declares, or None."""
        found = self._matcher.extract(agent)
        if found and self.resembles_people(agent):
            found = self._matcher.extract(self._people.sub(" ", agent))
        return self._robots[found.family] if found else None

    def resembles_people(self, agent: str) -> bool:
        """Return whether the agent contains text of people's agents that looks like a robot's."""
        return self._people.search(agent) is not None


def name_of(pattern: str) -> str:
    """Return the readable name inside a pattern of the public list: its first literal, without the marks of a regex."""
    text = re.sub(r"\(\^\| \)|\(\[\^-\]\|\$\)", "", pattern)
    text = re.sub(r"\(([^()|]*)\|[^()]*\)", r"\1", text)
    text = text.split("|")[0]
    text = re.split(r"\[\\s\\S\]\*|\\d", text)[0]
    text = re.sub(r"\[(.).\]", lambda letter: letter[1].lower() if letter.start() else letter[1].upper(), text)
    text = re.sub(r"\\(.)", r"\1", text).strip("^$").split(" (")[0]
    return text.strip(" /;()-") or pattern


def _public() -> Iterator[tuple[str, str, Label | None]]:
    entry: dict[str, Any]
    for entry in CRAWLER_USER_AGENTS_DATA:
        if entry["pattern"] not in NOT_ROBOTS:
            tags = entry.get("tags", ())
            category = next((label for tag, label in CATEGORIES.items() if tag in tags), None)
            yield entry["pattern"], name_of(entry["pattern"]), category
