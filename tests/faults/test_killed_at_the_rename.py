"""ClickHouse killed, or out of space, at the very call that puts a part in place: where a token alone loses rows."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path

import pytest

from pipeline.operations.migrate import migrate
from pipeline.settings.sections import Ship
from pipeline.ship.worker import Worker
from support.auditor import Stored
from support.ledger import Ledger
from support.rounds import PATIENCE, Rounds, recovery
from support.server import Rows, Server
from support.shipping import counts, event, write_segment
from support.traced import failing
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed: no system call can be made to fail"
)
RENAMES = "rename,renameat,renameat2"


def over_or_struck(shipper: Worker, thread: threading.Thread) -> bool:
    return shipper.status.error != "" or not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["signal=KILL:when={}", "error=ENOSPC:when={}", "error=EIO:when={}+"])
def test_rows_whose_part_could_not_be_put_in_place_are_stored_once(
    restartable: Server, tmp_path: Path, rounds: Rounds, how: str
) -> None:
    fault, ledger = f"ClickHouse at the rename of a part: {how.partition(':')[0]}", Ledger()
    server = restartable.start()
    migrate(server.settings)
    settings = server.settings.model_copy(update={"ship": Ship(poll_seconds=0.02, retry_seconds=0.5)})
    number, seconds = rounds.number(quick=1, long=8), 0.0
    for round_ in rounds.each(fault, range(1, number + 1)):
        nonces = [ledger.send() for _ in range(300)]
        ledger.acknowledge(*nonces)
        write_segment(settings.spool_dir, round_, [*map(event, nonces), counts(len(nonces))])
        assert server.process is not None
        shipper = Worker(settings, stop=threading.Event(), jobs=())
        thread = threading.Thread(target=shipper.run, kwargs={"until_empty": True})
        # One plan of two batches, events and counters: the first rename and the second are those of their parts.
        with failing(RENAMES, server.process.pid, how.format(1 + round_ % 2), log=tmp_path / "strace"):
            thread.start()
            wait_until(partial(over_or_struck, shipper, thread), "the fault to strike", seconds=PATIENCE)
        with recovery() as watch:
            if not server.alive():
                server.start()
            thread.join(PATIENCE)
        assert not thread.is_alive()
        assert shipper.status.error, "the fault must have struck"
        seconds = max(seconds, watch.seconds)
    rows = Rows(settings)
    rounds.book(fault, ledger, Stored.in_clickhouse(rows.admin), rounds=number, seconds=seconds)
    rows.close()
