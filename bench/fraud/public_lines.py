"""Lines of public corpora in other formats, read as page views.

CrowdSec's small logs come in eight formats (nginx and Apache with and without a virtual host or a syslog head, Traefik and Envoy as JSON, Envoy,
HAProxy and load balancers as text); each line becomes one of the combined format, so that what is a page view is said in one place. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pipeline.traffic.access_log import LoggedHit, read_line

_SYSLOG: Final = re.compile(r"^[A-Z][a-z]{2} +\d+ [\d:]+ \S+ \w+\[\d+\]: ")
_COMMON: Final = re.compile(r'" \d{3} \S+$')
_ALB: Final = re.compile(
    r'^\S+ (?P<time>\S+Z) \S+ (?P<address>[^ :]+):\d+ .*? (?P<status>\d{3}) \S+ \S+ \S+ "(?P<method>\S+) \w+://[^/ ]*(?P<target>\S*) [^"]*" "(?P<agent>[^"]*)"'
)
_ENVOY: Final = re.compile(
    r'\[(?P<time>[^\]]+Z)\] "(?P<method>\S+) (?P<target>\S+) [^"]*" (?P<status>\d{3}) .*? "\[?(?P<address>[^",\]]+)[^"]*" "(?P<agent>[^"]*)"'
)
_HAPROXY: Final = re.compile(
    r'^(?P<address>[\d.]+):\d+ \[(?P<time>[^\]]+)\] \S+ \S+ \S+ (?P<status>\d{3}) .*"(?P<method>\S+) (?P<target>\S+) [^"]*"$'
)
_NOWHERE: Final = "192.0.2.1"
_SESSION: Final = re.compile(
    r'^- - \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) \S+ "(?P<referrer>[^"]*)" (?P<session>\S+) "(?P<agent>[^"]*)"'
)

SEEN: Final[Mapping[str, tuple[str, ...]]] = {
    "apache2-http-sensitive-files": ("F17",),
    "bunkerweb-http-sensitive-files": ("F17",),
    "litespeed-http-sensitive-files": ("F17",),
    "nginx-http-sqli-probing": ("F17",),
    "nginx-http-xss-probing": ("F17",),
    "aws-alb-http-bad-user-agent": ("robot",),
    "nginx-bad-user-agent": ("robot",),
    "traefik_base-http-scenario": ("robot", "F16", "F17"),
    "envoy-http-crawl-non_statics": ("F13", "F16"),
    "http-dos-bypass-cache": ("F52",),
    "http-dos-switching-ua": ("F32b",),
    "http-technology-probing": ("F17",),
}
"""The signals that see the scenarios of each of CrowdSec's tests, or the name of a robot."""
UNSEEN: Final[Mapping[str, str]] = {
    "http-bf-wordpress-bf": "POSTs alone",
    "nginx-http-generic-bf": "POSTs and lines of an error log",
    "http-dos-invalid-http-versions": "the version of HTTP is no column",
    "http-wordpress_user-enum": "the author is a query parameter that is not kept: views of one page",
    "nginx-cve-2021-41773": "one GET and one POST: two attempts are needed",
    "nginx-http-malformed": "requests that are no HTTP",
    "nginx-http-w00twoot": "one GET: two attempts are needed",
}
"""The scenarios that a pixel cannot tell, and why."""


class SessionHit(NamedTuple):
    """A page view with the session that the site's own cookie names, '-' before it has one."""

    session: str
    hit: LoggedHit


def views(lines: Iterable[str]) -> list[LoggedHit]:
    """Return the page views of lines in any of the formats, in order of time; other lines are left out."""
    read = (read_line(each) for line in lines if (each := combined(line)))
    return sorted((hit for hit in read if isinstance(hit, LoggedHit)), key=lambda hit: hit.at_ms)


def combined(line: str) -> str:
    """Return a line in the combined format, '' for one that is no request."""
    line = _SYSLOG.sub("", line.strip())
    found = next((text for read in _READERS if (text := read(line))), line)
    return f'{found} "-" "-"' if _COMMON.search(found) else found


def session_views(lines: Iterable[str]) -> list[SessionHit]:
    """Return the page views of a log whose column before the agent is the session; the log has no addresses.

    The first answer sets the cookie, so the first view has no session: it is that of the session that the agent's next line begins.
    """
    found: list[SessionHit] = []
    first: dict[str, int] = {}
    known = set[str]()
    for line in lines:
        if (match := _SESSION.match(line)) is None:
            continue
        time, request, status, referrer, session, agent = match.groups()
        hit = read_line(f'{_NOWHERE} - - [{time}] "{request}" {status} 0 "{referrer}" "{agent}"')
        if session not in known and agent in first and session != "-":
            found[first[agent]] = found[first[agent]]._replace(session=session)
        if session != "-":
            known.add(session)
            first.pop(agent, None)
        if isinstance(hit, LoggedHit):
            if session == "-":
                first[agent] = len(found)
            found.append(SessionHit(session, hit))
    return found


def days_of(tests: Mapping[str, Sequence[LoggedHit]]) -> list[list[str]]:
    """Return the tests that share a day, which is scored at once: those without a network, an agent or a missing page in common."""
    days: list[tuple[set[tuple[str, str]], list[str]]] = []
    for name, hits in tests.items():
        things = {("network", hit.address.rpartition(".")[0]) for hit in hits} | {("agent", hit.agent) for hit in hits}
        things |= {("page", hit.target.partition("?")[0]) for hit in hits if hit.status >= 400}
        free = (day for day in days if not day[0] & things)
        seen, names = next(free, (set[tuple[str, str]](), list[str]()))
        if not names and hits:
            days.append((seen, names))
        if hits:
            seen |= things
            names.append(name)
    return [names for _, names in days]


def _json(line: str) -> str:
    start = line.find("{")
    if start < 0 or not line.endswith("}"):
        return ""
    try:
        facts = json.loads(line[start:])
    except ValueError:
        return ""
    if "ClientHost" in facts:
        return _line(
            facts["StartUTC"],
            facts["ClientHost"],
            facts["RequestMethod"],
            facts["RequestPath"],
            facts["DownstreamStatus"],
            facts.get("request_User-Agent", "-"),
        )
    address = str(facts.get("downstream_remote_address", "")).rpartition(":")[0].strip("[]")
    names = ("start_time", "method", "x-envoy-origin-path", "response_code", "user-agent")
    time, method, path, status, agent = (facts.get(name) or "-" for name in names)
    return _line(time, address, method, path, status, agent)


def _text(pattern: re.Pattern[str], line: str) -> str:
    if (match := pattern.search(line)) is None:
        return ""
    parts = match.groupdict()
    return _line(
        parts["time"], parts["address"], parts["method"], parts["target"], parts["status"], parts.get("agent") or "-"
    )


def _line(time: str, address: str, method: str, target: str, status: Any, agent: str) -> str:
    iso = re.sub(r"(\.\d{6})\d+", r"\1", time)
    moment = (
        datetime.fromisoformat(iso)
        if iso[:4].isdigit()
        else datetime.strptime(f"{iso} +0000", "%d/%b/%Y:%H:%M:%S.%f %z")
    )
    return f'{address} - - [{moment:%d/%b/%Y:%H:%M:%S %z}] "{method} {target} HTTP/1.1" {status} 0 "-" "{agent}"'


_READERS: Final[Sequence[Callable[[str], str]]] = (
    _json,
    lambda line: _text(_ALB, line) if " arn:aws" in line else "",
    lambda line: _text(_ENVOY, line) if " stdout F [" in line else "",
    lambda line: _text(_HAPROXY, line),
)
