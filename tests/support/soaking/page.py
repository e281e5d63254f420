"""The page of a run: its table, its account, and the curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from support.soaking.account import Account
from support.soaking.load import Sent
from support.soaking.watch import PARTS, Sample, growth

WIDTH, HEIGHT, LEFT, GAP = 720, 130, 60, 26
COLOURS: Final = {"collect": "#1b6ca8", "ship": "#c0392b", "clickhouse": "#7d5a00", "dashboards": "#2e7d32"}


class Run(NamedTuple):
    """One run: `capacity` in hits a second that reach the table, `drained_s` from the end of the load to an empty spool."""

    minutes: float
    capacity: float
    slices: Sequence[Sent]
    samples: list[Sample]
    account: Account
    drained_s: float
    restarts: Sequence[str]


def written(run: Run, wrong: Sequence[str], note: str) -> str:
    """Return docs/soak.md."""
    loaded = sum((one.seconds for one in run.slices), 0.0)
    offered = sum(one.sent for one in run.slices) / max(1.0, loaded)
    account, sent = run.account, run.account.sent
    cut, lost = sent.sent - sent.answered, max(0, sent.acknowledged - account.stored)
    row = (sent.sent, sent.acknowledged, sent.refused, cut, account.stored, lost, account.stored - account.numbers)
    lines = [
        "# Half an hour of more hits than can be stored",
        "",
        "The whole product (`clinic-pixel up`: collector, shipper, embedded ClickHouse, dashboards) gets twice the hits that it can store,",
        f"over loopback from wrk on the same machine. `python -m support.soaking --minutes {run.minutes:g} --write` wrote this page.",
        *([note] if note else []),
        "",
        "## Load",
        "- The way to the table is narrow here: the shipper looks every 4 s for what a spool of 2 MB holds. So the machine that stores can",
        "  also send twice as much. When the spool is full, a hit is answered with 503.",
        f"- Capacity: {run.capacity:,.0f} hits a second reach the table under full load.",
        f"- Sent: {offered:,.0f} hits a second, {offered / run.capacity:.1f} times that, for {loaded / 60:.1f} minutes; wrk aims at twice the capacity.",
        f"- Over the whole run {account.stored / sent.seconds:,.0f} hits a second were stored and {sent.sent / sent.seconds:,.0f} sent.",
        f"- After the load the spool was empty in {run.drained_s:.0f} s.",
        "",
        "## Account",
        "| sent | acknowledged | refused | cut off at the end of a slice | stored | lost | twice |",
        "|---|---|---|---|---|---|---|",
        f"| {' | '.join(f'{number:,}' for number in row)} |",
        "",
        f"The collector counted {account.offered:,} offered = {account.spooled:,} written"
        + "".join(f" + {number:,} `{reason}`" for reason, number in sorted(account.refused.items()))
        + ". A hit that was cut off may be stored and need not be.",
        "",
        "## Memory, descriptors and threads of each part",
        "Mean of the second quarter of the run and of the last one; a part includes its child processes.",
        "",
        "| part | memory, MB | descriptors | threads |",
        "|---|---|---|---|",
        *(_row(run, name) for name in PARTS),
        "",
        "![Memory and descriptors of each part over the run](pictures/soak.svg)",
        "",
        "## Result",
        *(
            [f"- {sentence}" for sentence in wrong]
            or ["Nothing grew, no part was started again, and every hit is accounted for."]
        ),
        "",
    ]
    return "\n".join(lines)


def _row(run: Run, name: str) -> str:
    cells = [f"{early:,.0f} → {late:,.0f}" for early, late in growth(run.samples, name).values()]
    return f"| {name} | {' | '.join(cells)} |"


def picture(run: Run) -> str:
    """Return the curves as SVG: memory, descriptors and threads of each part, and the spool."""
    fields = ("memory_mb", "descriptors", "threads")
    curves = {
        title: {
            name: [float(getattr(one.parts[name], field)) for one in run.samples if name in one.parts] for name in PARTS
        }
        for title, field in zip(("memory, MB", "descriptors", "threads"), fields, strict=True)
    }
    panels = [_panel(title, lines, place) for place, (title, lines) in enumerate(curves.items())]
    panels.append(_panel("spool, MB", {"spool": [one.spool_mb for one in run.samples]}, 3))
    names = "".join(
        f'<text x="{LEFT + place * 130}" y="14" fill="{colour}">{name}</text>'
        for place, (name, colour) in enumerate(COLOURS.items())
    )
    height = 4 * (HEIGHT + GAP) + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{names}{"".join(panels)}</svg>\n'
    )


def _panel(title: str, lines: dict[str, list[float]], place: int) -> str:
    top = 20 + place * (HEIGHT + GAP)
    most = max((max(values, default=0.0) for values in lines.values()), default=0.0) or 1.0
    drawn = [f'<text x="{LEFT}" y="{top + 14}">{title}</text><text x="4" y="{top + 26}">{most:,.0f}</text>']
    drawn.append(
        f'<text x="4" y="{top + HEIGHT}">0</text><path d="M{LEFT} {top + 18}V{top + HEIGHT}H{WIDTH - 8}" fill="none" stroke="#888"/>'
    )
    for name, values in lines.items():
        step = (WIDTH - LEFT - 8) / max(1, len(values) - 1)
        points = " ".join(
            f"{LEFT + number * step:.1f},{top + HEIGHT - value / most * (HEIGHT - 20):.1f}"
            for number, value in enumerate(values)
        )
        drawn.append(
            f'<polyline points="{points}" fill="none" stroke="{COLOURS.get(name, "#555")}" stroke-width="1.5"/>'
        )
    return "".join(drawn)
