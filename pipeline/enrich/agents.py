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

from pipeline.enrich.engines import engine_of, is_webview
from pipeline.enrich.hints import Claims, claims
from pipeline.enrich.labels import Label
from pipeline.enrich.robots import HINTED, UNLISTED, Robot, Robots, without_model
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
    r"Mozilla/|^\[FB|AppleWebKit/|CFNetwork/|Dalvik/|MIDP|^(?:Opera|Microsoft Office|Outlook|UCWEB|UCBrowser|Nokia|BlackBerry|SAMSUNG|SonyEricsson|LGE?-|LG/|MOT-|HTC"
    r"|DoCoMo|KDDI|J-PHONE|SoftBank|Vodafone|ZTE|HUAWEI|Lynx|E?Links|w3m|NetSurf|Dillo|Roku|amaya|ELinks)\b"
)
_PRINTABLE = re.compile(r"[\x20-\x7e\u00a0-\ud7ff\ue000-\ufffc]*")
_TELEVISION = (
    r"(?i:smart-?_? ?tv|apple ?tv|google ?tv|android ?tv|hbbtv|netcast|web0s|bravia|viera|\bcrkey\b|\broku|\baft[a-z]+[0-9]*\b"
    r"|tizen[^)]* tv|\bdtv\b|inettvbrowser|philipstv|\bce-html\b|\btv[ _-]?(?:box|stick|browser)|\bsettop|\bstb\b|\bmi ?(?:tv|box)"
    r"|\bchromecast\b|\bvidaa\b|\bsberbox|\bsberdevices|\byndx-[0-9]{5}\b)"
    r"|^Mozilla/5\.0 \((?:TV; OpenHarmony|Linux;[^)]*(?:[A-Za-z0-9]TV[0-9]?[^A-Za-z0-9]|\bTV-))"
)
"""Marks of televisions: their brands, and `TV` as a part of the model."""

_TELEVISION_WORD = re.compile(r"Mozilla/5\.0 \(Linux;[^)]*[^A-Za-z)]TV(?![A-Za-z0-9])")
"""`TV` as a word of the model: some phones have it, and their agents say Mobile."""

_HARMONY = re.compile(r"Mozilla/5\.0 \((?P<form>[A-Za-z0-9]+); (?:OpenHarmony|HarmonyOS)[ /]?(?P<version>[0-9]+)?")
_HARMONY_ON_ANDROID = re.compile(r"\(Linux; Android [0-9.]+; HarmonyOS;")
_HARMONY_FORMS: dict[str, Device] = {
    "phone": "phone",
    "mobile": "phone",
    "tablet": "tablet",
    "pc": "pc",
    "2in1": "pc",
    "tv": "tv",
}
_DESKTOP_SITE = re.compile(r"Mozilla/5\.0 \(Macintosh;.*\b(?:Mobile/|CriOS/|FxiOS/|EdgiOS/|YaApp_iOS)")
"""An iPad that asks for desktop pages and still says so: no browser of a Mac has these words."""

_PHONE_FORM = re.compile(r"Mozilla/5\.0 \(Mobile; ")
"""Gecko on phones without Android: KaiOS, Firefox OS."""

_FROZEN_SYSTEM = re.compile(
    r"Windows NT 10\.0|Mac OS X 10[._]1[56](?:_7)?(?![._0-9])|Android 10; K[;)]|Android 10; (?:Mobile|Tablet); rv:1(?:2[2-9]|[3-9][0-9])"
    r"|; CrOS |iPhone OS 18_[67](?![0-9])|CPU OS 18_[67](?![0-9])"
)
"""Versions that browsers write whatever the system is: Windows 10 or 11, macOS 10.15 to now, Android 10 on model K
(Chromium) or without a model (Firefox since 122), a platform's build of ChromeOS, iOS 18.6 and 18.7 for iOS 26."""

_APPLE_PHONE = re.compile(r"\((?:iPhone|iPad|iPod)[^)]* OS [0-9_]+ like Mac OS X\)")
_TRUE_APPLE = re.compile(r"\bVersion/(18(?=\.[5-9])|2[6-9]|[3-9][0-9])|\bFBSV/([0-9]+)|; iOS ([0-9]+)_")
"""The version of iOS that Safari (its own is the system's) or an app of Meta tells."""

