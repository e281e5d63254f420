"""Labels for invalid traffic that are known at ingest, from lists and from the request alone (column `ivt_reasons`).

Owns the closed list of labels. Rules: a label is a fact, not a verdict, and never removes a row; facts that need other
events (rates, gaps, the newest browser seen) are computed in `sql/reports/fraud`, not here. F01 to F11 are the signals
of the fraud catalogue that use a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pipeline.enrich.rows import HintState
from pipeline.event import NetClass


class Label(StrEnum):
    """One mark on an event; stored in the order of this list."""

    OWN_NETWORK = "own_network"
    """F11: the clinic's own network; its hits enter neither patient numbers nor scores."""

    DECLARED_ROBOT = "declared_robot"
    """F01: the agent declares that it is not a person's browser; always set when `robot` is not empty."""

    ROBOT_SEARCH = "robot_search"
    """F01: the declared robot is a search engine's."""

    ROBOT_AI = "robot_ai"
    """F01: the declared robot collects text for a language model or acts on behalf of one."""

    ROBOT_SEO = "robot_seo"
    """F01: the declared robot analyses links and rankings."""

    ROBOT_MONITOR = "robot_monitor"
    """F01: the declared robot checks that a site is up."""

    ROBOT_PREVIEW = "robot_preview"
    """F01: the declared robot makes link previews for a messenger or social network; a person shared the page."""

    ROBOT_SCANNER = "robot_scanner"
    """F01: the declared robot looks for vulnerabilities."""

    AUTOMATION = "automation_token"
    """F07: the agent or the brands of its client hints name a browser that a program controls (such as HeadlessChrome)."""

    HTTP_LIBRARY = "http_library"
    """F07: the agent names a programming library, not a browser."""

    VERIFIED_CRAWLER = "verified_crawler"
    """F03: a declared robot whose address is in a range of a crawler list."""

    FALSE_CRAWLER = "false_crawler"
    """F04: the agent names a robot whose operator's ranges are listed and fresh, but the address is outside of them."""

    EMPTY_AGENT = "empty_agent"
    """F02: no user agent at all."""

    ODD_AGENT = "odd_agent"
    """F02: not the user agent of a browser or known app: too short, too long, unprintable, or of no known form."""

    DATACENTER = "datacenter"
    """F05: a browser's agent with an address of a data centre; never counts alone."""

    VPN = "vpn"
    """F06: an address on a VPN list; patients who seek privacy are expected."""

    TOR = "tor"
    """F06: an address on a Tor list."""

    REFERRER_SPAM = "referrer_spam"
    """F08: the referrer's domain is on the spam list."""

    HINTS_CONTRADICT = "hints_contradict"
    """F10: client hints and user agent name different versions, platforms or form factors."""

    HINTS_MISSING = "hints_missing"
    """F10: the agent claims a browser that always sends client hints over https, and none came."""


OF_NETWORK: Mapping[NetClass, Label] = {
    "own": Label.OWN_NETWORK,
    "datacenter": Label.DATACENTER,
    "vpn": Label.VPN,
    "tor": Label.TOR,
}
OF_HINTS: Mapping[HintState, Label] = {"contradict": Label.HINTS_CONTRADICT, "missing": Label.HINTS_MISSING}
ORDER: Mapping[str, int] = {label: place for place, label in enumerate(Label)}
