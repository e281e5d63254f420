"""From a report of technical signals to `TechnicalSignal`s: what the edge does with them instead of `EDGE_STEPS`.

Owns `TECHNICAL_STEPS` and the scrubbing of a signal. The script scrubbed already; nothing it says is believed. No step
makes a visitor or a token, and the address is used for country and rate limit only (00-product, two readings).

Pure like `pipeline.edge.steps`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.edge.steps import (
    Step,
    drop_over_rate,
    put_client,
    put_consent,
    put_network_facts,
    put_page,
    take_steps,
    uuid7,
)
from pipeline.edge.tables import EdgeTables
from pipeline.errors import Reason, Refused
from pipeline.event import Hit, SignalKind, TechnicalSignal
from pipeline.scrub.decode import plain
from pipeline.scrub.redact import scrub_host, scrub_path, scrub_text

MAX_TEMPLATE = 300
MAX_RELEASE = 64
LARGEST_VALUE = 3_600_000.0
"""An hour in milliseconds: a vital beyond it is a clock that jumped."""
VITALS = ("LCP", "INP", "CLS", "FCP", "TTFB")

_ERROR_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,63}")
_RESOURCE_TYPE = re.compile(r"[a-z]{1,16}")
_HOST = re.compile(r"([a-z0-9.-]{1,253})(?::[0-9]{1,5})?")
_SOURCE = re.compile(_HOST.pattern + r":([^:/\s]{1,128}):([0-9]{1,7})")
_RELEASE = re.compile(rf"[A-Za-z0-9_.+-]{{0,{MAX_RELEASE}}}")

# Each pattern reads on from where it stands, so a hostile message costs linear time.
_TEMPLATE_RULES = (
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,15}://[^\s\"'`]*"), "<url>"),
    (re.compile(r"\"[^\"]*(?:\"|$)|`[^`]*(?:`|$)|«[^»]*(?:»|$)|[“„][^“”]*(?:[“”]|$)"), "<text>"),
    (re.compile(r"(?<!\w)'[^']*(?:'|$)"), "<text>"),
    (re.compile(r"\d+"), "<n>"),
)
_NUMBERED_WORD = re.compile(r"(?:[\w:*-]|<n>)+")


class RawSignal(NamedTuple):
    """One technical signal as the script sent it (`POST /e`: k, n, t, f, v)."""

    kind: SignalKind
    name: str
    template: str
    source: str
    value: float


TECHNICAL_STEPS: tuple[Step, ...] = (
    put_consent,
    put_client,
    put_network_facts,
    drop_over_rate,
    put_page,
)


def run_technical_edge(
    hit: Hit, release: str, signals: Sequence[RawSignal], tables: EdgeTables, *, now_ms: int
) -> tuple[TechnicalSignal, ...]:
    """Take one report through `TECHNICAL_STEPS`; raises `Refused` with the reason to be counted.

    A browser that signals GPC or DNT, or opted out, sends no report through our script; one that comes is kept, because
    nothing in it is about a person.
    """
    draft = take_steps(TECHNICAL_STEPS, hit, tables, now_ms)
    clean_release = scrub_release(release)
    return tuple(
        TechnicalSignal(
            received_ms=hit.received_ms,
            event_id=uuid7(hit.received_ms, tables.random(10)),
            site=hit.site,
            kind=signal.kind,
            name=_name(signal),
            template=scrub_template(signal.template) if signal.kind == "js_error" else "",
            source=_source(signal),
            value=_value(signal),
            release=clean_release,
            page_host=draft.page.host,
            page=draft.page.path,
            country=draft.network.country,
            agent=hit.agent,
            hint_brands=hit.hint_brands,
            hint_mobile=hit.hint_mobile,
            hint_platform=hit.hint_platform,
        )
        for signal in signals
    )


def scrub_template(message: str) -> str:
    """Return an error message as a template of at most `MAX_TEMPLATE` characters, the same for every visitor.

    Addresses, quoted texts and numbers become `<url>`, `<text>`, `<n>`; the patterns of scrubbing see the rest.
    """
    text = plain(" ".join(message.split()))
    for pattern, replacement in _TEMPLATE_RULES:
        text = pattern.sub(replacement, text)
    text = _NUMBERED_WORD.sub(_without_letters, text)
    return " ".join(scrub_text(text, MAX_TEMPLATE).text.split())


def _without_letters(word: re.Match[str]) -> str:
    # The letters of an IPv6 address or a token tell almost as much as its digits, which the script took out already.
    numbers = word[0].count("<n>")
    return "<n>" if numbers > 1 or (numbers and word[0].count(":") > 1) else word[0]


def scrub_release(release: str) -> str:
    """Return the release, `*` where a detector takes it for an identifier (a date, a whole hash), '' when malformed."""
    return scrub_text(release, MAX_RELEASE).text if _RELEASE.fullmatch(release) else ""


def _name(signal: RawSignal) -> str:
    match signal.kind:
        case "js_error":
            return scrub_text(signal.name, 64).text if _ERROR_NAME.fullmatch(signal.name) else "Error"
        case "resource" if _RESOURCE_TYPE.fullmatch(signal.name):
            return signal.name
        case "vital" if signal.name in VITALS:
            return signal.name
    raise Refused(Reason.BAD_BODY)


def _source(signal: RawSignal) -> str:
    if signal.kind == "js_error" and (found := _SOURCE.fullmatch(signal.source.lower())):
        host, file, line = found.groups()
        return f"{scrub_host(host).text}:{scrub_path(file).text[1:]}:{int(line)}"
    if signal.kind == "resource" and (found := _HOST.fullmatch(signal.source.lower())):
        return scrub_host(found[1]).text
    return ""


def _value(signal: RawSignal) -> float:
    if signal.kind == "vital" and math.isfinite(signal.value):
        return min(max(signal.value, 0.0), LARGEST_VALUE)
    return 0.0
