"""Turns a report of measurements into `Measurement`s, by `TECHNICAL_STEPS` instead of `EDGE_STEPS`.

Owns `TECHNICAL_STEPS` and the scrubbing of a measurement. The script has scrubbed it before, but is not trusted. No
step makes a visitor or a token, and the address is used for country and rate limit only.

Pure like `pipeline.edge.steps`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.edge.draft import uuid7
from pipeline.edge.steps import (
    Step,
    drop_over_rate,
    put_client,
    put_consent,
    put_monitor,
    put_network_facts,
    put_page,
    take_steps,
)
from pipeline.edge.tables import EdgeTables
from pipeline.errors import Reason, Refused
from pipeline.event import Hit, Measurement, MeasurementKind
from pipeline.scrub.decode import plain
from pipeline.scrub.paths import scrub_file
from pipeline.scrub.redact import scrub_host, scrub_release, scrub_text

MAX_TEMPLATE = 300
LARGEST_VALUE = 3_600_000.0
"""An hour in milliseconds: a larger vital comes from a clock that jumped."""
VITALS = ("LCP", "INP", "CLS", "FCP", "TTFB")

_ERROR_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}")
_RESOURCE_TYPE = re.compile(r"[a-z]{1,16}")
_HOST = re.compile(r"([a-z0-9.-]{1,253})(?::[0-9]{1,5})?")
_SOURCE = re.compile(_HOST.pattern + r":([^:/\s]{1,128}):([0-9]{1,7})")

# Each pattern reads the message once from left to right, so a hostile message costs linear time.
_TEMPLATE_RULES = (
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}://[^\s\"'`]*"), "<url>"),
    (re.compile(r"\"[^\"]*(?:\"|$)|`[^`]*(?:`|$)|«[^»]*(?:»|$)|[“„][^“”]*(?:[“”]|$)"), "<text>"),
    (re.compile(r"(?<!\w)'[^']*(?:'|$)"), "<text>"),
    (re.compile(r"\d+"), "<n>"),
)
_NUMBERED_WORD = re.compile(r"(?:[\w:*-]|<n>)+")


class RawMeasurement(NamedTuple):
    """One measurement as the script sent it (`POST /e`: k, n, t, f, v)."""

    kind: MeasurementKind
    name: str
    template: str
    source: str
    value: float


TECHNICAL_STEPS: tuple[Step, ...] = (
    put_consent,
    put_client,
    put_network_facts,
    put_monitor,
    drop_over_rate,
    put_page,
)


def run_technical_edge(
    hit: Hit, measurements: Sequence[RawMeasurement], tables: EdgeTables, *, now_ms: int
) -> tuple[Measurement, ...]:
    """Return the measurements of one report after `TECHNICAL_STEPS`; raises `Refused` with the reason to be counted.

    The hit's nonce is a number of the page load that the script drew for this report alone: no event has it.

    Our script sends no report from a browser with Global Privacy Control or Do Not Track; it cannot read the opt-out
    cookie. Every report that arrives is kept, because nothing in it is about a person.
    """
    named = [(measurement, name) for measurement in measurements if (name := _name(measurement))]
    if not named:
        raise Refused(Reason.BAD_BODY)
    draft = take_steps(TECHNICAL_STEPS, hit, tables, now_ms)
    release = scrub_release(hit.release)
    return tuple(
        Measurement(
            received_ms=hit.received_ms,
            event_id=uuid7(hit.received_ms, tables.random(10)),
            site=hit.site,
            kind=measurement.kind,
            name=name,
            template=scrub_template(measurement.template) if measurement.kind == "js_error" else "",
            source=_source(measurement),
            value=_value(measurement),
            release=release,
            page_host=draft.page.host,
            page=draft.page.path,
            country=draft.network.country,
            net_class=draft.network.net_class,
            mode=hit.mode,
            view=hit.nonce,
            agent=hit.agent,
            hint_brands=hit.hint_brands,
            hint_mobile=hit.hint_mobile,
            hint_platform=hit.hint_platform,
            monitor=draft.monitor,
        )
        for measurement, name in named
    )


def scrub_template(message: str) -> str:
    """Return an error message as a template of at most `MAX_TEMPLATE` characters, the same for every visitor.

    URLs, quoted texts and numbers become `<url>`, `<text>`, `<n>`; the rest is scrubbed like every text.
    """
    text = plain(" ".join(message.split()))
    for pattern, replacement in _TEMPLATE_RULES:
        text = pattern.sub(replacement, text)
    text = _NUMBERED_WORD.sub(_without_letters, text)
    return " ".join(scrub_text(text, MAX_TEMPLATE).text.split())


def _without_letters(word: re.Match[str]) -> str:
    # The letters of an IPv6 address or a token say almost as much as its digits, which the script has removed before.
    numbers = word[0].count("<n>")
    return "<n>" if numbers > 1 or (numbers and word[0].count(":") > 1) else word[0]


def _name(measurement: RawMeasurement) -> str:
    """Return the stored name of a measurement, '' for one that is none; it does not refuse the others."""
    match measurement.kind:
        case "js_error":
            return scrub_text(measurement.name, 64).text if _ERROR_NAME.fullmatch(measurement.name) else "Error"
        case "resource" if _RESOURCE_TYPE.fullmatch(measurement.name):
            return measurement.name
        case "vital" if measurement.name in VITALS:
            return measurement.name
    return ""


def _source(measurement: RawMeasurement) -> str:
    if measurement.kind == "js_error" and (found := _SOURCE.fullmatch(measurement.source.lower())):
        host, file, line = found.groups()
        return f"{scrub_host(host).text}:{scrub_file(file).text}:{int(line)}"
    if measurement.kind == "resource" and (found := _HOST.fullmatch(measurement.source.lower())):
        return scrub_host(found[1]).text
    return ""


def _value(measurement: RawMeasurement) -> float:
    if measurement.kind == "vital" and math.isfinite(measurement.value):
        return min(max(measurement.value, 0.0), LARGEST_VALUE)
    return 0.0
