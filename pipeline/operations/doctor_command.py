"""`doctor`: what is wrong on this machine, and what to do."""

from __future__ import annotations

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.system.console import ConfigOption, Format, FormatOption, chosen, console, print_rows

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[bold red]problem[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(config: ConfigOption = None, form: FormatOption = None) -> None:
    """Look over settings, keys, spool, shipper, database and audit; exit code 1 when something needs you."""
    from pipeline.operations.doctor import examine
    from pipeline.settings import load

    findings = examine(load(config))
    problems = sum(finding.state == "problem" for finding in findings)
    if chosen(form) is Format.TABLE:
        console.print(f"{problems} problem(s) need you" if problems else "all is well", style="bold")
        table = Table.grid(padding=(0, 2))
        before = ""
        for finding in findings:
            table.add_row(finding.check if finding.check != before else "", _MARKS[finding.state], escape(finding.text))
            before = finding.check
        console.print(table, highlight=False)
    else:
        print_rows(("check", "state", "text"), findings, form)
    if problems:
        raise typer.Exit(1)
