"""`clinic-pixel ship`: deliver the spool to ClickHouse until a signal stops it."""

from __future__ import annotations

import typer

from pipeline.system.console import ConfigOption, Panel


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.RUN)(ship)


def ship(
    config: ConfigOption = None,
    *,
    until_empty: bool = typer.Option(False, "--until-empty", help="End when no sealed segment is left."),
) -> None:
    """Deliver events from the spool to ClickHouse, each exactly once; also does the daily jobs."""
    import logging
    import signal
    import sys
    import threading

    # A thread waits for the signals. A handler would interrupt the main thread inside `stop.wait`: `stop.set` would then
    # wait for the lock of `stop.wait`, and the worker would neither work nor end. Blocked before the imports, because
    # NumPy starts threads, and a thread that does not block a signal would end the process.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)

    from pipeline.errors import PixelError, type_and_place
    from pipeline.settings import model as settings
    from pipeline.ship.worker import Worker
    from pipeline.system.faults import EXIT_UNFORESEEN
    from pipeline.system.hardening import die_with_parent, harden_process

    harden_process()
    die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s ship %(levelname)s %(message)s", force=True)
    # urllib3 logs every failed connection with its query; our own lines have the cause.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    stop = threading.Event()

    def wait_for_the_end() -> None:
        signal.sigwait(ends)
        stop.set()

    threading.Thread(target=wait_for_the_end, name="signals", daemon=True).start()
    worker = Worker(settings.load(config), stop=stop)
    try:
        worker.run(until_empty=until_empty)
    except (PixelError, OSError) as error:
        worker.leave_last_words(str(error))
        raise  # the command line prints them
    except Exception as error:  # noqa: BLE001 - the top of the process
        worker.leave_last_words(f"unforeseen {type_and_place(error)}")
        logging.getLogger(__name__).error("unforeseen %s; the process ends", type_and_place(error))  # noqa: TRY400
        sys.exit(EXIT_UNFORESEEN)
