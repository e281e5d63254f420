"""`up`: everything on one machine."""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.error
import urllib.request
from typing import Annotated

import typer

from pipeline.settings import Settings, load
from pipeline.system.console import ConfigOption, console

_COLOURS = {"collect": "cyan", "ship": "green", "clickhouse": "magenta", "migrate": "blue", "up": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def up(
    config: ConfigOption = None,
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="Also serve the demo clinic, a site that carries the pixel.")
    ] = False,
) -> None:
    """Run everything: embedded ClickHouse, collector and shipper, until Ctrl-C."""
    from pipeline.operations.supervise import Part, Supervisor, parts

    settings = load(config)
    options = ("--config", str(config)) if config else ()

    def say(name: str, line: str) -> None:
        console.print(f"[{_COLOURS.get(name, 'white')}]{name:>10}[/] ", end="")
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    async def run() -> int:
        extra = (Part("demo-site", ("demo-site",)),) if demo else ()
        supervisor = Supervisor(parts(settings, extra), options, say)
        greeting = asyncio.create_task(_greet(settings, demo=demo))
        try:
            return await supervisor.run()
        finally:
            greeting.cancel()

    code = asyncio.run(run())
    console.print("stopped; what was accepted is on disk" if code == 0 else "stopped: see the line above")
    sys.exit(code)


async def _greet(settings: Settings, *, demo: bool) -> None:
    begun = time.monotonic()
    edge = settings.collector.url
    database = settings.clickhouse.url or f"http://127.0.0.1:{settings.clickhouse.port}"
    awaited = [f"{edge}/health/ready"] if settings.clickhouse.url else [f"{edge}/health/ready", f"{database}/ping"]
    for url in awaited:
        while not await asyncio.to_thread(_answers, url):  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.1)
    site = settings.sites[0]
    # As it was called: `make run` calls it by its path in the environment, which another terminal does not know.
    command = sys.argv[0] if not sys.argv[0].startswith("/") else "clinic-pixel"
    shown = f"  demo clinic http://{settings.demo.host}:{settings.demo.port}/\n" if demo else ""
    console.print(
        f"\n[bold]ready after {time.monotonic() - begun:.1f} s[/]\n"
        f"  pixel       {edge}/p.gif\n"
        f"{shown}"
        f"  health      {edge}/health/ready   {edge}/metrics\n"
        f"  ClickHouse  {database}   user ops, password in {settings.secrets_dir / 'clickhouse.json'}\n"
        f"  first hit   curl -so /dev/null '{edge}/p.gif?s={site.id}&u=https://{site.hosts[0]}/'\n"
        f"  a day       {command} simulate\n"
        f"  read it     {command} report technical/traffic_by_hour\n"
        "  stop        Ctrl-C\n",
        highlight=False,
        soft_wrap=True,
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own loopback address
            return True
    except (urllib.error.URLError, OSError):
        return False
