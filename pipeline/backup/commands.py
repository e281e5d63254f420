"""Commands `backup` and `restore`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.system.console import ConfigOption, FormatOption, Panel, errors, print_facts


class Only(StrEnum):
    """How much of a backup is restored."""

    ALL = "all"
    ROWS = "rows"


class Into(StrEnum):
    """The treatment of the files and rows that are there."""

    EMPTY = "empty"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (backup, restore):
        app.command(rich_help_panel=Panel.RUN)(command)


def backup(
    place: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the backups, on another disk; made if missing.")
    ],
    requests: Annotated[
        bool,
        typer.Option(
            "--requests", help="Copy only the requests of persons, blocks and audit: small, for every minute."
        ),
    ] = False,
    keep_days: Annotated[int, typer.Option(min=1, max=30, help="Remove the backups of DIR that are older.")] = 7,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy rows, spool, journal, keys, secrets, audit and requests into DIR while everything runs."""
    from datetime import UTC, datetime

    from pipeline.audit.log import operator
    from pipeline.backup.make import back_up, refuse_inside
    from pipeline.backup.request_copies import copy_requests
    from pipeline.settings.model import load
    from pipeline.system.private_files import private_directory

    os.umask(0o077)
    settings = load(config)
    if requests:
        refuse_inside(settings, place)
        private_directory(place)
        print_facts({"requests": str(place / "requests"), "files_changed": copy_requests(settings, place)}, form)
        return
    with _progress("exporting") as told:
        facts = back_up(
            settings,
            place,
            now=datetime.now(UTC).replace(microsecond=0),
            who=operator(),
            keep_days=keep_days,
            told=told,
        )
    print_facts(facts, form)


def restore(
    place: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory of the backups (the newest one) or one backup.")
    ],
    only: Annotated[
        Only, typer.Option(help="`rows`: only ClickHouse was lost, the data directory is whole.")
    ] = Only.ALL,
    into: Annotated[
        Into | None,
        typer.Option(
            help="`empty`: first move the files aside and remove the rows that are there.", show_default=False
        ),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            help="DIR of `backup --requests`, if it is another one than that of the backup.", show_default=False
        ),
    ] = None,
    without_requests: Annotated[
        bool, typer.Option("--without-requests", help="No copy of the requests is left: erased persons may come back.")
    ] = False,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Restore a backup; erasures and blocks of persons are carried out again before any reader can ask."""
    from datetime import UTC, datetime

    from pipeline.audit.log import operator
    from pipeline.backup.restore import Wanted
    from pipeline.backup.restore import restore as restored
    from pipeline.settings.model import load

    os.umask(0o077)
    wanted = Wanted(
        backup=place,
        requests=requests,
        without_requests=without_requests,
        into_empty=into is Into.EMPTY,
        only="rows" if only is Only.ROWS else "all",
    )
    with _progress("loading") as told:
        facts = restored(load(config), wanted, now=datetime.now(UTC), who=operator(), told=told)
    print_facts(facts, form)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], object]]:
    from rich.progress import Progress

    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
