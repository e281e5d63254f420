"""`subject`: the requests of a person (policy clause 6.2.4): find, block, unblock, export, erase, and their list.

`-` reads an address or a code from standard input, because the shell keeps command lines in its history.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.settings import model as all_settings
from pipeline.system.console import (
    ConfigOption,
    Format,
    FormatOption,
    Panel,
    chosen,
    console,
    errors,
    print_facts,
    print_rows,
)

if TYPE_CHECKING:
    from pipeline.subjects.desk import Desk, Found

app = typer.Typer(help="Requests of a person: find, block, unblock, export, erase, list.", no_args_is_help=True)

CaseOption = Annotated[str, typer.Option("--case", help="Number of the request.", show_default=False)]
BasisOption = Annotated[
    str, typer.Option("--basis", help="The legal basis, in words; it is recorded in the audit.", show_default=False)
]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="subject", rich_help_panel=Panel.PRIVACY)


@app.command()
def find(
    case: CaseOption,
    basis: BasisOption,
    requester: Annotated[
        str, typer.Option(help="Name of the person who asks; for a new request.", show_default=False)
    ] = "",
    code: Annotated[
        str, typer.Option(help="Request code of /privacy; `-` reads it from standard input.", show_default=False)
    ] = "",
    ip: Annotated[
        str, typer.Option("--ip", help="Address; `-` reads it from standard input.", show_default=False)
    ] = "",
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="With --ip: first UTC day.", show_default=False),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="With --ip: last UTC day.", show_default=False),
    ] = None,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Open a request, or show an open one again: the number of events of each day, never the events."""
    if code and ip:
        raise typer.BadParameter("--code, --ip: expected one of them")
    if (code or ip) and not requester:
        raise typer.BadParameter("--requester: expected the name of the person who asks")
    if ip and not (first and last):
        raise typer.BadParameter("--from, --to: expected the days on which the address was the person's")
    desk = _desk(config, case, requester or "-", basis)
    if code:
        _print_found(desk.open_by_code(case, requester, basis, _typed(code)), form)
    elif ip and first and last:
        _print_found(_by_address(desk, case, requester, basis, _typed(ip), first.date(), last.date()), form)
    else:
        _print_found(desk.find(case, basis), form)


@app.command()
def block(case: CaseOption, basis: BasisOption, form: FormatOption = None, config: ConfigOption = None) -> None:
    """Hide the rows from every report, refuse new hits, keep the keys; until `unblock`."""
    from pipeline.edge.blocks import READ_SECONDS

    blocked = _desk(config, case, "-", basis).block(case, basis)
    effect = f"hidden from every report now; new hits are refused within {READ_SECONDS:.0f} seconds"
    print_facts({"case": blocked.case, "state": blocked.state, "effect": effect}, form)


@app.command()
def unblock(case: CaseOption, basis: BasisOption, form: FormatOption = None, config: ConfigOption = None) -> None:
    """Show the rows again, accept hits again, and close the request."""
    unblocked = _desk(config, case, "-", basis).unblock(case, basis)
    print_facts({"case": unblocked.case, "state": unblocked.state}, form)


@app.command()
def export(case: CaseOption, basis: BasisOption, config: ConfigOption = None) -> None:
    """Print all that is stored of the person as JSON, without tokens; only for a request opened by request code."""
    print_facts(_desk(config, case, "-", basis).export(case, basis), Format.JSON)


@app.command()
def erase(
    case: CaseOption,
    basis: BasisOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Delete the person's rows irrevocably from every table, the spool and quarantine, and print the act."""
    from pipeline.audit.certificate import act_of_erasure
    from pipeline.audit.log import Audit

    desk = _desk(config, case, "-", basis)
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("stdin is not a terminal: pass --yes to confirm")
        typer.confirm(f"The rows cannot be restored. Erase the person of request {case}?", abort=True)
    desk.erase(case, basis)
    settings = all_settings.load(config)
    act = act_of_erasure(Audit(settings.audit_dir), case, operator=settings.privacy.operator)
    console.print(act, markup=False, highlight=False, soft_wrap=True)


@app.command("list")
def list_cases(form: FormatOption = None, config: ConfigOption = None) -> None:
    """List every request with its state and the last day to answer the person."""
    from pipeline.subjects.requests import CLOSED, CaseBook

    settings, today = all_settings.load(config), datetime.now(UTC).date()
    rows = [
        (
            case.case,
            case.state,
            case.requester,
            case.basis,
            f"{case.opened:%Y-%m-%d}",
            case.due.isoformat(),
            "" if case.state in CLOSED else "overdue" if case.due < today else f"{(case.due - today).days} days",
            "request code" if case.by_code else "address",
        )
        for case in CaseBook(settings.cases_dir).all()
    ]
    columns = ("case", "state", "requester", "basis", "opened", "answer_by", "left", "by")
    print_rows(
        columns,
        rows,
        form,
        title="requests of persons",
        note="answer_by: ten days from Monday to Friday; public holidays are counted as working days",
    )


def _desk(config: Path | None, case: str, requester: str, basis: str) -> Desk:
    from pipeline.audit.log import operator
    from pipeline.subjects.desk import Desk
    from pipeline.subjects.requests import check_words
    from pipeline.system.hardening import harden_process

    try:
        check_words(case, requester, basis)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    harden_process()
    return Desk(all_settings.load(config), now=datetime.now(UTC), who=operator())


def _by_address(desk: Desk, case: str, requester: str, basis: str, text: str, first: date, last: date) -> Found:
    from pipeline.networks.address import canonical

    address = canonical(text)
    if address is None:
        raise typer.BadParameter("--ip: expected one IPv4 or IPv6 address")
    return desk.open_by_address(case, requester, basis, address, first, last)


def _typed(given: str) -> str:
    return sys.stdin.readline().strip() if given == "-" else given


def _print_found(found: Found, form: Format | None) -> None:
    if chosen(form) is Format.JSON:
        days = [{"day": day, "events": count} for day, count in found.days]
        print_facts({"case": found.case.case, "state": found.case.state, "days": days, "notes": found.notes}, form)
        return
    total = sum(count for _, count in found.days)
    print_rows(("day", "events"), found.days, form, title=f"request {found.case.case}: {total:,} events stored")
    for note in found.notes:
        errors.print(note, style="dim", highlight=False, markup=False, soft_wrap=True)
