"""The facts of a user agent: browser, system, device, robot, and whether its text may be kept.

Owns the reading of user agents and the bounded cache in front of it. Rules: the families come from ua-parser's fast
resolver and the device class from `user_agents`' own classification fed with them (`user_agents.parse` itself would
parse again with the slow resolver and cache nothing); the raw text is kept, scrubbed, for robots, libraries and
malformed agents only; a family is stored only if nothing in it had to be scrubbed. Pure: same agent, same facts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from ua_parser import OS, Domain, load_lazy_builtins
from ua_parser import UserAgent as Browser
from ua_parser.regex import Resolver
from ua_parser_rs import UserAgentExtractor
from user_agents import parsers

from pipeline.enrich.hints import Claims, claims
from pipeline.enrich.labels import Label
from pipeline.enrich.robots import UNLISTED, Robot, Robots
from pipeline.event import Scrubbed
from pipeline.scrub.redact import scrub_text

Device = Literal["pc", "phone", "tablet", "tv", "robot", "other", ""]

_ASSIGNED = re.compile(r"(?<==)[^\s;,)]+")
"""The value of `patient=62871`: programs other than browsers put ids of their users there."""
AGENT_LIMIT = 512
"""Characters of an agent that are read; a longer agent is malformed. It bounds a cache key, too."""

STORED_LIMIT = 256
FAMILY_LIMIT = 48
CACHED_AGENTS = 20_000
"""At about 1.5 KB each: 30 MB at the very most."""

SHORTEST_BROWSER = 20
LARGEST_MAJOR = 2**16 - 1

_BROWSER_FORM = re.compile(
    r"Mozilla/|AppleWebKit/|CFNetwork/|Dalvik/|MIDP|^(?:Opera|Microsoft Office|Outlook|UCWEB|UCBrowser|Nokia|BlackBerry|SAMSUNG|SonyEricsson|LGE?-|LG/|MOT-|HTC"
    r"|DoCoMo|KDDI|J-PHONE|SoftBank|Vodafone|ZTE|HUAWEI|Lynx|E?Links|w3m|NetSurf|Dillo|Roku|amaya|ELinks)\b"
)
_PRINTABLE = re.compile(r"[\x20-\x7e\u00a0-\ud7ff\ue000-\ufffc]*")
_TELEVISION = (
    r"(?i:smart-?_? ?tv|apple ?tv|google ?tv|android ?tv|hbbtv|netcast|web0s|bravia|viera|\bcrkey\b|\broku|\baft[a-z]+[0-9]*\b"
    r"|tizen[^)]* tv|\bdtv\b|inettvbrowser|philipstv|\bce-html\b|\btv (?:box|stick|browser)|\bsettop|\bstb\b)"
)


class AgentFacts(NamedTuple):
    """The stored columns of a user agent, its labels, and its claims for the comparison with hints."""

    browser: str
    browser_major: int
    os: str
    os_major: int
    device: Device
    robot: str
    labels: tuple[Label, ...]
    ua_raw: str
    scrubbed: int
    claims: Claims


NO_AGENT = AgentFacts(
    browser="",
    browser_major=0,
    os="",
    os_major=0,
    device="",
    robot="",
    labels=(Label.EMPTY_AGENT,),
    ua_raw="",
    scrubbed=0,
    claims=Claims(0, "", mobile=False, sends_hints=False),
)
"""The facts of an agent that was not sent."""


class Agents:
    """The reader of user agents; one per worker, with its cache."""

    def __init__(self, robots: Robots, *, cached: int = CACHED_AGENTS) -> None:
        self._robots = robots
        self._resolve = Resolver(load_lazy_builtins())
        self._television = UserAgentExtractor([(_TELEVISION, "tv", None, None, None, None)])  # 20 times as fast as re
        self._facts = lru_cache(maxsize=cached)(self._read)

    def read(self, agent: str) -> AgentFacts:
        """Return the facts of a raw user agent of any content."""
        return self._facts(agent[: AGENT_LIMIT + 1])

    def _read(self, raw: str) -> AgentFacts:
        if not raw:
            return NO_AGENT
        agent = raw.encode(errors="replace").decode()  # half a surrogate pair cannot be encoded
        parsed = _Parsed(agent, self._resolve)
        robot = self._robot(agent, parsed)
        labels = _robot_labels(robot) if robot else ((Label.ODD_AGENT,) if _is_odd(raw) else ())
        kept = scrub_text(_ASSIGNED.sub("*", agent), STORED_LIMIT) if labels else None
        return AgentFacts(
            browser=parsed.browser_family,
            browser_major=_major(parsed.browser_major),
            os=parsed.os_family,
            os_major=_major(parsed.os_major),
            device=self._device(agent, parsed) if robot is None else "robot",
            robot=robot.name if robot else "",
            labels=labels,
            ua_raw=kept.text if kept else "",
            scrubbed=kept.scrubbed | Scrubbed.AGENT if kept and kept.scrubbed else 0,
            claims=claims(agent, parsed.browser_family),
        )

    def _robot(self, agent: str, parsed: _Parsed) -> Robot | None:
        if robot := self._robots.find(agent):
            return robot
        return Robot(UNLISTED, None) if parsed.is_bot and not self._robots.resembles_people(agent) else None

    def _device(self, agent: str, parsed: _Parsed) -> Device:
        if self._television.extract(agent):
            return "tv"
        if parsed.is_tablet:
            return "tablet"
        if parsed.is_mobile:
            return "phone"
        return "pc" if parsed.is_pc else "other"


class _Parsed(parsers.UserAgent):  # type: ignore[misc]  # user_agents ships no types
    """`user_agents`' classification of a result of the fast resolver: its own constructor would parse again."""

    def __init__(self, agent: str, resolve: Resolver) -> None:
        result = resolve(agent, Domain.ALL)
        browser = result.user_agent or Browser("Other")
        system = result.os or OS("Other")
        device = result.device
        self.ua_string = agent
        self.browser = parsers.parse_browser(browser.family, browser.major, browser.minor, browser.patch)
        self.os = parsers.parse_operating_system(system.family, system.major, system.minor, system.patch)
        self.device = parsers.parse_device(
            *((device.family, device.brand, device.model) if device else ("Other", "", ""))
        )
        self.browser_family, self.browser_major = _family(browser.family), browser.major
        self.os_family, self.os_major = _system_family(system), system.major

    def _is_android_tablet(self) -> bool:
        # Upstream looks for "Mobile Safari"; phones with other engines write "Mobile" without "Safari" after it.
        return not any(word in self.ua_string for word in ("Mobile", "Opera Mini", "Opera Mobi"))


def _robot_labels(robot: Robot) -> tuple[Label, ...]:
    return (Label.DECLARED_ROBOT, robot.category) if robot.category else (Label.DECLARED_ROBOT,)


def _is_odd(agent: str) -> bool:
    return (
        not SHORTEST_BROWSER <= len(agent) <= AGENT_LIMIT
        or _BROWSER_FORM.search(agent) is None
        or _PRINTABLE.fullmatch(agent) is None
    )


def _major(version: str | None) -> int:
    if version is None or not (version.isascii() and version.isdecimal()):
        return 0
    return min(int(version[:6]), LARGEST_MAJOR)


@lru_cache(maxsize=4096)
def _family(family: str) -> str:
    # Some of ua-parser's families are words of the agent itself, so they are scrubbed like the agent.
    return "Other" if len(family) > FAMILY_LIMIT or scrub_text(family, FAMILY_LIMIT).scrubbed else family


def _system_family(system: OS) -> str:
    # Windows XP, Vista, ME: the version is a word and belongs to the name.
    word = system.major if system.major and system.major.isalpha() else ""
    return _family(f"{system.family} {word}".strip())
