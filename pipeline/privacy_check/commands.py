"""`verify-privacy`: send invented identifiers through the running system and search everything it wrote for them."""

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
        typer.Option("--url", help="Send to this address, such as that of a proxy; else to the collector itself."),
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
    """Send invented identifiers through the running system and search everything it wrote; exit code 1 if one is found."""
    from random import SystemRandom

    from pipeline.privacy_check.run import verify
    from pipeline.settings.model import load

    done = verify(load(config), SystemRandom(), url=url, also=also or (), wait=wait)
    _print(done, form, wait=wait)
    if done.leaks or (wait and done.stored != done.sent.events):
        raise typer.Exit(1)


def _print(done: Verification, form: Format | None, *, wait: bool) -> None:
    proof, sent = done.proof, done.sent
    areas = [(area.name, area.pieces, area.size, _leaks_in(done, area.name)) for area in proof.areas]
    leaks = [(leak.where, leak.offset, leak.kind, leak.sent_in, leak.form) for leak in done.leaks]
    match chosen(form):
        case Format.JSON:
            facts = {
                "sent": dict(sent.requests),
                "answers": dict(sent.statuses),
                "accepted_events": sent.events,
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
            requests = sum(sent.requests.values())
            print_rows(("sent in", "requests"), list(sent.requests.items()), form, title="Attack")
            print_rows(_AREA_COLUMNS, areas, form, title="Search", note=_note(done, requests, wait=wait))
            if leaks:
                print_rows(_LEAK_COLUMNS, leaks, form, title="Identifiers found")
    finds = "1 find" if len(leaks) == 1 else f"{len(leaks)} finds"
    conclusion = "nothing found" if not leaks else f"{finds}: identifiers were written to disk"
    if wait and done.stored != sent.events:
        conclusion += f"; but only {done.stored} of {sent.events} accepted events are stored"
    errors.print(f"verify-privacy: {conclusion}", style="bold", highlight=False)


def _leaks_in(done: Verification, area: str) -> int:
    return sum(leak.area == area for leak in done.leaks)


def _note(done: Verification, requests: int, *, wait: bool) -> str:
    proof, sent = done.proof, done.sent
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(sent.statuses.items()))
    stored = f"{done.stored:,} stored" if wait else "not waited for"
    lines = [
        f"{requests:,} requests ({answers}); {sent.events:,} events accepted, {stored}",
        f"self-test: {done.planted:,} planted identifiers, all found; the marker of this run was found in storage",
        f"{proof.older:,} older files skipped; {proof.waiting} identifiers from user agents are in the spool, not shipped yet",
        f"expected accidental finds in random bytes: {proof.chance:.1g}",
    ]
    if not sent.direct:
        lines.append("the source address of connections could not be chosen: this system has only one loopback address")
    return "\n".join(lines)