_META_APP = re.compile(r"\[FB(?:AN|_IAB)/")
_META_FIELD = re.compile(r"\b(FB[A-Z_]{2,4})/([^;\]]*)")


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
    engine: str = ""
    engine_major: int = 0
    webview: bool = False


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
        said = _as_browser(agent)
        parsed = self._parse(said)
        robot = self._robot(said, parsed)
        labels = _robot_labels(robot) if robot else ((Label.ODD_AGENT,) if _is_odd(raw) else ())
        kept = scrub_text(_ASSIGNED.sub("*", agent), STORED_LIMIT) if labels else None
        system, system_major = _system(said, parsed)
        engine = engine_of(said, system_major)
        return AgentFacts(
            browser=parsed.browser_family,
            browser_major=_major(parsed.browser_major),
            os=system,
            os_major=system_major,
            device=self._device(said, parsed) if robot is None else "robot",
            robot=robot.name if robot else "",
            labels=labels,
            ua_raw=kept.text if kept else "",
            scrubbed=kept.scrubbed | Scrubbed.AGENT if kept and kept.scrubbed else 0,
            claims=claims(said, parsed.browser_family),
            engine=engine.name,
            engine_major=_major(engine.major),
            webview=robot is None and engine.name != "" and is_webview(said),
        )

    def _parse(self, agent: str) -> _Parsed:
        parsed, plain = _Parsed(agent, self._resolve), without_model(agent)
        if plain != agent and (
            parsed.is_bot or (parsed.browser.family not in plain and parsed.browser.family in agent)
        ):
            return _Parsed(plain, self._resolve)  # the model of a phone was taken for a program
        return parsed

    def _robot(self, agent: str, parsed: _Parsed) -> Robot | None:
        if robot := self._robots.find(agent):
            return robot
        return Robot(UNLISTED, None) if parsed.is_bot and not self._robots.resembles_people(agent) else None

    def _device(self, agent: str, parsed: _Parsed) -> Device:
        if self._television.extract(agent) or ("Mobile" not in agent and _TELEVISION_WORD.match(agent)):
            return "tv"
        if harmony := _HARMONY.match(agent):
            return _HARMONY_FORMS.get(harmony["form"].lower(), "phone" if "Mobile" in agent else "other")
        if parsed.is_tablet or _DESKTOP_SITE.match(agent):
            return "tablet"
        if parsed.is_mobile or _PHONE_FORM.match(agent):
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


def as_automation(facts: AgentFacts) -> AgentFacts:
    """Return the facts of a browser whose client hints say that a program controls it."""
    labels = (*facts.labels, Label.DECLARED_ROBOT, Label.AUTOMATION)
    return facts._replace(robot=HINTED, device="robot", labels=labels, webview=False)


def as_signed(facts: AgentFacts, signer: str) -> AgentFacts:
    """Return the facts of a program that proved its name with a signature, whatever its agent says."""
    labels = facts.labels if Label.DECLARED_ROBOT in facts.labels else (*facts.labels, Label.DECLARED_ROBOT)
    return facts._replace(robot=f"agent:{signer}", device="robot", labels=labels, webview=False)


def as_monitor(facts: AgentFacts, name: str) -> AgentFacts:
    """Return the facts of a site's own check: the settings say that it is no visitor, whatever its agent says."""
    labels = dict.fromkeys((*facts.labels, Label.DECLARED_ROBOT, Label.ROBOT_MONITOR))
    return facts._replace(robot=f"monitor:{name}", device="robot", labels=tuple(labels))


def _as_browser(agent: str) -> str:
    """Put the platform in front of an app of Meta that sends its own fields alone: `[FBAN/FB4A;...;FBDV/SM-A546E;FBSV/14]`."""
    if not _META_APP.match(agent):
        return agent
    fields = dict(_META_FIELD.findall(agent))
    version, model = fields.get("FBSV", ""), fields.get("FBDV", "")
    tablet = fields.get("FBID") == "tablet" or model.startswith("iPad")
    if "ios" in f"{fields.get('FBAN', '')}{fields.get('FBSN', '')}".lower() or model.startswith(("iPhone", "iPad")):
        kind = "iPad; CPU" if tablet else "iPhone; CPU iPhone"
        platform = f"{kind} OS {version.replace('.', '_')} like Mac OS X"
    else:
        platform = f"Linux; Android {version}; {model}; wv"
    mobile = "" if tablet else "Mobile "
    return f"Mozilla/5.0 ({platform}) AppleWebKit/0 (KHTML, like Gecko) Version/4.0 {mobile}{agent}"


def _system(agent: str, parsed: _Parsed) -> tuple[str, int]:
    """Return the family and the major version of the system; 0 where the agent's own is known to be frozen."""
    if _HARMONY_ON_ANDROID.search(agent):
        return "HarmonyOS", 0
    if harmony := _HARMONY.match(agent):
        return "OpenHarmony", _major(harmony["version"])
    if _DESKTOP_SITE.match(agent):
        return "iOS", 0
    if not _FROZEN_SYSTEM.search(agent):
        return parsed.os_family, _major(parsed.os_major)
    told = _TRUE_APPLE.search(agent) if _APPLE_PHONE.search(agent) else None
    return parsed.os_family, _major(next(filter(None, told.groups()))) if told else 0


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
