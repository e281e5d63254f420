"""`reveal` and `relink`: the audited commands that reverse one token, on a legal basis (policy clause 5.3)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.audit.actions import Action
from pipeline.settings import model as all_settings
from pipeline.system.console import ConfigOption, FormatOption, Panel, print_facts, print_rows

if TYPE_CHECKING:
    from pipeline.audit.log import Audit
    from pipeline.keys.directory import KeyDirectory
    from pipeline.keys.reveal import RevealRequest

TokenOption = Annotated[
    list[str], typer.Option("--token", help="The ip_token of one row; one per call.", show_default=False)
]
EpochOption = Annotated[
    datetime, typer.Option("--epoch", formats=["%Y-%m-%d"], help="The row's epoch.", show_default=False)
]
CaseOption = Annotated[str, typer.Option("--case", help="Case number.", show_default=False)]
BasisOption = Annotated[str, typer.Option("--basis", help="Legal basis, in words.", show_default=False)]
ApproverOption = Annotated[
    str, typer.Option("--approver", help="Name of the approver; must not be the user who asks.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("reveal", rich_help_panel=Panel.PRIVACY)(reveal_address)
    app.command("relink", rich_help_panel=Panel.PRIVACY)(relink_tokens)


def reveal_address(
    token: TokenOption,
    epoch: EpochOption,
    case: CaseOption,
    basis: BasisOption,
    approver: ApproverOption,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the address behind one token; audited first, refused once the day's key is destroyed."""
    from pipeline.keys.reveal import reveal

    settings = all_settings.load(config)
    request = _read_request(token, epoch.date(), case, basis, approver)
    now = datetime.now(UTC)
    files, audit = _open(settings, Action.REVEAL, request, now)
    address = reveal(files, audit, request, now=now, per_hour=settings.privacy.reveals_per_hour)
    print_facts({"token": request.token, "epoch": request.epoch, "address": address}, form)


def relink_tokens(
    token: TokenOption,
    epoch: EpochOption,
    case: CaseOption,
    basis: BasisOption,
    approver: ApproverOption,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the tokens of the same address on the other days whose keys exist, without the address; audited first."""
    from pipeline.keys.reveal import relink

    settings = all_settings.load(config)
    request = _read_request(token, epoch.date(), case, basis, approver)
    now = datetime.now(UTC)
    files, audit = _open(settings, Action.RELINK, request, now)
    linked = relink(files, audit, request, now=now, per_hour=settings.privacy.reveals_per_hour)
    print_rows(("epoch", "ip_token"), linked, form, title=f"the address of {request.token} on other days")


def _read_request(tokens: list[str], epoch: date, case: str, basis: str, approver: str) -> RevealRequest:
    from pipeline.audit.log import operator
    from pipeline.keys.reveal import read_request

    if len(tokens) != 1:
        raise typer.BadParameter("--token: expected one token per call; each needs a basis of its own")
    try:
        return read_request(tokens[0], epoch, case, basis, approver, who=operator())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _open(
    settings: all_settings.Settings, action: Action, request: RevealRequest, now: datetime
) -> tuple[KeyDirectory, Audit]:
    from pipeline.audit.log import Audit
    from pipeline.keys.directory import KeyDirectory
    from pipeline.system.hardening import harden_process

    harden_process()
    audit = Audit(settings.audit_dir)
    with audit.refusals(action, request.facts(), now=now, who=request.who):
        return KeyDirectory.of(settings), audit
