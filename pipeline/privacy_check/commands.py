"""`verify-privacy`: attack the running system with invented people and search everything it wrote for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, errors, print_facts, print_rows

if TYPE_CHECKING:
    from pipeline.privacy_check.run import Verification

_AREA_COLUMNS = ("searched", "pieces", "bytes", "finds")
_LEAK_COLUMNS = ("where", "byte", "what", "sent in", "written as")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify-privacy", rich_help_panel=Panel.PRIVACY)(verify_privacy)


def verify_privacy(
    url: Annotated[
        str,
        typer.Option("--url", help="Attack through this address, such as that of a proxy; else the collector itself."),
    ] = "",
    also: Annotated[
        list[Path] | None,
        typer.Option(
            "--also", help="Search this file or directory too, such as the log of `up` or nginx.", exists=True
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until everything is stored, or search at once.")
    ] = True,
    config: ConfigOption = None,
    form: FormatOption = None,
) -> None:
    """Send invented people through the running system and search every written byte for them; exit code 1 if one is found."""
    from random import SystemRandom

    from pipeline.privacy_check.run import verify
    from pipeline.settings import load

    done = verify(load(config), SystemRandom(), url=url, also=also or (), wait=wait)
    _print(done, form, wait=wait)
    if done.leaks or (wait and done.stored != done.volley.events):
        raise typer.Exit(1)


def _print(done: Verification, form: Format | None, *, wait: bool) -> None:
    proof, volley = done.proof, done.volley
    areas = [(area.name, area.pieces, area.size, _leaks_in(done, area.name)) for area in proof.areas]
    leaks = [(leak.where, leak.offset, leak.kind, leak.sent_in, leak.form) for leak in done.leaks]
    match chosen(form):
        case Format.JSON:
            facts = {
                "sent": dict(volley.requests),
                "answers": dict(volley.statuses),
                "accepted_events": volley.events,
                "stored_events": done.stored,
                "control_found": done.planted,
                "searched": [dict(zip(_AREA_COLUMNS, row, strict=True)) for row in areas],
                "older_files": proof.older,
                "waiting_in_spool": proof.waiting,
                "finds": [dict(zip(_LEAK_COLUMNS, row, strict=True)) for row in leaks],
            }
            print_facts(facts, form)
        case Format.CSV:
            print_rows(_AREA_COLUMNS, areas, form)
        case Format.TABLE:
            sent = sum(volley.requests.values())
            print_rows(("sent in", "requests"), list(volley.requests.items()), form, title="Attack")
            print_rows(_AREA_COLUMNS, areas, form, title="Search", note=_note(done, sent, wait=wait))
            if leaks:
                print_rows(_LEAK_COLUMNS, leaks, form, title="Found where nothing may be")
    finds = "1 find" if len(leaks) == 1 else f"{len(leaks)} finds"
    verdict = "nothing found" if not leaks else f"{finds}: identifiers are written to disk"
    if wait and done.stored != volley.events:
        verdict += f"; but of {volley.events} accepted events {done.stored} are stored"
    errors.print(f"verify-privacy: {verdict}", style="bold", highlight=False)


def _leaks_in(done: Verification, area: str) -> int:
    return sum(leak.area == area for leak in done.leaks)


def _note(done: Verification, sent: int, *, wait: bool) -> str:
    proof, volley = done.proof, done.volley
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(volley.statuses.items()))
    stored = f"{done.stored:,} stored" if wait else "not waited for"
    lines = [
        f"{sent:,} requests ({answers}); {volley.events:,} events accepted, {stored}",
        f"control: {done.planted:,} planted forms, all found; the marker of this run was found where it may be",
        f"{proof.older:,} older files left out; {proof.waiting} places in the spool hold user agents not yet shipped",
        f"finds to expect by accident in random bytes: {proof.chance:.1g}",
    ]
    if not volley.direct:
        lines.append("the connection's own address could not be drawn: this system has only one loopback address")
    return "\n".join(lines)
