"""Each hit is counted once, whatever becomes of it: here what the other tests of the edge cannot see."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from collector import process as process_module
from collector.http.request import read_pixel
from collector.metrics import FILES_REFUSED, PAGE_FAULTS, TotalsFile
from collector.process import EARLIEST_MS, LONGEST_CACHED_QUERY, PAGE_FAULTS_SECONDS, Process
from pipeline.edge.blocks import BlockList
from pipeline.edge.steps import OverRate, run_edge
from pipeline.errors import Reason, Refused
from pipeline.event import Count, Hit
from pipeline.keys.tokens import packed
from pipeline.pages import page as page_module
from pipeline.settings.model import Settings
from pipeline.settings.sections import Collector, Networks
from support.databases import write_countries
from support.waiting import until

OWN = {"id": "clinic", "hosts": ["clinic.example"], "own_networks": ["192.0.2.0/24"]}


def test_a_flood_is_refused_and_counted_by_what_may_be_known_of_its_sender(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data": tmp_path, "sites": [OWN], "collector": Collector(flood_burst=1), "networks": Networks()}
    )
    process = Process(settings)
    hit = Hit(received_ms=1_795_000_000_000, peer="192.0.2.7", site="clinic")
    for _ in range(20):  # a hit from the clinic's own network costs a twentieth
        run_edge(hit, process.tables, now_ms=hit.received_ms)
    with pytest.raises(OverRate) as over:
        run_edge(hit, process.tables, now_ms=hit.received_ms)
    assert process.refuse(over.value).reason is Reason.FLOOD
    record = process.counters.drain("w0")
    assert record is not None
    counted = {count._replace(minute_ms=0) for count in record.counts}
    assert counted == {
        Count(0, "offered"),
        Count(0, "refused", "flood"),
        Count(0, "flood", net_class="own"),
    }


def test_nothing_is_taken_while_the_clock_is_plainly_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(Settings(data=tmp_path))
    monkeypatch.setattr(process_module, "now_ms", lambda: EARLIEST_MS - 1)
    with pytest.raises(Refused, match="bad_clock"):
        process.moment()
    assert "clock" in process.not_ready()
    monkeypatch.setattr(process_module, "now_ms", lambda: EARLIEST_MS)
    assert process.moment() == EARLIEST_MS


def test_an_unforeseen_error_is_logged_by_type_and_place_and_counted_as_one_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process = Process(Settings(data=tmp_path))
    with pytest.raises(ValueError, match="anna") as unforeseen:
        int("anna@mail.example")
    assert process.refuse(unforeseen.value).reason is Reason.INTERNAL
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("unforeseen ValueError at test_process.py:")
    record = process.counters.drain("w0")
    assert record is not None
    assert {(count.name, count.reason, count.value) for count in record.counts} == {
        ("offered", "", 1),
        ("refused", "internal", 1),
    }


def test_a_page_that_an_error_of_ours_made_unreadable_is_counted_and_logged_by_type_and_place_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("https://clinic.example/patients/anna")

    process = Process(Settings(data=tmp_path))
    monkeypatch.setattr(page_module, "split_url", broken)
    for number in range(2):
        hit = Hit(
            received_ms=1_795_000_000_000, peer="192.0.2.7", site="clinic", page=f"https://clinic.example/{number}"
        )
        (event,) = run_edge(hit, process.tables, now_ms=hit.received_ms).events
        assert event.page == "/*"
        process._count_offered([event], hit.received_ms)
        process._tell_page_faults(number)
    assert process._read_totals()[PAGE_FAULTS, "", ""] == 2
    assert len(caplog.records) == 1
    process._tell_page_faults(PAGE_FAULTS_SECONDS)
    process._tell_page_faults(2 * PAGE_FAULTS_SECONDS)
    assert len(caplog.records) == 2
    assert "2 events" in caplog.messages[1]
    assert "ValueError at test_process.py:" in caplog.messages[1]
    assert "anna" not in caplog.text


def test_a_changed_look_up_file_is_in_force_for_known_clients_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "LOOK_SECONDS", 0.01)
    file = write_countries(tmp_path / "country.mmdb", "RU")
    settings = Settings.model_validate({"data": tmp_path, "networks": {"country_mmdb": file}})
    hit = Hit(received_ms=1_795_000_000_000, peer="203.0.113.7", site="clinic")

    async def scenario() -> None:
        process = Process(settings)
        await process.start()

        def country() -> str:
            (event,) = run_edge(hit, process.tables, now_ms=hit.received_ms).events
            return event.country

        assert country() == "RU"
        write_countries(tmp_path / "new.mmdb", "KZ").replace(file)
        await until(lambda: country() == "KZ", "the new file")
        os.truncate(file, 0)
        await until(lambda: process._read_totals()[FILES_REFUSED, "", ""], "the broken file to be counted")
        assert country() == "KZ"
        await process.stop()

    asyncio.run(scenario())


def test_ten_minutes_after_the_last_hit_no_part_of_the_process_holds_the_visitors_address_page_or_agent(
    tmp_path: Path,
) -> None:
    settings = Settings.model_validate({"data": tmp_path, "sites": [OWN]})
    secrets = ("203.0.113.77", "anna@mail.example", "Agent of Anna")

    async def scenario() -> None:
        process = Process(settings)
        take(process, *secrets)
        assert held(process, secrets), "they are cached for a while"
        for _ in range(2):
            await process._forget()
        assert held(process, secrets) == set()

    asyncio.run(scenario())


def test_a_long_query_is_not_cached(tmp_path: Path) -> None:
    process = Process(Settings.model_validate({"data": tmp_path, "sites": [OWN]}))
    short = b"s=clinic&u=/".ljust(LONGEST_CACHED_QUERY, b"a")
    assert process.read_query(short) is process.read_query(short)
    assert process.read_query(short + b"a") is not process.read_query(short + b"a")


def take(process: Process, address: str, email: str, agent: str) -> None:
    scope = {
        "method": "GET",
        "path": "/p.gif",
        "query_string": f"s=clinic&u=https://clinic.example/?m={email}&r=https://ya.ru/{email}&n=1".encode(),
        "headers": [(b"host", b"a"), (b"user-agent", agent.encode())],
        "client": (address, 1),
    }
    moment = process.moment()
    hit = read_pixel(scope, now_ms=moment, replays=process.replays, read=process.read_query)
    run_edge(hit, process.tables, now_ms=moment)


def held(process: Process, secrets: Iterable[str]) -> set[str]:
    """Return the texts that are reachable from a process, in any of their forms."""
    forms = {form: text for text in secrets for form in (text, text.encode())}
    forms.update({packed(text): text for text in secrets if text[0].isdigit()})
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[object] = [process]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (ModuleType, FunctionType, type)):
            continue
        seen.add(id(one))
        if isinstance(one, (str, bytes)):
            found |= {text for form, text in forms.items() if isinstance(form, type(one)) and form in one}
        waiting += gc.get_referents(one)
    return found


@pytest.mark.parametrize(("owner", "method"), [(TotalsFile, "write"), (BlockList, "refresh")])
def test_hits_are_taken_while_a_file_of_the_upkeep_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hangs(*_: object) -> None:
        reached.set()
        go_on.wait(20)

    async def scenario() -> None:
        process = Process(Settings(data=tmp_path))
        monkeypatch.setattr(owner, method, hangs)
        await process.start()
        await until(reached.is_set)
        hit = Hit(received_ms=1_795_000_000_000, peer="192.0.2.7", site="clinic")
        events, _ = run_edge(hit, process.tables, now_ms=hit.received_ms)
        assert await process.store(events, now_ms=hit.received_ms) is None
        go_on.set()
        await process.stop()

    monkeypatch.setattr(process_module, "TOTALS_SECONDS", 0.01)
    monkeypatch.setattr(process_module, "READ_SECONDS", 0.01)
    asyncio.run(scenario())


def test_upkeep_that_fails_asks_for_the_end_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a path")

    async def scenario() -> None:
        ended = asyncio.Event()
        process = Process(Settings(data=tmp_path), end=ended.set)
        monkeypatch.setattr(process, "_read_totals", broken)
        await process.start()
        await asyncio.wait_for(ended.wait(), 10)
        monkeypatch.undo()
        await process.stop()

    monkeypatch.setattr(process_module, "TOTALS_SECONDS", 0.01)
    asyncio.run(scenario())
    assert "collector: unforeseen ValueError at test_process.py:" in caplog.text
