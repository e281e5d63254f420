"""Robots told apart: each kind of identity, and signed agents from the headers of a request to the report."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.reports import catalogue, run
from support import clinic_day
from support.publishing import publish_exactly
from support.server import Rows
from support.signing import AGENT, Program
from support.system import System

KINDS: Mapping[str, Mapping[str, object]] = {
    "verified": {"robot": "Googlebot", "net_class": "crawler", "ivt_reasons": ["declared_robot", "verified_crawler"]},
    "signed": {"robot": "agent:chatgpt", "agent_signed": "verified", "ivt_reasons": ["declared_robot"]},
    "claimed": {"robot": "GPTBot", "ivt_reasons": ["declared_robot", "robot_ai"]},
    "false name": {"robot": "bingbot", "ivt_reasons": ["declared_robot", "false_crawler"]},
    "library": {"robot": "curl", "ivt_reasons": ["declared_robot", "http_library"]},
    "automation": {"robot": "HeadlessChrome", "ivt_reasons": ["declared_robot", "automation_token"]},
    "scanner": {"robot": "vulnerability scanner", "ivt_reasons": ["declared_robot", "robot_scanner"]},
    "own": {"robot": "monitor:uptime", "ivt_reasons": ["declared_robot"]},
    "failed": {"robot": "", "agent_signed": "failed"},
}
AGENT_OF_A_BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0"
}


def hit(number: int = 0, **facts: object) -> dict[str, object]:
    return clinic_day.row(clinic_day.SINCE, event_id=uuid.uuid4(), page=f"/{number}", **facts)


def asked(tables: Rows) -> list[tuple[object, ...]]:
    report = catalogue.find("robots", catalogue.all_reports())
    return run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL).rows


@pytest.mark.parametrize("kind", KINDS)
def test_the_identity_of_a_robot_is_named(tables: Rows, kind: str) -> None:
    clinic_day.store(tables.settings, [hit(**KINDS[kind]), hit(1, **KINDS[kind]), hit(2)])
    ((robot, identity, hits, *_),) = asked(tables)
    assert (robot, identity, hits) == (KINDS[kind]["robot"] or "unnamed", kind, 2)


def test_a_signature_proves_more_than_the_name_of_a_library_or_a_false_name(tables: Rows) -> None:
    reasons = ["declared_robot", "automation_token", "http_library", "false_crawler"]
    clinic_day.store(tables.settings, [hit(robot="agent:chatgpt", agent_signed="verified", ivt_reasons=reasons)])
    assert [row[:2] for row in asked(tables)] == [("agent:chatgpt", "signed")]


def test_failed_signatures_are_counted_beside_the_name(tables: Rows) -> None:
    column = catalogue.find("robots", catalogue.all_reports()).view_columns.index("failed_signatures")
    claimed = KINDS["claimed"]
    clinic_day.store(
        tables.settings, [hit(**claimed), hit(1, **claimed, agent_signed="failed"), hit(**KINDS["failed"])]
    )
    assert [(row[0], row[1], row[column]) for row in asked(tables)] == [
        ("GPTBot", "claimed", 1),
        ("unnamed", "failed", 1),
    ]


@pytest.mark.parametrize("name", ["technical/browsers", "technical/pages", "technical/networks"])
def test_a_signed_agent_is_in_no_number_of_visitors(tables: Rows, name: str) -> None:
    people = [
        hit(3, visitor=person, visitor_kind="cookie", cookie_state="returning", country="RU", asn=12389, as_org="A")
        for person in range(1, 13)
    ]
    signed = {**KINDS["signed"], "visitor_kind": "day", "country": "RU", "asn": 12389, "as_org": "A"}
    agents = [hit(3, visitor=1000 + number, **signed) for number in range(40)]
    report = catalogue.find(name, catalogue.all_reports())
    column = report.view_columns.index("visitors")
    shown = []
    for made in (people, agents):
        clinic_day.store(tables.settings, made)
        publish_exactly(tables.settings)
        answer = run.run(tables.settings, report, clinic_day.SITE, clinic_day.SINCE, clinic_day.UNTIL)
        shown.append([row[column] for row in answer.rows if row[column]])
        tables.clear("cells", "publications")
    assert shown[0] == shown[1] == [12]


@pytest.mark.slow
def test_a_signature_in_either_grammar_of_its_header_reaches_the_column_and_the_report(tmp_path: Path) -> None:
    program, keys = Program(), tmp_path / "agent.json"
    keys.write_text(json.dumps({"keys": [program.jwk()]}))
    known = {"name": "agent", "url": AGENT, "file": str(keys)}
    running = System(tmp_path / "home", networks={"signed_agents": [known]})
    try:
        running.start()
        authority = running.url.partition("://")[2]
        now = int(time.time())
        times = {"created": now - 1, "expires": now + 120}
        string = {"components": '"@authority" "signature-agent"', "agent": f'"{AGENT}"'}
        signed = (
            program.headers(parameters={**times, "nonce": "one"}, authority=authority),
            program.headers(parameters={**times, "nonce": "two"}, authority=authority, **string),
            program.headers(parameters={**times, "nonce": "one"}, authority=authority),
            program.headers(parameters={**times, "nonce": "four"}, authority="other.example", **string),
        )
        assert signed[0]["signature-agent"] == f'sig1="{AGENT}"'
        assert signed[1]["signature-agent"] == f'"{AGENT}"'
        nonces = running.nonces(5)
        for nonce, headers in zip(nonces, (*signed, {}), strict=True):
            assert running.pixel(n=str(nonce), headers={**AGENT_OF_A_BROWSER, **headers}).status == 200
        running.wait_for(nonces)
        stored = running.rows("SELECT toString(agent_signed), robot FROM pixel.events ORDER BY nonce")
        shown = json.loads(running.run("report", "fraud/robots", "--format", "json").stdout)
    finally:
        running.stop()
    assert stored == [
        ("verified", "agent:agent"),
        ("verified", "agent:agent"),
        ("failed", ""),
        ("failed", ""),
        ("none", ""),
    ]
    assert {(row["robot"], row["identity"], row["hits"], row["failed_signatures"]) for row in shown} == {
        ("agent:agent", "signed", 2, 0),
        ("unnamed", "failed", 2, 2),
    }
