"""The readers of /health and /metrics, and the sums of /metrics: every process, and those before them."""

from __future__ import annotations

import asyncio
import platform
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from starlette.types import Message

from collector.app import Collector
from collector.metrics import Totals, TotalsFile, exposition
from pipeline import __version__
from pipeline.clock import now_ms
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.settings.model import Settings
from pipeline.ship.status import ShipStatus, delivery_troubles, status_path, write_status

LOOPBACK, PROXY, STRANGER = "127.0.0.1", "10.0.0.1", "203.0.113.9"
PATHS = ("/health/live", "/health/ready", "/metrics")


async def ask(app: Collector, path: str, peer: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return status and body of a GET."""
    given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": given,
        "client": (peer, 4711),
        "scheme": "http",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


def status(tmp_path: Path, path: str, peer: str, headers: Mapping[str, str], **collector: object) -> int:
    app = Collector(Settings.model_validate({"data": tmp_path, "collector": collector}))

    async def run() -> int:
        await app.process.start()
        code, _ = await ask(app, path, peer, headers)
        await app.process.stop()
        return code

    return asyncio.run(run())


@pytest.mark.parametrize("path", PATHS)
def test_this_machine_and_admin_networks_may_read(tmp_path: Path, path: str) -> None:
    assert status(tmp_path, path, LOOPBACK, {}) == 200
    assert status(tmp_path, path, STRANGER, {}, admin_networks=["203.0.113.0/24"]) == 200


@pytest.mark.parametrize("path", PATHS)
def test_others_may_not(tmp_path: Path, path: str) -> None:
    assert status(tmp_path, path, STRANGER, {}) == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
@pytest.mark.parametrize("named", [LOOPBACK, f"for={LOOPBACK}"])
def test_who_comes_through_an_unknown_proxy_may_not_whoever_is_named(tmp_path: Path, header: str, named: str) -> None:
    assert status(tmp_path, "/metrics", LOOPBACK, {header: named}) == 403


@pytest.mark.parametrize(("client", "expected"), [(STRANGER, 403), (LOOPBACK, 200), (f"{LOOPBACK}, {STRANGER}", 403)])
def test_behind_a_trusted_proxy_the_client_counts(tmp_path: Path, client: str, expected: int) -> None:
    answer = status(tmp_path, "/metrics", PROXY, {"X-Forwarded-For": client}, trusted_proxies=[f"{PROXY}/32"])
    assert answer == expected


def test_a_collector_whose_spool_refuses_is_alive_and_not_ready(tmp_path: Path) -> None:
    app = Collector(Settings(data=tmp_path))

    async def run() -> None:
        await app.process.start()
        await app.process.spool.close()
        assert (await ask(app, "/health/live", LOOPBACK, {}))[0] == 200
        code, text = await ask(app, "/health/ready", LOOPBACK, {})
        assert code == 503
        assert b"spool" in text

    asyncio.run(run())


NOW = 1_795_000_000_000
AT_WORK = ShipStatus(pid=1, at_ms=NOW - 1000, state="idle")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (AT_WORK, []),
        (None, ["delivery: no shipper has run here yet"]),
        (msgspec.structs.replace(AT_WORK, at_ms=NOW - 61_000), ["delivery: the shipper does not run"]),
        (msgspec.structs.replace(AT_WORK, state="stopped"), ["delivery: the shipper does not run"]),
        (msgspec.structs.replace(AT_WORK, tries=2, error="ClickHouse is away"), ["delivery: ClickHouse is away"]),
        (msgspec.structs.replace(AT_WORK, error="ClickHouse was away"), []),
        (msgspec.structs.replace(AT_WORK, failed_jobs={"retention": "no right"}), ["retention: no right"]),
    ],
)
def test_what_keeps_events_from_the_database_is_told(state: ShipStatus | None, told: list[str]) -> None:
    assert delivery_troubles(state, NOW) == told


def test_a_collector_whose_events_wait_is_ready_and_says_why_they_wait(tmp_path: Path) -> None:
    """A load balancer that took it out would lose the hits that the spool still takes."""
    app = Collector(Settings(data=tmp_path))
    write_status(
        status_path(tmp_path), ShipStatus(pid=1, at_ms=now_ms(), tries=3, error="ClickHouse refuses a password")
    )

    async def run() -> None:
        await app.process.start()
        told = b"ready\ndelivery: ClickHouse refuses a password\n"
        assert await ask(app, "/health/ready", LOOPBACK, {}) == (200, told)
        await app.process.spool.close()

    asyncio.run(run())


def test_a_collector_whose_coming_key_is_missing_is_ready_and_names_it_days_before(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path, "collector": {"mint_keys": False, "name": "b"}})
    today = datetime.now(UTC).date()
    files = KeyDirectory.of(settings)
    for name in (KeyName.of_day(today), KeyName.of_year(today), KeyName.of_quarter(today)):
        files.create(name, b"k" * 32)
    app = Collector(settings)

    async def run() -> None:
        await app.process.start()
        status, text = await ask(app, "/health/ready", LOOPBACK, {})
        first, *lines = text.decode().splitlines()
        assert (status, first) == (200, "ready")
        assert any(line.startswith("hosts: b has no key ") and str(today + timedelta(days=1)) in line for line in lines)
        _, figures = await ask(app, "/metrics", LOOPBACK, {})
        assert b"clinic_pixel_hosts_key_missing 1.0" in figures
        assert b"clinic_pixel_hosts_keys_differ 0.0" in figures
        await app.process.spool.close()

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/health/ready", "/metrics"])
def test_hits_do_not_wait_while_files_are_read_for_an_administrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    app, readers = Collector(Settings(data=tmp_path)), set[int]()

    def read(data: Path) -> None:
        readers.add(threading.get_ident())

    monkeypatch.setattr("collector.endpoints.health.read_status", read)
    monkeypatch.setattr("collector.machine_metrics.read_status", read)

    async def run() -> None:
        await app.process.start()
        assert (await ask(app, path, LOOPBACK, {}))[0] == 200
        await app.process.stop()

    asyncio.run(run())
    assert readers
    assert threading.get_ident() not in readers


def offered(count: int) -> Totals:
    return Counter({("offered", "", ""): count})


def left_behind(directory: Path, slot: str, totals: Totals) -> None:
    """Let a process count so much and end."""
    file = TotalsFile(directory)
    file.start(slot)
    file.write(totals)


def shown(directory: Path) -> str:
    return exposition(directory, {"ready": 1.0}).decode()


def test_the_figures_of_all_processes_are_added(tmp_path: Path) -> None:
    left_behind(tmp_path, "w0", offered(3) + Counter({("refused", "flood", ""): 2}))
    left_behind(tmp_path, "w1", offered(4) + Counter({("refused", "flood", ""): 1, ("refused", "bad_query", ""): 1}))
    text = shown(tmp_path)
    assert "clinic_pixel_offered_total 7.0" in text
    assert 'clinic_pixel_refused_total{reason="flood"} 3.0' in text
    assert 'clinic_pixel_refused_total{reason="bad_query"} 1.0' in text
    assert "clinic_pixel_ready 1.0" in text


def test_a_process_that_starts_again_goes_on_counting(tmp_path: Path) -> None:
    left_behind(tmp_path, "w0", offered(5))
    left_behind(tmp_path, "w0", offered(2))
    assert "clinic_pixel_offered_total 7.0" in shown(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[[", b"{}", b"[1]", b'[["offered","","","x","y"]]', b"\xff"])
def test_a_file_that_is_none_of_ours_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "collector-w9.json").write_bytes(content)
    left_behind(tmp_path, "w0", offered(1))
    assert "clinic_pixel_offered_total 1.0" in shown(tmp_path)


def test_the_figures_name_the_version_of_the_collector_and_of_python(tmp_path: Path) -> None:
    built = f'clinic_pixel_build_info{{python="{platform.python_version()}",version="{__version__}"}} 1.0'
    assert built in shown(tmp_path).splitlines()


def test_a_key_directory_that_cannot_be_listed_fails_no_page_of_the_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Collector(Settings.model_validate({"data": tmp_path, "collector": {"mint_keys": False}}))

    def refuse(*_: object) -> list[KeyName]:
        raise OSError(5, "Input/output error")

    async def run() -> None:
        await app.process.start()
        monkeypatch.setattr(KeyDirectory, "names", refuse)
        assert (await ask(app, "/health/ready", LOOPBACK, {}))[0] in (200, 503)
        code, figures = await ask(app, "/metrics", LOOPBACK, {})
        assert code == 200
        assert b"clinic_pixel_spool_bytes" in figures
        assert b"clinic_pixel_keys_overdue" not in figures
        monkeypatch.undo()
        await app.process.stop()

    asyncio.run(run())
