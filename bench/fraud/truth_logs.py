"""The truth about real logs (`truth-logs.md`): suspicious and innocent clients, each with lines of the log that prove it.

A client is an address with an agent, over the whole log. The file names no address, so a row is found by its lines: no other client has
a line at that second on that path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pipeline.durations import SECOND_MS
from pipeline.traffic.access_log import LoggedHit

ELASTIC: Final = "weblog-elastic-2015"
ALMHUETTE: Final = "weblog-almhuette-2019"
ZANBIL: Final = "weblog-zanbil-2019"
HOSTS: Final[Mapping[str, Sequence[str]]] = {
    ELASTIC: ("semicomplete.com", "www.semicomplete.com"),
    ALMHUETTE: ("almhuette-raith.at", "www.almhuette-raith.at"),
    ZANBIL: ("zanbil.ir", "www.zanbil.ir"),
}
"""The site of each log: its own referrers are internal."""
NO_PAGES: Final[Mapping[str, str]] = {
    ZANBIL: r"/(image|settings|site|discountLabel|ajaxFilter|province|amp-helper-frame.html|m/productImage|m/prepareSearch)"
}
"""Images and parts of pages without the ending of a file, a regular expression of paths: no page views."""
LAST_HITS: Final[Mapping[str, str]] = {ELASTIC: "21:05:59", ALMHUETTE: "14:45:03", ZANBIL: "01:07:09"}
"""The clock time of the last hit (UTC), so that all times shift by whole days."""
EXPECTED: Final[Mapping[str, Sequence[str]]] = {
    ELASTIC: [*(f"S{n}" for n in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 17, 18, 19)), "G1"],
    ALMHUETTE: [*(f"S{n}" for n in (*range(1, 10), *range(12, 20))), "G1", "G2"],
    ZANBIL: [],
}
"""The rows that must be *watch* or better. The file has no lines of the third log, so nothing can be looked up there."""
WHY_NOT: Final[Mapping[str, Mapping[str, str]]] = {
    ELASTIC: {
        "S1": "37 pages in 17 hours without a referrer; a reader whose browser sends none is as slow",
        "S4": "20 pages within an hour of a log whose clock is true to the hour only; its twin S5 had regular gaps by chance",
        "S6": "the links of a feed again and again: a reader of feeds does the same",
        "S7": "14 pages within an hour, of two days and no more than a person opens; only its odd agent is a sign",
        "S8": "an update program that says its name: known, not suspected",
        "S14": "two views; the spam stood in the address, which is scrubbed",
        "S20": "six views in three hours of two days; its group, G1, is watched on one day of three only",
    },
    ALMHUETTE: {
        "S12": "its logins are POSTs, not seen by a pixel; what is left are 14 views by eight agents",
        "S19": "one file nine times in 74 minutes, as the curious readers of the same file (I15 to I18)",
        "S20": "two views of one door that is not there: one attempt",
    },
    ZANBIL: {},
}
"""Why a suspicious client is not watched."""
OWN: Final = re.compile(r"semicomplete|almhuette|google|bing|duckduckgo")
_SECTION: Final = re.compile(r"^## (weblog-\S+)", re.MULTILINE)
_ROW: Final = re.compile(r"^\| ([SI]\d+) \| ([^|]*) \| [^|]* \| [^|]* \| ([^|]*) \|", re.MULTILINE)
_EVIDENCE: Final = re.compile(r"^([SI]\d+)\t(\S+Z)\t(.*)$", re.MULTILINE)
_CUT: Final = 120

Client = tuple[str, str]
"""Address and agent."""
Picks = Callable[[LoggedHit], bool]


class Truth(NamedTuple):
    """A row of the truth: what it is, why, and its lines as Unix seconds with the first 120 characters of the path."""

    what: str
    why: str
    lines: Sequence[tuple[int, str]]


def _is_spam_botnet(hit: LoggedHit) -> bool:
    return bool(re.search(r"Intel Mac OS X 10\.7; rv:2[12]\.0", hit.agent))


def _is_empty_agent(hit: LoggedHit) -> bool:
    return not hit.agent and "wp-admin" in hit.target


def _is_back_door_hunt(hit: LoggedHit) -> bool:
    return urlsplit(hit.referrer).hostname == "site.ru"


def _is_referrer_spam(hit: LoggedHit) -> bool:
    host = urlsplit(hit.referrer).hostname or ""
    return hit.target.startswith("/apache-log/") and host not in ("", "site.ru") and not OWN.search(host)


GROUPS: Final[Mapping[str, Mapping[str, tuple[str, Picks]]]] = {
    ELASTIC: {
        "G1": ("botnet of comment spam, one agent on 56 networks", _is_spam_botnet),
        "G2": ("clients without agent on wp-admin", _is_empty_agent),
    },
    ALMHUETTE: {
        "G1": ("hunt for back doors by 38 clients", _is_back_door_hunt),
        "G2": ("referrer spam by 23 clients of 4 addresses", _is_referrer_spam),
    },
}
"""The groups of each log, by a property of their lines."""


def read_truth(file: Path) -> dict[str, dict[str, Truth]]:
    """Return the rows of each log that the file describes, by their names such as S1; raises `OSError`."""
    text = file.read_text(encoding="utf-8")
    heads = list(_SECTION.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {head[1]: _rows(text[head.end() : end]) for head, end in zip(heads, ends, strict=True)}


def _rows(text: str) -> dict[str, Truth]:
    lines: dict[str, list[tuple[int, str]]] = {}
    for found in _EVIDENCE.finditer(text):
        lines.setdefault(found[1], []).append((int(datetime.fromisoformat(found[2]).timestamp()), found[3]))
    words = {found[1]: (found[2].strip(), found[3].strip()) for found in _ROW.finditer(text)}
    return {name: Truth(*words[name], tuple(lines.get(name, ()))) for name in words}


def clients_of(truth: Truth, hits: Sequence[LoggedHit]) -> set[Client]:
    """Return the clients that its lines name; none where no line is a page view."""
    wanted = set(truth.lines)
    return {(hit.address, hit.agent) for hit in hits if (hit.at_ms // SECOND_MS, _path(hit)) in wanted}


def _path(hit: LoggedHit) -> str:
    return hit.target.partition("?")[0][:_CUT].rstrip()


def group_of(log: str, name: str, hits: Sequence[LoggedHit]) -> set[Client]:
    """Return the clients of a group."""
    picks = GROUPS[log][name][1]
    return {(hit.address, hit.agent) for hit in hits if picks(hit)}
