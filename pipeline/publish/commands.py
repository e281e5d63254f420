"""`publish`: publish the numbers of every closed hour and day now, without waiting for `ship`.

Owns the progress on the terminal.
"""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from pipeline.errors import Fatal
from pipeline.system.console import ConfigOption, Panel, console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.RUN)(publish)


def publish(config: ConfigOption = None) -> None:
    """Publish the numbers of all closed hours and days that are not published yet; `ship` does this by itself."""
    from pipeline.hosts.evaluator import refuse_elsewhere
    from pipeline.publish.job import passed_now
    from pipeline.publish.publisher import Publisher
    from pipeline.settings import model as all_settings
    from pipeline.system import locks

    settings = all_settings.load(config)
    refuse_elsewhere(settings)
    try:
        with console.status("waiting for the segments of the spool") as status:
            passed, publisher = passed_now(settings.spool_dir), Publisher(settings)
            status.update("counting the stored rows")
            number = publisher.run(
                passed, datetime.now(UTC), lambda site, span: status.update(f"{site}: {span}"), wait=False
            )
    except locks.Held:
        raise Fatal("`ship` publishes right now; run it again in a moment") from None
    if number:
        console.print(f"published {number:,} spans; each is an hour, a day or a week of one report")
    else:
        console.print("nothing to publish: all closed hours and days are published")
