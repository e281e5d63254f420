"""Commands that operate a machine: `up`, `migrate`, `secrets`, `doctor`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipeline.database.access import Grants
from pipeline.errors import Fatal
from pipeline.settings.model import Settings, load
from pipeline.system import locks
from pipeline.system.console import ConfigOption, Format, FormatOption, Panel, chosen, console, language_of, print_rows

if TYPE_CHECKING:
    from pipeline.operations.supervise import Supervisor

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[bold red]problem[/]"}
_COLOURS = {
    "collect": "cyan",
    "ship": "green",
    "clickhouse": "magenta",
    "migrate": "blue",
    "dashboards": "bright_blue",
    "up": "yellow",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, migrate, secrets, doctor):
        app.command(rich_help_panel=Panel.RUN)(command)


def up(
    config: ConfigOption = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Also serve the demo clinic, a site with the pixel.")] = False,
) -> None:
    """Run everything: embedded ClickHouse, collector, shipper and dashboards, until Ctrl-C."""
    from pipeline.database import starting
    from pipeline.operations.supervise import Part, Supervisor, parts

    settings = load(config)
    for module in (*(["chdb"] if settings.clickhouse.url is None else []), "argon2", "clickhouse_connect"):
        if find_spec(module) is None:  # told once here, instead of by each process
            raise ModuleNotFoundError(name=module)
    options = ("--config", str(config)) if config else ()

    def say(name: str, line: str) -> None:
        console.print(f"[{_COLOURS.get(name, 'white')}]{name:>10}[/] ", end="")
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    async def run() -> int:
        extra = (Part("demo-site", ("demo-site",)),) if demo else ()
        supervisor = Supervisor(parts(settings, extra), options, say)
        greeting = asyncio.create_task(_greet(settings, partial(_prepared, settings, supervisor, lock), demo=demo))
        try:
            return await supervisor.run()
        finally:
            greeting.cancel()

    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = locks.take(starting.up_lock(settings))
        starting.mark_begun(lock)
    except locks.Held:
        raise Fatal(
            f"{settings.data}: another `up` works on this data directory; stop it, or set another PIXEL_DATA"
        ) from None
    code = asyncio.run(run())
    os.close(lock)
    console.print("stopped; every accepted event is on disk" if code == 0 else "stopped: see the line above")
    sys.exit(code)


def migrate(
    config: ConfigOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="First wait until ClickHouse answers.")] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Print every statement for an empty database; change nothing.")
    ] = False,
    grants: Annotated[
        Grants | None,
        typer.Option(
            help="Print the users and their rights for an existing server (sql), or the hashes of their passwords for"
            " deploy/clickhouse/users.d (env); change nothing."
        ),
    ] = None,
) -> None:
    """Bring the database to the state of this version; safe to run again."""
    from pipeline.database import access
    from pipeline.database.client import wait_until_answering
    from pipeline.operations.migrate import migrate as bring_up_to_date
    from pipeline.operations.migrate import printed
    from pipeline.system.hardening import die_with_parent

    settings = load(config)
    if grants:
        passwords = access.make_passwords(settings)
        statements = access.access_sql(passwords, cluster=bool(settings.clickhouse.cluster))
        typer.echo(statements if grants is Grants.SQL else access.hashes(passwords), nl=False)
    if show:
        typer.echo(printed(settings), nl=False)
    if grants or show:
        return
    if wait:
        die_with_parent()
        wait_until_answering(settings)
    applied = bring_up_to_date(settings)
    console.print(f"applied: {', '.join(applied)}" if applied else "nothing to do", highlight=False, markup=False)


def secrets(config: ConfigOption = None) -> None:
    """Make the secrets that are missing, and a file of passwords for each process that has a user of its own; safe to run again."""
    from pipeline.alerts.webhook import secret_file
    from pipeline.database.access import USERS_OF, hand_out_passwords
    from pipeline.publish.secret import secret_of
    from pipeline.system.secrets import TICKET, read_or_make_secret

    settings = load(config)
    hand_out_passwords(settings)
    secret_of(settings)
    for file in (settings.secrets_dir / TICKET, secret_file(settings.secrets_dir)):
        read_or_make_secret(file)
    console.print(
        f"{settings.secrets_dir}: all secrets are there; passwords for {', '.join(USERS_OF)}",
        highlight=False,
        markup=False,
    )


def doctor(
    config: ConfigOption = None,
    lang: Annotated[str, typer.Option(help="Language of the sentences: en or ru.")] = "en",
    form: FormatOption = None,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Examine instead every shard and replica of the cluster.")
    ] = False,
) -> None:
    """Examine settings, keys, spool, shipper, database and audit; exit code 1 when a problem needs you."""
    from pipeline.operations.doctor import examine, examine_cluster
    from pipeline.operations.machine_checks import said
    from pipeline.told import in_language

    language = language_of(lang)
    look = examine_cluster if cluster else examine
    results = [result._replace(text=in_language(result.text, language)) for result in look(load(config))]
    problems = sum(result.state == "problem" for result in results)
    if chosen(form) is Format.TABLE:
        answer = said("need_you", problems=problems) if problems else said("all_well")
        console.print(answer.of(language), style="bold")
        table = Table.grid(padding=(0, 2))
        before = ""
        for result in results:
            table.add_row(result.check if result.check != before else "", _MARKS[result.state], escape(result.text))
            before = result.check
        console.print(table, highlight=False)
    else:
        print_rows(("check", "state", "text"), results, form)
    if problems:
        raise typer.Exit(1)


async def _prepared(settings: Settings, supervisor: Supervisor, lock: int) -> None:
    from pipeline.database.client import ping
    from pipeline.database.starting import mark_ready

    await supervisor.wait_until_done("migrate")
    while not await asyncio.to_thread(ping, settings):  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.1)
    mark_ready(lock)


async def _greet(settings: Settings, reports_answer: Callable[[], Awaitable[None]], *, demo: bool) -> None:
    from pipeline.system.answers import is_ready

    begun = time.monotonic()
    edge = settings.collector.url
    database = settings.clickhouse.url or f"http://127.0.0.1:{settings.clickhouse.port}"
    await reports_answer()
    while not await asyncio.to_thread(is_ready, f"{edge}/health/ready"):  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.1)
    site = settings.sites[0]
    # `make run` starts the absolute path of the command: print its short name instead.
    command = sys.argv[0] if not sys.argv[0].startswith("/") else "clinic-pixel"
    shown = f"  demo clinic http://{settings.demo.host}:{settings.demo.port}/\n" if demo else ""
    console.print(
        f"\n[bold]ready after {time.monotonic() - begun:.1f} s[/]\n"
        f"  pixel       {edge}/p.gif\n"
        f"{shown}"
        f"  dashboards  {settings.dashboards.browser_url}/\n"
        f"  health      {edge}/health/ready   {edge}/metrics\n"
        f"  ClickHouse  {database}   user ops, password in {settings.secrets_dir / 'clickhouse.json'}\n"
        f"  first hit   curl -so /dev/null '{edge}/p.gif?s={site.id}&u=https://{site.hosts[0]}/'\n"
        f"  four weeks  {command} simulate --history 28 --fault browser-form\n"
        f"  read it     {command} report technical/traffic_by_hour\n"
        "  stop        Ctrl-C\n",
        highlight=False,
        soft_wrap=True,
    )
