"""`keys`: make the keys of coming days, list the existing keys, and destroy keys."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import Fatal
from pipeline.keys import reveal_commands
from pipeline.settings import model as all_settings
from pipeline.settings.model import Settings
from pipeline.system.console import ConfigOption, FormatOption, Panel, console, errors, print_rows

if TYPE_CHECKING:
    from pipeline.audit.log import Audit
    from pipeline.keys.directory import KeyDirectory, KeyName

app = typer.Typer(help="Daily keys: mint ahead, list, destroy.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="keys", rich_help_panel=Panel.PRIVACY)
    reveal_commands.register(root)


@app.command()
def mint(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days from today on.")] = 14,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Make the keys of today and the following days, to copy them to every collector in advance."""
    from pipeline.audit.actions import Action
    from pipeline.audit.log import Audit, operator
    from pipeline.keys.directory import KeyDirectory
    from pipeline.keys.ring import Keyring

    settings, now = all_settings.load(config), datetime.now(UTC)
    with Audit(settings.audit_dir).refusals(Action.KEY_MINT, {"days": str(days)}, now=now, who=operator()):
        if not settings.collector.mint_keys:
            raise Fatal(
                "collector.mint_keys is false: keys are copied to this host, and another key of the same day would count each"
                " visitor twice. Run this on the one host that makes keys, or set it to true here and to false there"
            )
        made = Keyring(KeyDirectory.of(settings), may_mint=True).mint_ahead(now.date(), days)
    rows = [(name.text, "made" if new else "was there") for name, new in made]
    print_rows(("key", "state"), rows, form, title=f"keys in {settings.keys_dir}")


@app.command("list")
def list_keys(form: FormatOption = None, config: ConfigOption = None) -> None:
    """List every key and the record of every destroyed key; a fingerprint identifies a key without showing it."""
    from pipeline.keys.directory import KeyDirectory
    from pipeline.keys.listed import listed

    settings, today = all_settings.load(config), datetime.now(UTC).date()
    rows = [
        (key.name.text, key.state, key.fingerprint, f"{key.destroyed:%Y-%m-%d %H:%M:%S}" if key.destroyed else "")
        for key in listed(KeyDirectory.of(settings), today, settings.retention.keys_days)
    ]
    print_rows(("key", "state", "fingerprint", "destroyed_at"), rows, form, title=f"keys in {settings.keys_dir}")


@app.command()
def destroy(
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="Keys as `keys list` shows them; none: all past retention.", show_default=False),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="The reason; required for a key within its retention.", show_default=False)
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Destroy keys irrevocably and print the act with the log extract; for a destroyed key, print the act again."""
    from pipeline.audit.actions import Action
    from pipeline.audit.certificate import act_of_destruction
    from pipeline.audit.log import Audit, operator
    from pipeline.keys import proven_time
    from pipeline.keys.destruction import due
    from pipeline.keys.directory import DESTROYED, KeyDirectory

    settings = all_settings.load(config)
    files, audit, now = KeyDirectory.of(settings), Audit(settings.audit_dir), datetime.now(UTC)
    over = due(files, now.date(), settings.retention.keys_days)
    chosen = _named(keys) if keys else over
    living = [name for name in chosen if files.exists(name) or not files.exists(name, DESTROYED)]
    if early := [name.text for name in living if name not in over and not reason]:
        raise typer.BadParameter(f"--reason: expected a reason to destroy {early[0]} before the end of its retention")
    if not chosen:
        errors.print("no key is past its retention")
        return
    if living:
        if not keys:
            proven_time.prove(settings)  # their age is all that is said of them
        _confirm(living, sure=yes)
        facts = {"keys": " ".join(name.text for name in living), "reason": reason}
        with audit.refusals(Action.KEY_DESTROY, facts, now=now, who=operator()):
            _destroy(settings, files, audit, living, reason=reason, over=over, now=now)
    act = act_of_destruction(audit, [name.text for name in chosen], operator=settings.privacy.operator)
    console.print(act, markup=False, highlight=False, soft_wrap=True)


@app.command("claim-pair")
def claim_pair(
    file: Annotated[Path, typer.Argument(help="New file for the private half; keep it off this machine.")],
    config: ConfigOption = None,
) -> None:
    """Make the pair of keys for claims for refunds: the private half into FILE, the public one for the settings.

    The collector seals the click ids of ads to the public half. A person with the private half can read them for 60 days.
    """
    from pipeline.audit.actions import Action
    from pipeline.audit.log import Audit, operator
    from pipeline.keys.sealed import new_private_key, public_text
    from pipeline.system.durable_files import create_once

    if file.exists():
        raise Fatal(f"{file}: exists; expected the name of a new file")
    settings, now, private = all_settings.load(config), datetime.now(UTC), new_private_key()
    public = public_text(private)
    Audit(settings.audit_dir).record(Action.CLAIM_PAIR, {"public": public}, now=now, who=operator())
    create_once(file, private)
    errors.print(
        f"the private half is in {file}, for its owner alone: move it to where claims are made", highlight=False
    )
    console.print(f'[fraud]\nclaim_key = "{public}"', markup=False, highlight=False)


@app.command("trust-clock")
def trust_clock(config: ConfigOption = None) -> None:
    """Say that this machine's time is right after it jumped: keys and days end by it again."""
    from pipeline.keys import proven_time

    settings = all_settings.load(config)
    proven_time.trust(settings)
    errors.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC is taken as right", highlight=False)


def _named(keys: Sequence[str]) -> list[KeyName]:
    from pipeline.keys.directory import KeyName

    names = [KeyName.parse(key) for key in keys]
    if None in names:
        wrong = keys[names.index(None)]
        raise typer.BadParameter(f"{wrong}: expected a day such as 2026-11-22, or visitor-2026, or click-2026-q4")
    return [name for name in names if name is not None]


def _confirm(names: Sequence[KeyName], *, sure: bool) -> None:
    if sure:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("stdin is not a terminal: pass --yes to confirm")
    what = " ".join(name.text for name in names)
    typer.confirm(f"A destroyed key cannot be restored. Destroy {what}?", abort=True)


def _destroy(
    settings: Settings,
    files: KeyDirectory,
    audit: Audit,
    names: Sequence[KeyName],
    *,
    reason: str,
    over: Sequence[KeyName],
    now: datetime,
) -> None:
    from pipeline.audit.log import operator
    from pipeline.keys.destruction import RETENTION, destroy, held_days
    from pipeline.keys.holds import blocked_days

    audit.refuse_an_old_clock(now)
    holds = blocked_days(settings, now.date())
    for name in names:  # all or nothing: the act must cover all requested keys
        if held := held_days(name, holds):
            raise Fatal(f"{name.text}: an open block needs this key for {held[0]}; expected `subject unblock` first")
        if not files.exists(name):
            raise Fatal(f"{files.file(name)}: missing; expected a key of `clinic-pixel keys list`")
    for name in names:
        aged = name in over
        destroy(
            files,
            audit,
            name,
            now=now,
            by=operator(),
            reason=reason or RETENTION,
            cause="retention" if aged and not reason else "order",
            holds=holds,
        )
