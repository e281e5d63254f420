"""The runbook knows every complaint: each sentence of `doctor` and each reason of /health/ready has an entry."""

import ast
import re
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector import process
from pipeline.audit.log import Audit
from pipeline.edge.blocks import BlockList
from pipeline.keys.destruction import destroy
from pipeline.keys.directory import KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.ship.status import ShipStatus, delivery_troubles

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 29)

GOOD_NEWS = {
    "agent_keys", "all_well", "audit", "collector_accepts", "collector_no_swap", "database_answers", "engine_confined",
    "engine_is_server", "hosts_agree", "software", "clock_even", "data_known", "events", "file_in_force", "keys", "last_hour_usual", "lists", "need_you", "no_events", "no_sinks",
    "none_published", "offered_agrees", "oldest", "pages_read", "persons", "privacy_names", "private", "providers", "proxies",
    "public_url", "published", "scored", "ship_runs", "sink_works", "site", "sitemap", "spool", "terms_agree",
}  # fmt: skip
"""Sentences of `doctor` that ask nobody to do anything."""
PARTS = {
    "address", "collector", "consent_explicit", "consent_implied", "credit", "cut", "cut_both", "database", "fetch_lists",
    "in_memory", "licence_unknown", "main_sender", "moment", "network", "no_file_in_memory", "place_disk", "place_memory", "ahead", "behind", "the_maker",
    "proxy_loopback", "proxy_private", "proxy_set_loopback", "proxy_set_loopback_v6", "proxy_set_private",
    "publish_elsewhere", "publish_here", "put_file", "ship_state_halted", "ship_state_idle", "ship_state_shipping",
    "ship_state_starting", "ship_state_waiting", "shipper", "what_asn", "what_country", "what_crawlers",
}  # fmt: skip
"""Words that are only ever a part of another sentence."""


def entries() -> list[list[str]]:
    """Return what the runbook quotes in its tables, each as the fixed pieces between `...`."""
    page = (ROOT / "docs/runbook.md").read_text()
    quoted = re.findall(r"`` (.+?) ``|`([^`\n]+)`", "\n".join(re.findall(r"^\|(.*)\|$", page, re.MULTILINE)))
    pieces = [[piece for piece in "".join(pair).split("...") if piece.strip()] for pair in quoted]
    return [each for each in pieces if max((len(piece.strip()) for piece in each), default=0) >= 8]


def is_told(sentence: str, known: list[list[str]]) -> bool:
    """Return whether an entry has all its pieces in this sentence, in their order."""
    return any(re.search(".*".join(map(re.escape, pieces)), sentence, re.DOTALL) for pieces in known)


def complaints() -> dict[str, str]:
    """Return the sentences of `doctor` that ask for something, with a mark in place of each value."""
    texts = {
        key: told["en"]
        for name in ("operations/doctor.toml", "database/unreachable.toml", "hosts/hosts.toml")
        for key, told in tomllib.loads((ROOT / "pipeline" / name).read_text()).items()
    }
    assert texts.keys() >= GOOD_NEWS | PARTS
    return {
        key: re.sub(r"\{.*?\}", "\0", text)
        for key, text in texts.items()
        if key not in GOOD_NEWS | PARTS and not key.startswith("title_")
    }


@pytest.mark.parametrize("key", sorted(complaints()))
def test_the_runbook_tells_what_to_do_about_a_sentence_of_doctor(key):
    assert is_told(complaints()[key], entries()), f"docs/runbook.md, 'Sentences of doctor': {complaints()[key]}"


def test_a_sentence_that_the_runbook_does_not_have_is_found():
    assert not is_told("\0: the moon is in the way", entries())
    assert not is_told("pending, stored, spooled", [["spooled", "stored"]])


def test_every_sentence_in_the_table_of_the_runbook_is_still_one_of_doctor():
    page = (ROOT / "docs/runbook.md").read_text()
    table = re.search(r"^### Sentences of doctor\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)[1]
    texts = [*complaints().values(), "; bring a newer one", "audit.log: "]
    _, *cells = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(cells) > 70
    stale = [
        cell
        for cell in cells
        if not any(is_told(text, [[part for part in cell.split("...") if part]]) for text in texts)
    ]
    assert stale == []


def reasons_not_ready(home: Path) -> Iterator[str]:
    """Yield what /health/ready may say, from the real places."""
    tree = ast.parse(Path(process.__file__).read_text())
    [function] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "not_ready"]
    yield from (
        node.value.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant)
    )
    keys = KeyDirectory(home / "keys")
    ring = Keyring(keys, may_mint=False)
    ring.day(TODAY, today=TODAY)
    yield ring.problem
    minting = Keyring(keys, may_mint=True)
    for epoch in (TODAY + timedelta(days=1), TODAY - timedelta(days=400)):
        assert minting.day(epoch, today=TODAY) is None
        yield minting.problem
    keys.file(KeyName.of_day(TODAY)).write_bytes(b"short")
    keys.file(KeyName.of_day(TODAY)).chmod(0o600)
    damaged = Keyring(keys, may_mint=True)
    damaged.day(TODAY, today=TODAY)
    yield damaged.problem
    keys.file(KeyName.of_day(TODAY)).chmod(0o644)
    open_to_all = Keyring(keys, may_mint=True)
    open_to_all.day(TODAY, today=TODAY)
    yield open_to_all.problem
    (home / "blocks").mkdir(mode=0o700)
    (home / "blocks" / "one.json").write_text("no block")
    yield BlockList(home / "blocks", KeyDirectory(home / "other")).problem
    yield from delivery_troubles(None, 0)
    now = round(time.time() * 1000)
    stopped = ShipStatus(pid=1, at_ms=now, state="stopped", failed_jobs={"publish numbers": "it failed"})
    yield from delivery_troubles(stopped, now)


def test_the_runbook_has_every_reason_of_health_ready(tmp_path):
    reasons = list(reasons_not_ready(tmp_path))
    assert len(reasons) >= 10
    assert all(reasons)
    assert [reason for reason in reasons if not is_told(reason, entries())] == []


@pytest.mark.parametrize(("cause", "told"), [("order", "never made again"), ("retention", "the clock says")])
def test_a_destroyed_key_and_a_clock_that_was_set_back_are_in_the_runbook(tmp_path, cause, told):
    keys, audit = KeyDirectory(tmp_path / "keys"), Audit(tmp_path / "audit")
    ring = Keyring(keys, may_mint=True)
    ring.mint_ahead(TODAY, 1)
    now = datetime.combine(TODAY, datetime.min.time(), UTC)
    destroy(keys, audit, KeyName.of_day(TODAY), now=now, by="test", reason="test", cause=cause)
    day = TODAY - timedelta(days=cause == "retention")
    assert ring.day(day, today=day) is None
    assert told in ring.problem
    assert is_told(ring.problem, entries())
