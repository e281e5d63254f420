"""`verify-privacy`: self-test, requests, wait until all events are stored, search.

Owns the order of these steps, and the check that the search found this run's marker.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pipeline.database.client import connect
from pipeline.errors import Fatal, Retryable
from pipeline.privacy_check.byte_search import Search
from pipeline.privacy_check.canaries import CONNECTION, draw, marker
from pipeline.privacy_check.places import (
    CLICKHOUSE_DATA,
    Leak,
    Proof,
    Searching,
    search_files,
    search_metrics,
    search_tables,
)
from pipeline.privacy_check.requests import plan
from pipeline.privacy_check.self_test import check_search
from pipeline.privacy_check.send import Sent, check_listens, send
from pipeline.settings.model import Settings
from pipeline.system.secrets import TICKET
from pipeline.traffic.replay import STORED_WAIT_SECONDS, new_nonces, wait_until_stored


class Verification(NamedTuple):
    """The result: identifiers found by the self-test, requests sent, rows stored, places searched."""

    planted: int
    sent: Sent
    stored: int
    proof: Proof

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """The canaries that were found."""
        return self.proof.leaks


def verify(
    settings: Settings, random: Random, *, url: str = "", also: Sequence[Path] = (), wait: bool = True
) -> Verification:
    """Send the canaries and search for them; without `wait` also while ClickHouse is unavailable.

    Raises `Retryable` when the collector or ClickHouse does not answer, `Fatal` when the self-test fails or
    the run's marker is not found.
    """
    target = url or direct_url(settings)
    check_listens(target)
    canaries, sign = draw(random), marker(random)
    with TemporaryDirectory() as scratch:
        planted = check_search(canaries, settings, Path(scratch))
    since_ns, first_nonce = time.time_ns(), new_nonces()
    requests = plan(canaries, settings.sites[0], sign.text)
    sent = send(
        requests,
        target,
        ticket=_ticket(settings),
        sources=[canary.text for canary in canaries if canary.place == CONNECTION],
        first_nonce=first_nonce,
    )
    searching = Searching(Search((*canaries, sign)))
    search_files(searching, settings, [settings.spool_dir], since_ns=since_ns)  # before it is shipped
    stored = 0
    if wait:
        stored = wait_until_stored(settings, first_nonce, len(requests), expected=sent.events).rows
        _wait_for_signal(settings, sign.text)
    with suppress(*(() if wait else (Retryable,))):
        search_tables(searching, settings, since_ns=since_ns)
    search_files(searching, settings, [settings.data, *also], since_ns=since_ns)
    search_metrics(searching, direct_url(settings))
    proof = searching.proof()
    _check_sight(proof, settings, wait=wait)
    return Verification(planted, sent, stored, proof)


def direct_url(settings: Settings) -> str:
    """Return the address of this machine's collector."""
    host = settings.collector.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"http://[{host}]:{settings.collector.port}" if ":" in host else f"http://{host}:{settings.collector.port}"


def _check_sight(proof: Proof, settings: Settings, *, wait: bool) -> None:
    """Raise `Fatal` if the marker was not found: then the search looked in the wrong places."""
    if not any(area.marked for area in proof.areas):
        raise Fatal(f"search failed: the marker of this run is not under {settings.data}; is it this system's `data`?")
    wanted = ["tables"] if settings.clickhouse.url else ["tables", f"{CLICKHOUSE_DATA}, unpacked"]
    for name in wanted if wait else ():
        if not proof.area(name).marked:
            raise Fatal(f"search failed: the marker of this run was not found in: {name}")


def _wait_for_signal(settings: Settings, marker: str) -> None:
    client = connect(settings, "pixel_admin")
    deadline = time.monotonic() + STORED_WAIT_SECONDS
    try:
        while not client.query(
            "SELECT count() FROM pixel.technical WHERE endsWith(page, {marker:String})", parameters={"marker": marker}
        ).result_rows[0][0]:
            if time.monotonic() > deadline:
                raise Retryable("accepted measurements are not stored yet; is `ship` running?")
            time.sleep(0.2)
    finally:
        client.close()


def _ticket(settings: Settings) -> str:
    file = settings.secrets_dir / TICKET
    try:
        return file.read_text().strip()
    except OSError as error:
        raise Fatal(f"{file}: {error.strerror}; run this on the collector's machine, as the collector's user") from None
