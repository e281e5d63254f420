"""The page `docs/fraud-signals.md`: every signal with its points, its guard in words, and where its threshold comes from.

Owns the wording around the table. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline.scoring.rules import CAPS, Signal

_FAMILIES: Final = {
    "N": "network",
    "T": "timing",
    "R": "rate",
    "P": "path",
    "I": "browser and cookie",
    "A": "ads",
    "B": "booking and login",
    "L": "lists",
}
_HEAD: Final = """\
# Signals of fraud

Written from `sql/fraud/signals.toml` by `make docs`; each signal is one SELECT in `sql/fraud/signals/`. How points become a band:
[fraud.md](fraud.md). Points of one family are capped together: {caps}.

Where the source says *starting value* or *assumed*, the number was set by reasoning and nobody has measured it. *Logs* are three public access logs
(630 client-days, without the clients known to be suspicious), *sessions* 65 labelled sessions of 2019: [fraud.md](fraud.md), "Where the numbers come from".

A signal that was not judged on the public logs, or that changed since, is *in shadow*: it is recorded and gives no points.

| signal | family | what it measures | points | shared addresses | innocent explanation | source | state |
|---|---|---|---|---|---|---|---|
"""
_OF: Final = {"client": "", "address": "counts less", "network": "counts less"}


def page(signals: Iterable[Signal]) -> str:
    """Return the page in Markdown."""
    caps = ", ".join(f"{_FAMILIES[family]} {cap}" for family, cap in CAPS.items())
    return _HEAD.format(caps=caps) + "".join(map(_line, sorted(signals, key=lambda signal: signal.name)))


def _line(signal: Signal) -> str:
    sign = "from" if signal.worse == "above" else "down to"
    levels = "; ".join(f"{sign} {value:g}: {points}" for value, points in signal.levels)
    shared = ", ".join(
        filter(None, [_OF[signal.of], "" if signal.mobile else "not mobile", "needs no second family" * signal.strong])
    )
    needs = f" (needs the roles {', '.join(signal.roles)})" if signal.roles else ""
    cells = (
        signal.name,
        _FAMILIES[signal.family],
        signal.en.title + needs,
        levels,
        shared,
        signal.en.innocent,
        signal.source,
        "shadow" if signal.is_shadow else "judged",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
